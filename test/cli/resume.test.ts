/**
 * The same recipe makes the same bits: for any number of threads, and after any interruption. Runs are long enough to be
 * caught in the middle: 12 epochs of 15 steps.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
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
const recipe = ['--data-dir', 'data', '--validation', '64', '--epochs', '12', '--seed', '3']
const steps = 180
const run = (name: string) => join(cwd, 'runs', name)

/** What is the same in every run of the recipe: the weights and the optimizer's state, and where the run stands. */
const outcome = (name: string) => ({
  tensors: sha256(checkpointOf(run(name))),
  description: readFileSync(checkpointOf(run(name)).replace('.safetensors', '.json'), 'utf8'),
  best: readFileSync(join(run(name), 'best'), 'utf8'),
})

/** The log tells one story: every step once, whatever happened in between. */
function expectWholeLog(name: string): void {
  const events = eventsOf(run(name))
  const all = Array.from({ length: steps }, (_, k) => k + 1)
  expect(events.filter(({ type }) => type === 'step').map(({ step }) => step)).toEqual(all)
  for (const type of ['epoch', 'validation']) {
    expect(events.filter(event => event.type === type).map(({ epoch }) => epoch)).toEqual(all.slice(0, 12))
  }
  const losses = (of: string) => eventsOf(run(of)).flatMap(({ type, loss }) => (type === 'step' ? [loss] : []))
  expect(losses(name)).toEqual(losses('whole'))
}

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 1024, test: 200 })
  await succeed(cwd, ['train', ...recipe, '--name', 'whole', '--quiet'], { FOVEA_THREADS: '1' })
}, 300_000)
afterAll(folder.remove)

describe('threads', () => {
  it.each(['2', '3'])('%s threads make the same checkpoint as one', async threads => {
    await succeed(cwd, ['train', ...recipe, '--name', `threads${threads}`, '--quiet'], { FOVEA_THREADS: threads })
    expect(outcome(`threads${threads}`)).toEqual(outcome('whole'))
  })

  it('another seed makes another checkpoint', async () => {
    const args = ['train', '--data-dir', 'data', '--limit', '512', '--epochs', '1', '--quiet', '--no-test']
    for (const seed of ['3', '4']) await succeed(cwd, [...args, '--seed', seed, '--name', `seed${seed}`])
    expect(sha256(checkpointOf(run('seed3')))).not.toBe(sha256(checkpointOf(run('seed4'))))
  })
})

describe('kill -9', () => {
  it('at random moments, and resume until done: the same checkpoint, one whole log', async () => {
    const delays: number[] = []
    let killed = 0
    for (let attempt = 0; attempt < 40; attempt++) {
      const begun = existsSync(join(run('killed'), 'recipe.json'))
      if (!begun) rmSync(run('killed'), { recursive: true, force: true })
      const args = begun ? ['train', '--resume', 'runs/killed'] : ['train', ...recipe, '--name', 'killed']
      const child = start(cwd, args)
      // After six kills the run may finish.
      const delay = killed < 6 ? 150 + 500 * Math.random() : 60_000
      delays.push(delay)
      const timer = setTimeout(() => child.process.kill('SIGKILL'), delay)
      const { code, signal, stderr } = await child.finished
      clearTimeout(timer)
      if (signal === 'SIGKILL') killed++
      else {
        expect(code, `${stderr} after delays ${delays.join()}`).toBe(0)
        break
      }
    }
    expect(killed, `delays ${delays.join()}`).toBeGreaterThanOrEqual(1)
    expect(outcome('killed'), `delays ${delays.join()}`).toEqual(outcome('whole'))
    expectWholeLog('killed')
    expect(readdirSync(run('killed')).filter(name => name.startsWith('.') || name.startsWith('lock'))).toEqual([])
  }, 300_000)
})

describe('a signal', () => {
  it.each([
    ['SIGINT', 40, '2', 130],
    ['SIGTERM', 97, '1', 143],
  ] as const)('%s saves the very step, and resume goes on exactly', async (signal, step, threads, exitCode) => {
    const name = signal.toLowerCase()
    const env = { FOVEA_THREADS: threads, ...signalAtStep(signal, step) }
    const { code, stdout, stderr } = await fovea(cwd, ['train', ...recipe, '--name', name], env)
    const events = eventsOf(run(name))
    const last = events.findLast(({ type }) => type === 'step')!.step
    expect({ code, stderr }).toEqual({ code: exitCode, stderr: '' })
    expect(last).toBeGreaterThanOrEqual(step)
    expect(last).toBeLessThan(steps)
    expect(checkpointOf(run(name))).toContain(`step-000${String(last).padStart(3, '0')}.safetensors`)
    expect(stdout).toContain(`stopped after step ${last} (epoch ${Math.ceil(last / 15)} of 12), saved in runs/${name}/`)
    expect(stdout).toContain(`resume with: fovea train --resume runs/${name}\n`)
    expect(existsSync(join(run(name), 'result.json'))).toBe(false)

    const resumed = await succeed(cwd, ['train', ...recipe, '--resume', `runs/${name}`])
    expect(resumed.stdout).toContain(`resuming after step ${last}\n`)
    expect(outcome(name)).toEqual(outcome('whole'))
    expectWholeLog(name)
    const result = (of: string) => JSON.parse(readFileSync(join(run(of), 'result.json'), 'utf8'))
    const { test, train, validation, best } = result('whole')
    expect(result(name)).toMatchObject({ test, train, validation, best })
  })
})

describe('a run that is finished', () => {
  it('is shown, not trained again', async () => {
    const before = readFileSync(join(run('whole'), 'events.jsonl'), 'utf8')
    const { stdout } = await succeed(cwd, ['train', '--resume', 'runs/whole'])
    expect(stdout).toContain('runs/whole: this run is finished\ntest accuracy')
    expect(readFileSync(join(run('whole'), 'events.jsonl'), 'utf8')).toBe(before)
  })

  it('gets its result when only that is missing', async () => {
    cpSync(run('whole'), run('unreported'), { recursive: true })
    for (const name of ['result.json', 'report.html']) rmSync(join(run('unreported'), name))
    await succeed(cwd, ['train', '--resume', 'runs/unreported', '--quiet'])
    expect(outcome('unreported')).toEqual(outcome('whole'))
    expect(existsSync(join(run('unreported'), 'report.html'))).toBe(true)
    expectWholeLog('unreported')
  })
})

describe('resume refuses', () => {
  it.each([
    [['--precise'], '--precise conflicts with --resume'],
    [['--no-test'], '--no-test conflicts with --resume'],
    [
      ['--limit', '9'],
      '--limit 9 conflicts with --resume: a resumed run takes everything from its recipe, which has no limit',
    ],
    [['--name', 'other'], '--name conflicts with --resume: a resumed run stays in its folder'],
  ])('%j', async (args, message) => {
    const result = await fovea(cwd, ['train', '--resume', 'runs/whole', ...args])
    expect(result.stderr).toContain(`fovea: ${message}`)
    expect(result.code).toBe(2)
  })

  it('a recipe with a field that does not exist or does not fit', async () => {
    cpSync(run('whole'), run('misspelled'), { recursive: true })
    const path = join(run('misspelled'), 'recipe.json')
    const text = readFileSync(path, 'utf8').replace('"momentum": 0.9', '"momentun": 0.9')
    rmSync(path)
    await import('node:fs').then(fs => fs.writeFileSync(path, text))
    const result = await fovea(cwd, ['train', '--resume', 'runs/misspelled'])
    expect(result.stderr).toBe(
      "fovea: runs/misspelled/recipe.json: unknown field 'optimizer.momentun' (did you mean 'momentum'?)\n",
    )
    expect(result.code).toBe(2)
  })
})

describe('more epochs', () => {
  // A constant rate does not depend on how long the run is.
  const few = [...recipe, '--schedule', 'constant', '--no-test']
  const files = (name: string) => ({
    ...outcome(name),
    recipe: readFileSync(join(run(name), 'recipe.json'), 'utf8'),
  })

  it('of a finished run: bit for bit the run that had as many from the start, by its recipe and in its log', async () => {
    await succeed(cwd, ['train', ...few, '--epochs', '6', '--name', 'six', '--quiet'])
    await succeed(cwd, ['train', ...few, '--epochs', '3', '--name', 'three', '--quiet'])
    const { stderr } = await succeed(cwd, ['train', '--resume', 'runs/three', '--epochs', '6', '--quiet'])
    expect(stderr).toBe('')
    expect(files('three')).toEqual(files('six'))
    const steps = (name: string) =>
      eventsOf(run(name)).flatMap(({ type, step, loss }) => (type === 'step' ? [[step, loss]] : []))
    expect(steps('three')).toEqual(steps('six'))
    const starts = eventsOf(run('three')).filter(({ type }) => type === 'start')
    expect(starts).toMatchObject([
      { epochs: 3, step: 0 },
      { epochs: 6, step: 45 },
    ])
    expect(JSON.parse(readFileSync(join(run('three'), 'result.json'), 'utf8'))).toMatchObject({ epochs: 6, steps: 90 })
  }, 300_000)

  it('of one that was stopped, and stopped again while it had more: the same', async () => {
    await succeed(cwd, ['train', ...few, '--epochs', '4', '--name', 'stopped', '--quiet', '--stop-after', '2'])
    const args = ['train', '--resume', 'runs/stopped', '--epochs', '6', '--quiet']
    const { code } = await fovea(cwd, args, signalAtStep('SIGINT', 70))
    expect(code).toBe(130)
    expect(existsSync(join(run('stopped'), 'result.json'))).toBe(false)
    await succeed(cwd, ['train', '--resume', 'runs/stopped', '--quiet'])
    expect(files('stopped')).toEqual(files('six'))
  }, 300_000)

  it('says which parts of the recipe depend on the length of the run', async () => {
    await succeed(cwd, ['train', ...recipe, '--epochs', '1', '--no-test', '--name', 'cycle', '--quiet'])
    const { stderr } = await succeed(cwd, ['train', '--resume', 'runs/cycle', '--epochs', '2', '--quiet'])
    expect(stderr).toBe('fovea: warning: schedule (oneCycle): from here on as in a run of 2 epochs, no longer of 1\n')
    // Each step has the rate that the schedule of that length gives it: of step 15 of 15, then of 16 of 30.
    const rates = eventsOf(run('cycle')).flatMap(event =>
      event.type === 'step' ? [(event as { learningRate?: number }).learningRate!] : [],
    )
    expect(rates[15]! / rates[14]!).toBeGreaterThan(100)
  }, 300_000)

  it.each([
    ['fewer than have begun', 'three', '5', 'epochs (=5): runs/three has already begun epoch 6 of 6'],
    ['none', 'three', '0', '--epochs 0: epochs (=0) must be a whole number of at least 1'],
  ])('%s are refused, and nothing is changed', async (_, name, epochs, message) => {
    const before = files(name)
    const result = await fovea(cwd, ['train', '--resume', `runs/${name}`, '--epochs', epochs, '--quiet'])
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: `fovea: ${message}\n` })
    expect(files(name)).toEqual(before)
    expect(existsSync(join(run(name), 'result.json'))).toBe(true)
  })

  it('are refused to a run that was stopped early', async () => {
    const patience = ['--set', 'earlyStopping.patience=1', '--lr', '1e-9']
    await succeed(cwd, ['train', ...few, ...patience, '--epochs', '9', '--name', 'early', '--quiet'])
    const { code, stderr } = await fovea(cwd, ['train', '--resume', 'runs/early', '--epochs', '20', '--quiet'])
    expect(stderr).toMatch(
      /^fovea: epochs \(=20\): runs\/early was stopped early after epoch \d: validation accuracy has not improved for 1 epoch\n$/,
    )
    expect(code).toBe(2)
  }, 300_000)
})

describe('broken checkpoints', () => {
  /** A finished run whose result was never written. */
  function unfinished(name: string): string {
    cpSync(run('whole'), run(name), { recursive: true })
    rmSync(join(run(name), 'result.json'))
    return run(name)
  }

  it('the last is passed over with a warning, and the run ends as it would have', async () => {
    const path = unfinished('broken-last')
    truncateSync(checkpointOf(path), 1000)
    const { stderr } = await succeed(cwd, ['train', '--resume', 'runs/broken-last', '--quiet'])
    expect(stderr).toMatch(/^fovea: warning: .*step-000180\.safetensors: truncated: 1000 bytes, expected \d+\n$/)
    expect(outcome('broken-last')).toEqual(outcome('whole'))
    expectWholeLog('broken-last')
  })

  it('all of them: an error that names them, and nothing is changed', async () => {
    const path = unfinished('broken-all')
    for (const name of readdirSync(join(path, 'checkpoints'))) truncateSync(join(path, 'checkpoints', name), 10)
    const before = readdirSync(path, { recursive: true })
    const log = readFileSync(join(path, 'events.jsonl'), 'utf8')
    const { code, stderr } = await fovea(cwd, ['train', '--resume', 'runs/broken-all'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^fovea: runs\/broken-all: no usable checkpoint: [^\n]*step-000180\.json: truncated or corrupt/,
    )
    expect(readdirSync(path, { recursive: true })).toEqual(before)
    expect(readFileSync(join(path, 'events.jsonl'), 'utf8')).toBe(log)
  })

  it('of another kind: an error that names the file', async () => {
    const path = unfinished('foreign')
    await succeed(cwd, [
      'train',
      '--data-dir',
      'data',
      '--limit',
      '512',
      '--epochs',
      '1',
      '--momentum',
      '0',
      '--name',
      'plain',
      '--no-test',
      '--quiet',
    ])
    for (const extension of ['.safetensors', '.json']) {
      const [from, to] = ['plain', 'foreign'].map(name => checkpointOf(run(name)).replace('.safetensors', extension))
      copyFileSync(from!, to!)
    }
    const { code, stderr } = await fovea(cwd, ['train', '--resume', 'runs/foreign'])
    expect(code).toBe(1)
    expect(stderr).toBe(
      `fovea: ${join('runs/foreign', 'checkpoints/step-000180.safetensors')}: the checkpoint has no optimizer state 'momentum.conv1.weight'; was it made with sgd?\n`,
    )
    expect(existsSync(join(path, 'result.json'))).toBe(false)
  })
})
