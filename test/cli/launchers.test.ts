/**
 * Trials behind launchers, and studies by several processes at once: whatever is put before a trial or kills one, the
 * study comes to the results of one process without a launcher, with every step trained once.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  checkpointOf,
  eventsOf,
  fovea,
  sha256,
  signalAtStep,
  start,
  succeed,
  temporaryFolder,
  writeSmallMnist,
} from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const json = (path: string) => JSON.parse(readFileSync(join(cwd, path), 'utf8'))
const hashOf = (study: string, trial: string): string => sha256(checkpointOf(join(cwd, study, 'trials', trial)))

/** Two epochs of four steps. */
const search = (out: string, ...more: string[]): string[] => [
  ...['search', 'lenet5', '--data-dir', 'data', '--validation', '16', '--batch-size', '16', '--epochs', '2'],
  ...['--vary', 'optimizer.lr=log(1e-3, 1e-1)', '--trials', '2', '--quiet', '--out', out],
  ...more,
]

/** A launcher that is a shell script, which gets the command as its arguments. */
function script(name: string, ...lines: string[]): string {
  writeFileSync(join(cwd, name), `#!/bin/sh\n${lines.join('\n')}\n`)
  chmodSync(join(cwd, name), 0o755)
  return `./${name}`
}

/** What a shell puts before a command so that its process signals itself, or its parent as well. */
const shellSignal = (...signal: Parameters<typeof signalAtStep>): string =>
  `env ${Object.entries(signalAtStep(...signal))
    .map(([name, value]) => `${name}='${value}'`)
    .join(' ')}`

/** Every step once, in order; nothing beside the runs but what they are. */
function expectWhole(study: string, trials = ['t001', 't002']): void {
  expect(readdirSync(join(cwd, study, 'trials')).sort()).toEqual(trials)
  for (const trial of trials) {
    const steps = eventsOf(join(cwd, study, 'trials', trial)).filter(({ type }) => type === 'step')
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(hashOf(study, trial)).toBe(hashOf('plain', trial))
    expect(readdirSync(join(cwd, study, 'trials', trial))).not.toContain('lock')
  }
}

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 80, test: 20 })
  await succeed(cwd, search('plain', '--trials', '4', '--jobs', '2'))
})
afterAll(folder.remove)

describe('a trial behind', () => {
  it.each([
    ['env', () => 'env FOVEA_THREADS=1'],
    [
      'a script that takes its input, says things and is not the process itself',
      () => script('talks.sh', 'cat', 'echo words', 'echo more words >&2', 'cat /dev/null | "$@"'),
    ],
  ])('%s is the same', async (name, launcher) => {
    await succeed(cwd, search(name, '--jobs', '2', '--launcher', launcher()))
    expectWhole(name)
  })

  it('a launcher, of folds and members', async () => {
    const data = ['--data-dir', 'data', '--batch-size', '16', '--epochs', '1', '--quiet', '--launcher', './counts.sh']
    script('counts.sh', 'echo "$@" >>started.txt', 'exec "$@"')
    await succeed(cwd, ['kfold', 'lenet5', ...data, '--folds', '2', '--out', 'folds'])
    await succeed(cwd, ['ensemble', 'lenet5', ...data, '--validation', '16', '--members', '2', '--out', 'members'])
    const started = readFileSync(join(cwd, 'started.txt'), 'utf8')
    for (const run of ['folds/trials/fold1', 'folds/trials/fold2', 'members/trials/member2']) {
      expect(started).toContain(`train --resume ${run} --trial `)
    }
    expect(json('folds/result.json').folds).toHaveLength(2)
  })

  it('a launcher that is missing: nothing is begun', async () => {
    const { code, stderr } = await fovea(cwd, search('missing', '--launcher', 'srum --exact'))
    expect(stderr).toBe('fovea: --launcher "srum --exact": cannot be started: srum: no such command\n')
    expect(code).toBe(2)
  })

  it.each([
    ['fails', 'sh -c "echo no node is free >&2; exit 3"', 'ended with code 3 before trial t001 began: no node is free'],
    [
      'does nothing',
      'true',
      'ended with code 0 before trial t001 began; a launcher must run the command that follows it',
    ],
  ])('a launcher that %s: no trial is blamed', async (name, launcher, message) => {
    const { code, stderr } = await fovea(cwd, search(name, '--launcher', launcher))
    expect(stderr).toContain(`fovea: --launcher "${launcher}": ${message}`)
    expect(code).toBe(1)
    await succeed(cwd, search(name))
    expectWhole(name)
  })

  it('a launcher that starts two: the second is refused', async () => {
    // The first is stopped until the second has ended, so that it cannot be done before.
    const launcher = script(
      'two.sh',
      '"$@" &',
      'while [ ! -e "$(dirname "$5")/$(basename "$5").process" ]; do sleep 0.1; done',
      'kill -STOP $!',
      '"$@" 2>>refused.txt',
      'kill -CONT $!',
      'wait $!',
    )
    await succeed(cwd, search('two', '--launcher', launcher))
    expect(readFileSync(join(cwd, 'refused.txt'), 'utf8')).toContain(
      'two/trials/t001: the launcher started several processes for one trial; it must start one (srun -n1)',
    )
    expectWhole('two')
  })

  it('a launcher: one that diverges has failed, by its own words', async () => {
    const wild = ['--vary', 'optimizer.lr=choice(1e30, 0.01)', '--strategy', 'grid', '--launcher', 'nice']
    await succeed(cwd, ['search', 'lenet5', ...search('wild').slice(2, 10), ...wild, '--quiet', '--out', 'wild'])
    const [failed, fine] = json('wild/result.json').trials
    expect(failed.failed).toMatch(/^fovea: wild\/trials\/t001: training diverged: at step/)
    expect(fine).toMatchObject({ name: 't002', epoch: 2 })
  })
})

describe('a trial that is killed', () => {
  it('goes on from its last checkpoint, behind a launcher that does not notice', async () => {
    const launcher = script(
      'dies.sh',
      'if mkdir "$(basename "$5").once"; then',
      `${shellSignal('SIGKILL', 6)} "$@" &`,
      'wait $!',
      'exec sleep 1000',
      'fi',
      'exec "$@"',
    )
    await succeed(cwd, search('killed', '--jobs', '2', '--launcher', launcher))
    expect(existsSync(join(cwd, 't002.once'))).toBe(true)
    expectWhole('killed')
  })

  it('twice in the same epoch has failed', async () => {
    const { code, stderr } = await fovea(cwd, search('doomed', '--trials', '1'), signalAtStep('SIGKILL', 2))
    expect(stderr).toContain('no trial finished an epoch; the first: its process was ended by SIGKILL')
    expect(code).toBe(1)
  })
})

it('a study that is stopped: its trials save, behind a launcher that kills them at a signal', async () => {
  const launcher = script('kills.sh', "trap 'kill -KILL $!; exit 1' TERM", '"$@" &', 'wait $!')
  const args = search('stopped', '--jobs', '2', '--epochs', '400', '--launcher', launcher)
  const { process: study, finished } = start(cwd, args)
  const trials = ['t001', 't002'].map(name => join(cwd, 'stopped/trials', name))
  for (const trial of trials) await expect.poll(() => existsSync(join(trial, 'latest'))).toBe(true)
  study.kill('SIGTERM')
  const { code, stdout } = await finished
  expect(stdout).toBe('stopped; the same command goes on: its study is in stopped\n')
  expect(code).toBe(143)
  for (const trial of trials) {
    const last = eventsOf(trial).at(-1)!
    expect(last.type).toBe('checkpoint')
    expect(last.step).toBeLessThan(1600)
  }
  expect(readdirSync(join(cwd, 'stopped/trials')).sort()).toEqual(['t001', 't002'])
})

describe('a study that is killed', () => {
  it('behind whose launcher a trial goes on: the trial saves and ends', async () => {
    const long = search('left', '--trials', '1', '--epochs', '400', '--launcher', 'env')
    const { signal } = await fovea(cwd, long, signalAtStep('SIGKILL', 10, 'parent'))
    expect(signal).toBe('SIGKILL')
    const trial = join(cwd, 'left/trials/t001')
    await expect.poll(() => existsSync(`${trial}.process`)).toBe(false)
    const last = eventsOf(trial).at(-1)!
    expect(last.type).toBe('checkpoint')
    expect(last.step).toBeGreaterThanOrEqual(10)
    expect(last.step).toBeLessThan(1600)
  })

  it('while others work on it: they take its trials over', async () => {
    const four = (...more: string[]) => search('shared', '--trials', '4', ...more)
    const killed = start(cwd, four(), signalAtStep('SIGKILL', 6, 'parent'))
    await expect.poll(() => existsSync(join(cwd, 'shared/trials/t001.claim'))).toBe(true)
    const others = [start(cwd, four()), start(cwd, four('--jobs', '2', '--launcher', 'nice'))]
    expect((await killed.finished).signal).toBe('SIGKILL')
    for (const { finished } of others) expect(await finished).toMatchObject({ code: 0, stderr: '' })
    expectWhole('shared', ['t001', 't002', 't003', 't004'])
    expect(json('shared/result.json')).toEqual(json('plain/result.json'))
  })

  it('with its machine: another machine takes it over when its locks have stood still', async () => {
    const fakeHost = `--import=${new URL('../support/fakeHost.mjs', import.meta.url)}`
    const crash = signalAtStep('SIGKILL', 6, 'both')
    const crashed = await fovea(cwd, search('hosts'), {
      ...crash,
      NODE_OPTIONS: `${crash.NODE_OPTIONS} ${fakeHost}`,
      FOVEA_TEST_HOST: 'node1',
      FOVEA_LOCK_TIMEOUT: '2',
    })
    expect(crashed.signal).toBe('SIGKILL')
    for (const file of ['t001.claim', 't001.process', 't001/lock']) {
      expect(json(`hosts/trials/${file}`)).toMatchObject({ host: 'node1', timeout: 2 })
    }
    await succeed(cwd, search('hosts'), { NODE_OPTIONS: fakeHost, FOVEA_TEST_HOST: 'node2' })
    expectWhole('hosts')
  })
})

it('a study that is given more trials by another process leaves the report to it', async () => {
  // The first waits in its launcher until the second has extended the study.
  const launcher = script('waits.sh', 'while [ ! -e grown ]; do sleep 0.1; done', 'exec "$@"')
  const first = start(cwd, search('grows', '--launcher', launcher))
  await expect.poll(() => existsSync(join(cwd, 'grows/trials/t001.claim'))).toBe(true)
  const second = start(cwd, search('grows', '--trials', '4'))
  await expect.poll(() => json('grows/study.json').trials).toBe(4)
  writeFileSync(join(cwd, 'grown'), '')
  expect(await first.finished).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'fovea: grows: has 4 trials by now; the command that asked for them reports\n',
  })
  expect(await second.finished).toMatchObject({ code: 0 })
  expect({ ...json('grows/result.json') }).toEqual(json('plain/result.json'))
})
