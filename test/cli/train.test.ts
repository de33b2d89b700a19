/** `fovea train` as a process: what it leaves in the run folder, what it prints, and how it fails. */
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pageScript } from '../../src/plot/pageScript.ts'
import { readCheckpoint } from '../../src/train/index.node.ts'
import { checkpointOf, eventsOf, fovea, sha256, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const small = join(folder.path, 'small')
beforeAll(async () => {
  mkdirSync(small)
  await writeSmallMnist(small, { train: 512, test: 100 })
})
afterAll(folder.remove)

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

describe('a run on the first 1,024 images of MNIST', () => {
  const run = join(folder.path, 'runs/lenet5')
  let stdout: string
  beforeAll(async () => {
    const result = await succeed(folder.path, ['train', '--limit', '1024', '--epochs', '1'])
    stdout = result.stdout
    expect(result.stderr).toBe('')
  })

  it('leaves recipe, log, checkpoint, result and report, and no lock', () => {
    expect(readdirSync(run).sort()).toEqual([
      'best',
      'checkpoints',
      'data.json',
      'events.jsonl',
      'latest',
      'recipe.json',
      'report.html',
      'result.json',
    ])
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-000015.json', 'step-000015.safetensors'])
  })

  it('writes the recipe with every default filled in', () => {
    expect(json(join(run, 'recipe.json'))).toMatchObject({
      fovea: json('package.json').version,
      model: { name: 'lenet5' },
      data: {
        name: 'mnist',
        limit: 1024,
        // 5,000 of 60,000, of the 1,024.
        validation: 85,
        normalize: { mean: [0.1307], std: [0.3081] },
      },
      epochs: 1,
      optimizer: { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 5e-4 },
      schedule: { name: 'oneCycle' },
      loss: { name: 'crossEntropy' },
      seed: 0,
      test: true,
      backend: 'wasm',
      precise: false,
    })
  })

  it('logs every event in order', () => {
    const events = eventsOf(run)
    expect(events.map(({ type }) => type)).toEqual([
      'start',
      ...new Array(15).fill('step'),
      'epoch',
      'validation',
      'checkpoint',
      'done',
    ])
    expect(events.filter(({ type }) => type === 'step').map(({ step }) => step)).toEqual(
      Array.from({ length: 15 }, (_, k) => k + 1),
    )
  })

  it("keeps the weights under PyTorch's names", async () => {
    const { tensors, progress } = await readCheckpoint(checkpointOf(run))
    const names = [...tensors.keys()].filter(name => name.startsWith('model.'))
    expect(names.sort()).toEqual(
      ['conv1', 'conv2', 'fc1', 'fc2', 'fc3'].flatMap(layer => [`model.${layer}.bias`, `model.${layer}.weight`]),
    )
    expect(tensors.get('model.conv1.weight')!.shape).toEqual([6, 1, 5, 5])
    expect(progress).toMatchObject({ epoch: 2, batch: 0, step: 15, best: { epoch: 1, step: 15 } })
  })

  it('reads all 10,000 test images once, and says the same on the terminal and in result.json', () => {
    const result = json(join(run, 'result.json'))
    expect(result).toMatchObject({ status: 'finished', steps: 15, parameters: 61_706, test: { samples: 10_000 } })
    const { accuracy, right, interval } = result.test
    expect(accuracy).toBe(right / 10_000)
    expect(interval[0]).toBeLessThan(accuracy)
    expect(interval[1]).toBeGreaterThan(accuracy)
    expect(result.checkpoint.sha256).toBe(sha256(checkpointOf(run)))
    expect(stdout).toContain(`test accuracy  ${(100 * accuracy).toFixed(2)} % (95 % interval`)
    expect(stdout).toMatch(/^epoch 1\/1 100 % · loss .* · acc .* %/m)
    expect(stdout).toMatch(/^run folder {5}runs\/lenet5$/m)
    expect(stdout).toMatch(/^report {9}runs\/lenet5\/report\.html$/m)
  })

  it('writes a report that holds curves, confusion matrix, mistakes, filters, layers, recipe and command', () => {
    const report = readFileSync(join(run, 'report.html'), 'utf8')
    const headings = [...report.matchAll(/<h2>(.*?)<\/h2>/g)].map(match => match[1])
    expect(headings).toEqual([
      'Training',
      'Where it errs',
      'Most confused test images',
      'First-layer filters',
      'Layers',
      'Do it again',
    ])
    const command = 'fovea train lenet5 --data mnist --limit 1024 --validation 85 --epochs 1 --batch-size 64'
    expect(report).toContain(command)
    expect(report.replace(`<script>${pageScript}</script>`, '')).not.toMatch(/<script|(src|href)="http/)
  })

  it('makes the same weights again by the command in the report', async () => {
    const report = readFileSync(join(run, 'report.html'), 'utf8')
    const words = /<pre class="command"><code>fovea (.*?)<\/code>/.exec(report)![1]!.split(' ')
    await succeed(folder.path, [...words, '--name', 'again', '--no-test', '--quiet'])
    expect(sha256(checkpointOf(join(folder.path, 'runs/again')))).toBe(sha256(checkpointOf(run)))
  })
})

describe('output', () => {
  const quick = () => ['train', '--data-dir', small, '--epochs', '1', '--limit', '256', '--no-test']

  it('--json prints the result and nothing else; progress goes to standard error', async () => {
    const { stdout, stderr } = await succeed(folder.path, [...quick(), '--name', 'json', '--json'])
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ status: 'finished', run: 'runs/json', report: 'runs/json/report.html' })
    expect(result.test).toBeUndefined()
    expect(stderr).toContain('epoch 1/1')
  })

  it('--quiet prints the result only', async () => {
    const { stdout } = await succeed(folder.path, [...quick(), '--name', 'quiet', '--quiet'])
    expect(stdout).not.toContain('epoch')
    expect(stdout).toContain('the test set was not read')
  })

  it('takes another folder when the name is taken, and holds nothing back with --validation 0', async () => {
    for (const name of ['twice', 'twice-2']) {
      const { stdout } = await succeed(folder.path, [...quick(), '--name', 'twice', '--quiet', '--validation', '0'])
      expect(stdout).toContain(`runs/${name}\n`)
    }
    expect(existsSync(join(folder.path, 'runs/twice/best'))).toBe(false)
  })
})

describe('errors before training', () => {
  const cases: readonly [name: string, args: readonly string[], code: number, message: string][] = [
    ['an unknown model', ['lenet'], 2, "unknown model 'lenet' (did you mean 'lenet5'?); available: lenet5"],
    ['an unknown data set', ['--data', 'minst'], 2, "unknown data set 'minst' (did you mean 'mnist'?)"],
    ['an unknown option', ['--epoch', '3'], 2, "unknown option '--epoch' (Did you mean --epochs?)"],
    ['a word for a number', ['--epochs', 'many'], 2, "'--epochs <n>' argument 'many' is invalid. expected a number."],
    ['no epochs', ['--epochs', '0'], 2, 'epochs (=0) must be a whole number of at least 1'],
    ['half an image', ['--batch-size', '0.5'], 2, 'batchSize (=0.5) must be a whole number of at least 1'],
    ['a negative rate', ['--lr', '-1'], 2, 'optimizer.lr (=-1) must be positive'],
    ['too much momentum', ['--momentum', '1'], 2, 'optimizer.momentum (=1) must be at least 0 and less than 1'],
    ['two faults at once', ['--lr', '0', '--seed', '-1'], 2, 'optimizer.lr (=0) must be positive; seed (=-1) must be'],
    [
      'an unknown schedule',
      ['--schedule', 'linear'],
      2,
      "unknown schedule 'linear'; available: constant, step, multiStep, exponential, polynomial, cosine, cosineWithRestarts",
    ],
    ['too many threads', ['--threads', '65'], 2, 'expected a whole number from 1 to 64'],
    ['nothing to train on', ['--limit', '100', '--validation', '100'], 2, 'leaves none of the 100 images to train on'],
    ['a run name that is a path', ['--name', '../x'], 2, 'run name "../x": expected letters, digits'],
    ['a folder of data that is none', ['--data-dir', 'nowhere'], 2, 'nowhere: no such folder'],
    ['a run to resume that is none', ['--resume', 'nowhere'], 2, 'nowhere: no such folder'],
    ['a folder for a run that is resumed', ['--resume', 'x', '--out', 'y'], 2, '--out conflicts with --resume'],
  ]
  it.each(cases)('%s', async (_, args, code, message) => {
    const place = temporaryFolder()
    // A folder and a split that fit, where the case is not about them.
    const isAbout = (option: string) => args.includes(option) || args.includes('--resume')
    const data = isAbout('--data-dir') ? [] : ['--data-dir', small]
    const split = isAbout('--validation') ? [] : ['--validation', '64']
    const result = await fovea(place.path, ['train', ...data, ...split, ...args])
    expect(result.stderr).toContain(message)
    expect(result.stderr).toMatch(/^fovea: [^\n]+\n$/)
    expect(result.code).toBe(code)
    expect(result.stdout).toBe('')
    expect(readdirSync(place.path)).toEqual([])
    place.remove()
  })

  it('FOVEA_THREADS that is no number', async () => {
    const args = ['train', '--data-dir', small, '--limit', '256', '--name', 'no']
    const result = await fovea(folder.path, args, { FOVEA_THREADS: 'all' })
    expect(result.stderr).toBe('fovea: FOVEA_THREADS (=all) must be a whole number from 1 to 64\n')
    expect(result.code).toBe(2)
    expect(existsSync(join(folder.path, 'runs/no'))).toBe(false)
  })

  it.each([
    ['images cut short', (path: string) => truncateSync(join(path, 'train-images-idx3-ubyte'), 100_000)],
    ['labels of another number', (path: string) => truncateSync(join(path, 't10k-labels-idx1-ubyte'), 50)],
    ['something else', (path: string) => writeFileSync(join(path, 'train-labels-idx1-ubyte'), 'not an IDX file')],
  ])('broken data: %s', async (_, damage) => {
    const place = temporaryFolder()
    const data = join(place.path, 'data')
    mkdirSync(data)
    await writeSmallMnist(data, { train: 200, test: 60 })
    damage(data)
    const result = await fovea(place.path, ['train', '--data-dir', 'data'])
    expect(result.stderr).toMatch(/^fovea: [^\n]*-ubyte[^\n]+\n$/)
    expect(result.code).toBe(1)
    expect(readdirSync(place.path)).toEqual(['data'])
    place.remove()
  })

  it('shows the stack with --debug or FOVEA_DEBUG', async () => {
    const args = ['train', '--resume', 'nowhere']
    expect((await fovea(folder.path, [...args, '--debug'])).stderr).toMatch(/^fovea: RunFolderError: .*\n +at /)
    expect((await fovea(folder.path, args, { FOVEA_DEBUG: '1' })).stderr).toMatch(/\n +at /)
  })
})

describe('a run that diverges', () => {
  it('ends with the step, and keeps no checkpoint of it', async () => {
    const args = ['train', '--data-dir', small, '--limit', '256', '--name', 'diverged']
    const result = await fovea(folder.path, [...args, '--lr', '1e30', '--schedule', 'constant'])
    const run = join(folder.path, 'runs/diverged')
    const last = eventsOf(run).at(-1)!
    expect(last.type).toBe('step')
    expect(String(last.loss)).toMatch(/NaN|Infinity/)
    // The update of the step before threw the weights of every layer out of range; the first of them is named.
    expect(result.stderr).toContain(
      `runs/diverged: training diverged: at step ${last.step} the loss became ${last.loss} (the first to break: `,
    )
    expect(result.stderr).toMatch(
      /the first to break: the (output|values|gradient) of \S+\); no checkpoint was saved before/,
    )
    expect(result.stderr).toMatch(/^fovea: [^\n]+\n$/)
    expect(result.code).toBe(1)
    expect(readdirSync(join(run, 'checkpoints'))).toEqual([])
    expect(existsSync(join(run, 'lock'))).toBe(false)
  })
})
