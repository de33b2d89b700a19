/** Searches, folds and ensembles as commands: what they find, and that a kill costs nothing. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
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
const data = ['--data-dir', 'data', '--validation', '64', '--batch-size', '16']

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 320, test: 100 })
})
afterAll(folder.remove)

describe('fovea search', () => {
  const search = (out: string, ...more: string[]) => [
    ...['search', 'lenet5', ...data, '--epochs', '2', '--vary', 'optimizer.lr=log(1e-5, 1e-1)', '--out', out],
    ...more,
  ]

  it('by chance: ranks the trials, and gives the recipe of the best', async () => {
    const { stdout } = await succeed(cwd, search('random', '--trials', '4', '--jobs', '2'))
    const { trials, best } = json('random/result.json')
    expect(trials.map(({ name }: { name: string }) => name)).toEqual(['t001', 't002', 't003', 't004'])
    const accuracies = trials.map(({ accuracy }: { accuracy: number }) => accuracy)
    expect(trials.find(({ name }: { name: string }) => name === best).accuracy).toBe(Math.max(...accuracies))
    expect(stdout).toContain(`best of 4  ${best}: optimizer.lr=`)
    // What begins is said before anything is trained, and epochs as they come.
    const lines = stdout.split('\n')
    expect(lines.slice(0, 2).sort().join()).toMatch(/^t001 {2}optimizer\.lr=\S+ {2}begins,t002 .* begins$/)
    const told = ['begins', 'epoch 1 of 2: accuracy', 'epoch 2: accuracy'].map(what =>
      lines.findIndex(line => line.startsWith('t001') && line.includes(what)),
    )
    expect(told[0]).toBe(Math.min(...told))
    expect(told[1]).toBeGreaterThan(0)
    expect(told[2]).toBeGreaterThan(told[1]!)
    const recipe = json('random/best.json')
    expect(recipe.optimizer.lr).toBe(json(`random/trials/${best}/recipe.json`).optimizer.lr)
    expect(recipe.test).toBe(true)
    // Trials have not read the test set; the best one, trained again, does, and is the same.
    for (const name of ['t001', best]) expect(json(`random/trials/${name}/result.json`)).not.toHaveProperty('test')
    await succeed(cwd, ['train', 'random/best.json', '--quiet', '--name', 'best'])
    expect(sha256(checkpointOf(join(cwd, 'runs/best')))).toBe(sha256(checkpointOf(join(cwd, 'random/trials', best))))
    expect(json('runs/best/result.json').test.samples).toBe(100)
    expect(readFileSync(join(cwd, 'random/report.html'), 'utf8')).toContain('Parallel coordinates')
  }, 300_000)

  it('goes on with a study that is there, and refuses another one', async () => {
    const before = statSync(join(cwd, 'random/trials/t001/result.json')).mtimeMs
    await succeed(cwd, search('random', '--trials', '4', '--quiet'))
    expect(statSync(join(cwd, 'random/trials/t001/result.json')).mtimeMs).toBe(before)
    const other = await fovea(cwd, search('random', '--trials', '4', '--metric', 'loss'))
    expect(other).toMatchObject({ code: 2 })
    expect(other.stderr).toContain('random: holds another study (its metric is another)')
  }, 300_000)

  it('more trials are added to a study that is finished: all are those of a search for as many', async () => {
    await succeed(cwd, search('grown', '--trials', '2', '--quiet'))
    const before = statSync(join(cwd, 'grown/trials/t001/result.json')).mtimeMs
    await succeed(cwd, search('grown', '--trials', '4', '--quiet'))
    expect(statSync(join(cwd, 'grown/trials/t001/result.json')).mtimeMs).toBe(before)
    expect(json('grown/result.json')).toEqual(json('random/result.json'))
    expect(json('grown/study.json')).toEqual({ ...json('random/study.json'), first: 2 })
    const fewer = await fovea(cwd, search('grown', '--trials', '3', '--quiet'))
    expect(fewer.stderr).toBe('fovea: --trials 3: the study in grown has 4 already; it can be given more\n')
    expect(fewer.code).toBe(2)
  }, 300_000)

  it('survives kill -9: the same trials, the same scores', async () => {
    let killed = 0
    for (let attempt = 0; attempt < 30; attempt++) {
      const child = start(cwd, search('killed', '--trials', '4', '--jobs', '2', '--quiet'))
      const timer = setTimeout(() => child.process.kill('SIGKILL'), killed < 3 ? 900 + 300 * killed : 90_000)
      const { code, signal, stderr } = await child.finished
      clearTimeout(timer)
      if (signal !== 'SIGKILL') {
        expect(code, stderr).toBe(0)
        break
      }
      // The next search begins at once, while trials of this one begin, train, save or end.
      killed++
    }
    expect(killed).toBeGreaterThanOrEqual(1)
    expect(json('killed/result.json')).toEqual(json('random/result.json'))
    for (const name of ['t001', 't002', 't003', 't004']) {
      const [one, other] = ['killed', 'random'].map(study => sha256(checkpointOf(join(cwd, study, 'trials', name))))
      expect(one).toBe(other)
    }
  }, 180_000)

  it('a signal saves the trials under way', async () => {
    const { code, stdout } = await fovea(
      cwd,
      search('stopped', '--trials', '2', '--epochs', '40'),
      signalAtStep('SIGINT', 20, 'parent'),
    )
    expect(code).toBe(130)
    expect(stdout).toContain('stopped; the same command goes on')
    expect(existsSync(join(cwd, 'stopped/trials/t001/latest'))).toBe(true)
    expect(readdirSync(join(cwd, 'stopped/trials/t001'))).not.toContain('lock')
  }, 300_000)

  it('asha: few trials get all epochs, and go on where they were', async () => {
    const args = search('asha', '--strategy', 'asha', '--factor', '2', '--trials', '4', '--epochs', '4', '--quiet')
    await succeed(cwd, args)
    const { trials } = json('asha/result.json')
    const epochs = trials.map(({ epoch }: { epoch: number }) => epoch).sort()
    expect(epochs).toHaveLength(4)
    expect(epochs[0]).toBe(1)
    expect(epochs.at(-1)).toBe(4)
    expect(epochs.reduce((a: number, b: number) => a + b, 0)).toBeLessThan(4 * 4)
    // A trial in rungs is the same bits as one in a piece.
    const whole = trials.find(({ epoch }: { epoch: number }) => epoch === 4).name
    await succeed(cwd, ['train', `asha/trials/${whole}/recipe.json`, '--quiet', '--name', 'inOnePiece'])
    expect(sha256(checkpointOf(join(cwd, 'runs/inOnePiece')))).toBe(
      sha256(checkpointOf(join(cwd, 'asha/trials', whole))),
    )
  }, 300_000)

  it('grid and coarse to fine', async () => {
    await succeed(
      cwd,
      search(
        'grid',
        '--strategy',
        'grid',
        '--points',
        '2',
        '--vary',
        'optimizer.name=choice(sgd, adam)',
        '--epochs',
        '1',
        '--quiet',
      ),
    )
    const grid = json('grid/result.json').trials.map(({ point }: { point: object }) => point)
    expect(grid).toEqual([
      { 'optimizer.lr': 1e-5, 'optimizer.name': 'sgd' },
      { 'optimizer.lr': 1e-5, 'optimizer.name': 'adam' },
      { 'optimizer.lr': 0.1, 'optimizer.name': 'sgd' },
      { 'optimizer.lr': 0.1, 'optimizer.name': 'adam' },
    ])
    expect(json('grid/trials/t004/recipe.json').optimizer).toEqual({ name: 'adam', lr: 0.1 })
    await succeed(cwd, search('fine', '--strategy', 'coarse-to-fine', '--trials', '6', '--quiet'))
    const { trials } = json('fine/result.json')
    expect(trials.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 1, 1, 2, 2, 2])
    const rates = trials.map(({ point }: { point: Record<string, number> }) => point['optimizer.lr'])
    const range = (some: number[]) => Math.log(Math.max(...some) / Math.min(...some))
    expect(range(rates.slice(3))).toBeLessThan(range([1e-5, 1e-1]))
    // More trials are further ones of the last stage.
    await succeed(cwd, search('fine', '--strategy', 'coarse-to-fine', '--trials', '7', '--quiet'))
    const more = json('fine/result.json').trials
    expect(more.slice(0, 6)).toEqual(trials)
    expect(more[6]).toMatchObject({ epoch: 2 })
    expect(range([...rates.slice(3), more[6].point['optimizer.lr']])).toBeLessThan(range([1e-5, 1e-1]))
  }, 300_000)

  it('lists trials that diverge as failed', async () => {
    const args = [
      '--vary',
      'optimizer.momentum=choice(0, 0.9)',
      '--strategy',
      'grid',
      '--points',
      '1',
      '--epochs',
      '1',
      '--quiet',
    ]
    await succeed(cwd, [
      'search',
      'lenet5',
      ...data,
      '--vary',
      'optimizer.lr=choice(0.01, 1e30)',
      '--out',
      'wild',
      ...args,
    ])
    const { trials, best } = json('wild/result.json')
    expect(trials.filter(({ failed }: { failed?: string }) => failed?.includes('diverged'))).toHaveLength(2)
    expect(trials.find(({ name }: { name: string }) => name === best).point['optimizer.lr']).toBe(0.01)
    expect(readFileSync(join(cwd, 'wild/report.html'), 'utf8')).toContain('<h2>Failed</h2>')
  }, 300_000)

  it.each([
    [['--vary', 'optimizer.lr=log(0, 1)'], "--vary optimizer.lr: 'log(0, 1)': a logarithm needs numbers above 0"],
    [['--vary', 'optimizer.lrr=log(0.1, 1)'], "unknown field 'optimizer.lrr' (did you mean 'lr'?)"],
    [['--vary', 'lr'], '--vary lr: expected a field and its range'],
    [['--vary', 'optimizer.lr=log(0.1, 1)', '--validation', '0'], 'data.validation (=0) holds no images back'],
    [[], "required option '--vary <field=range>' not specified"],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await fovea(cwd, ['search', 'lenet5', '--data-dir', 'data', ...args])
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })
})

it('fovea kfold: every fold once, averaged', async () => {
  const args = [
    'kfold',
    'lenet5',
    '--data-dir',
    'data',
    '--batch-size',
    '16',
    '--epochs',
    '1',
    '--folds',
    '3',
    '--out',
    'folds',
  ]
  const { stdout } = await succeed(cwd, [...args, '--jobs', '2'])
  const { folds, accuracy } = json('folds/result.json')
  const shares = folds.map((fold: { accuracy: number }) => fold.accuracy)
  expect(shares).toHaveLength(3)
  expect(accuracy.mean).toBeCloseTo(shares.reduce((a: number, b: number) => a + b, 0) / 3, 12)
  expect(stdout).toMatch(/^accuracy [\d.]+ % ± [\d.]+ %, loss .* \(mean and standard deviation over 3 folds\)$/m)
  const samples = [1, 2, 3].map(k => {
    const { trainSamples, validationSamples } = eventsOf(join(cwd, `folds/trials/fold${k}`))[0] as unknown as Record<
      string,
      number
    >
    expect(trainSamples! + validationSamples!).toBe(320)
    return validationSamples!
  })
  expect(samples.sort()).toEqual([106, 107, 107])
}, 300_000)

describe('fovea ensemble', () => {
  it('of independent seeds: other weights, the same validation images; the test set as the last act', async () => {
    const args = ['ensemble', 'lenet5', ...data, '--epochs', '2', '--members', '2', '--out', 'seeds']
    const { stdout } = await succeed(cwd, [...args, '--jobs', '2'])
    expect(stdout).toContain('the test set was not read; --test reads it, as the last step')
    const scores = json('seeds/validation.json')
    expect(scores.members).toHaveLength(2)
    expect(scores.samples).toBe(64)
    expect(scores.members[0].loss).not.toBe(scores.members[1].loss)
    // What a member scores here is what its own run says: the images are the same.
    for (const [k, member] of scores.members.entries()) {
      expect(member.accuracy).toBe(json(`seeds/trials/member${k + 1}/result.json`).validation.accuracy)
    }
    // Cross-entropy is convex: the mean of probabilities is at least as good as the mean of the losses (Jensen).
    expect(scores.average.loss).toBeLessThanOrEqual((scores.members[0].loss + scores.members[1].loss) / 2)
    const test = await succeed(cwd, [...args, '--test', '--json'])
    expect(JSON.parse(test.stdout)).toMatchObject({ split: 'test', samples: 100 })
  }, 300_000)

  it('of snapshots of one cyclic run', async () => {
    const args = [
      'ensemble',
      'lenet5',
      ...data,
      '--epochs',
      '4',
      '--members',
      '2',
      '--kind',
      'snapshots',
      '--out',
      'cycles',
    ]
    await succeed(cwd, [...args, '--quiet'])
    expect(json('cycles/validation.json').members.map(({ name }: { name: string }) => name)).toEqual([
      'cycle1',
      'cycle2',
    ])
    expect(json('cycles/trials/cycles/recipe.json').schedule).toEqual({ name: 'cosineWithRestarts', cycles: 2 })
    const { stderr } = await fovea(cwd, [
      'ensemble',
      'lenet5',
      ...data,
      '--epochs',
      '5',
      '--members',
      '2',
      '--kind',
      'snapshots',
      '--out',
      'odd',
    ])
    expect(stderr).toContain('epochs (=5) must be a multiple of --members (=2)')
  }, 300_000)

  it('of bags', async () => {
    const args = [
      'ensemble',
      'lenet5',
      ...data,
      '--epochs',
      '1',
      '--members',
      '2',
      '--kind',
      'bagging',
      '--out',
      'bags',
    ]
    await succeed(cwd, [...args, '--quiet'])
    expect(json('bags/trials/member2/recipe.json').data).toMatchObject({ bootstrap: true, seed: 0 })
  }, 300_000)
})

it('fovea compare: what differs, and how they did', async () => {
  for (const [name, lr] of [
    ['slow', '0.001'],
    ['fast', '0.05'],
  ] as const) {
    await succeed(cwd, ['train', ...data, '--epochs', '2', '--lr', lr, '--name', name, '--quiet', '--no-test'])
  }
  const { stdout } = await succeed(cwd, ['compare', 'runs/slow', 'runs/fast', '--out', 'curves.svg', '--json'])
  const { differing, runs } = JSON.parse(stdout)
  expect(differing).toEqual(['optimizer.lr'])
  expect(runs).toMatchObject([
    { run: 'slow', recipe: { 'optimizer.lr': 0.001 }, epochs: 2 },
    { run: 'fast', recipe: { 'optimizer.lr': 0.05 }, epochs: 2 },
  ])
  expect(runs[0].validation).toBe(json('runs/slow/result.json').validation.accuracy)
  expect(readFileSync(join(cwd, 'curves.svg'), 'utf8')).toContain('2 runs compared')
  const slow = await succeed(cwd, ['compare', 'runs/slow', 'runs/fast'])
  expect(slow.stdout).toMatch(/^run +optimizer\.lr +epochs +validation/)
  expect(slow.stdout).toMatch(/^fast +0\.05 +2 +\d/m)
  // A run that differs in more fields than there are runs: a line for each field. Whether the test set was read is none.
  const other = ['--epochs', '1', '--lr', '0.01', '--schedule', 'cosine', '--momentum', '0', '--seed', '3']
  await succeed(cwd, ['train', ...data, ...other, '--name', 'other', '--quiet'])
  const { stdout: table } = await succeed(cwd, ['compare', 'runs/slow', 'runs/other'])
  expect(table).toMatch(/^run +slow +other$/m)
  expect(table).toMatch(/^schedule\.name +oneCycle +cosine$/m)
  expect(table).toMatch(/^test +– +\d+\.\d+ %$/m)
}, 300_000)
