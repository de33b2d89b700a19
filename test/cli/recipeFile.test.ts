/** Recipe files as users run them: typed, checked, overridden, resumed bit for bit, with functions, on folders, from weights. */
import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCheckpoint } from '../../src/train/index.node.ts'
import { writePicture } from '../data/pictures.ts'
import {
  checkpointOf,
  eventsOf,
  fovea,
  sha256,
  signalAtStep,
  succeed,
  temporaryFolder,
  writeSmallMnist,
} from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const examples = join(import.meta.dirname, '../../examples/recipes')
const run = (name: string) => join(cwd, 'runs', name)
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const small = ['--data-dir', 'data']

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 640, test: 100 })
})
afterAll(folder.remove)

/** Everything at once: what a resumed run must bring back. */
const rich = {
  model: 'lenet5',
  data: {
    name: 'mnist',
    directory: 'data',
    validation: 64,
    preprocess: 'channel-mean-std',
    augment: { transforms: [{ name: 'randomRotation', options: { degrees: 10 } }] },
  },
  optimizer: {
    name: 'nadam',
    lr: 0.002,
    weightDecay: 0.01,
    decay: 'weights',
    groups: [{ match: '/^conv/', lrFactor: 0.5 }],
  },
  schedule: { name: 'onPlateau', metric: 'accuracy', patience: 0, factor: 0.5 },
  loss: { name: 'crossEntropy', labelSmoothing: 0.1 },
  gradients: [{ name: 'centralize' }, { name: 'clipByMedianNorm', factor: 2 }],
  weights: [{ name: 'maxNorm', limit: 4 }],
  penalty: { l1: 1e-5 },
  momentum: { name: 'oneCycleMomentum' },
  average: { name: 'ema', decay: 0.9 },
  epochs: 3,
  batchSize: 32,
  accumulate: 2,
  seed: 5,
  checkpoints: { keep: 1, every: 2, best: 'loss' },
}

describe('a recipe file', () => {
  it('in TypeScript, with types, runs without a build step', async () => {
    const args = [
      'train',
      join(examples, 'digits.ts'),
      ...small,
      '--limit',
      '320',
      '--validation',
      '64',
      '--epochs',
      '1',
    ]
    const { stderr } = await succeed(cwd, [...args, '--quiet', '--no-test'])
    expect(stderr).toBe('')
    expect(json(join(run('digits'), 'recipe.json'))).toMatchObject({
      model: { name: 'lenet5' },
      data: { name: 'mnist', limit: 320, augment: { transforms: [{ name: 'randomAffine' }] } },
      optimizer: { name: 'adamW', lr: 0.002 },
      average: { name: 'ema', decay: 0.98 },
      epochs: 1,
    })
    const { tensors } = await readCheckpoint(checkpointOf(run('digits')))
    expect([...tensors.keys()]).toContain('average.conv1.weight')
    expect([...tensors.keys()]).toContain('optimizer.secondMoment.fc1.weight')
  })

  it('may hold functions, which eval and resume find again', async () => {
    const args = ['train', join(examples, 'ownNetwork.ts'), ...small, '--limit', '320', '--validation', '64']
    await succeed(cwd, [...args, '--quiet', '--no-test', '--name', 'own'])
    await succeed(cwd, [...args, '--quiet', '--no-test', '--name', 'paused', '--stop-after', '1'])
    await succeed(cwd, ['train', '--resume', 'runs/paused', '--quiet'])
    expect(sha256(checkpointOf(run('paused')))).toBe(sha256(checkpointOf(run('own'))))
    const { stdout } = await succeed(cwd, ['eval', 'runs/own', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ samples: 100, step: 16 })
    expect(json(join(run('own'), 'recipe.json')).model).toEqual({
      file: join(examples, 'ownNetwork.ts'),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('is an ES module, and its network one of this package, whatever the package around it is', async () => {
    const project = join(cwd, 'project')
    mkdirSync(join(project, 'node_modules'), { recursive: true })
    const root = join(import.meta.dirname, '../..')
    symlinkSync(root, join(project, 'node_modules/fovea'))
    symlinkSync(join(root, 'node_modules/tsx'), join(project, 'node_modules/tsx'))
    writeFileSync(join(project, 'package.json'), '{ "type": "commonjs" }')
    writeFileSync(join(project, 'width.ts'), 'export const width: number = 12')
    writeFileSync(
      join(project, 'tiny.ts'),
      `import { flatten, linear, relu, sequential } from 'fovea/nn'
import { defineRecipe } from 'fovea/recipe'
import { width } from './width.ts'
export default defineRecipe({
  model: ({ classes }) => sequential(flatten(), linear(28 * 28, width), relu(), linear(width, classes)),
  data: { name: 'mnist', directory: '../data', limit: 128, validation: 32 },
  epochs: 1,
})`,
    )
    expect((await succeed(project, ['train', 'tiny.ts', '--quiet', '--no-test'])).stderr).toBe('')
    const { tensors } = await readCheckpoint(checkpointOf(join(project, 'runs/tiny')))
    expect(tensors.get('model.1.weight')!.shape).toEqual([12, 784])
  })

  it('says so when the file of a function has changed, and when it is gone', async () => {
    const source = join(cwd, 'mine.mjs')
    // No package of the name fovea is near: functions need none.
    writeFileSync(source, 'export default { schedule: (step, total) => 1 - step / total, epochs: 2 }')
    await succeed(cwd, [
      'train',
      'mine.mjs',
      ...small,
      '--limit',
      '128',
      '--validation',
      '32',
      '--quiet',
      '--stop-after',
      '1',
    ])
    writeFileSync(source, 'export default { schedule: () => 1, epochs: 2 }')
    const { stderr } = await succeed(cwd, ['train', '--resume', 'runs/mine', '--quiet'])
    expect(stderr).toMatch(/^fovea: warning: \S+mine\.mjs has changed since the run began/)
    writeFileSync(source, 'export default { epochs: 2 }')
    const gone = await fovea(cwd, ['eval', 'runs/mine'])
    expect(gone.stderr).toMatch(/mine\.mjs: its schedule is not a function any more\n$/)
  })

  it('with everything in it is resumed bit for bit, from any step', async () => {
    writeFileSync(join(cwd, 'rich.json'), JSON.stringify(rich))
    await succeed(cwd, ['train', 'rich.json', '--quiet', '--name', 'whole'])
    await succeed(cwd, ['train', 'rich.json', '--quiet', '--name', 'parts', '--stop-after', '1'])
    const { code } = await fovea(cwd, ['train', '--resume', 'runs/parts'], signalAtStep('SIGINT', 13))
    expect(code).toBe(130)
    expect(eventsOf(run('parts')).findLast(({ type }) => type === 'step')!.step).toBeLessThan(27)
    await succeed(cwd, ['train', '--resume', 'runs/parts', '--quiet'])
    expect(sha256(checkpointOf(run('parts')))).toBe(sha256(checkpointOf(run('whole'))))
    const losses = (name: string) => eventsOf(run(name)).flatMap(({ type, loss }) => (type === 'step' ? [loss] : []))
    expect(losses('parts')).toEqual(losses('whole'))
    // Kept: the last, the best, and that of epoch 2.
    const kept = eventsOf(run('whole')).filter(({ type, epoch }) => type === 'checkpoint' && epoch === 3)
    expect(readFileSync(join(run('whole'), 'latest'), 'utf8')).toContain('step-000027')
    expect(() => readFileSync(join(run('whole'), `checkpoints/step-0000${kept[0]!.step}.json`))).not.toThrow()
  }, 300_000)

  it('of a run makes the run again', async () => {
    copyFileSync(join(run('whole'), 'recipe.json'), join(cwd, 'again.json'))
    await succeed(cwd, ['train', 'again.json', '--quiet', '--name', 'again'])
    expect(sha256(checkpointOf(run('again')))).toBe(sha256(checkpointOf(run('whole'))))
  })

  it.each([
    ['export default { optimizer: { name: "sgd", lr: -1 } }', [], 'optimizer.lr (=-1) must be positive', 2],
    ['export default { optimizer: { name: "sgd" } }', [], 'optimizer.lr is missing: it must be positive', 2],
    [
      'export default { optimiser: { name: "sgd", lr: 1 } }',
      [],
      "unknown field 'optimiser' (did you mean 'optimizer'?)",
      2,
    ],
    ['export default { schedule: "linear" }', [], 'schedule.name (="linear") must be one of constant, step,', 2],
    ['export default { model: "lenet" }', [], "unknown model 'lenet' (did you mean 'lenet5'?)", 2],
    [
      'export default { optimizer: { lr: () => 3 } }',
      [],
      'optimizer.lr is a function; functions may stand for model,',
      2,
    ],
    ['export default { schedule: () => 1 }', ['--set', 'schedule.warmup=3'], 'it has no fields to set', 2],
    [
      'export default 3',
      [],
      'exports no recipe (its default export is 3): expected `export default defineRecipe({ … })`',
      2,
    ],
  ])('%s is refused', async (source, args, message, code) => {
    writeFileSync(join(cwd, 'wrong.mjs'), source)
    // Node keeps what it has imported, but every command is a process of its own.
    const result = await fovea(cwd, ['train', 'wrong.mjs', ...small, ...args])
    expect(result.stderr).toContain(message)
    expect(result.stderr).toMatch(/^fovea: [^\n]+\n$/)
    expect(result.code).toBe(code)
  })

  it('that is not there, or contradicts --resume', async () => {
    expect(await fovea(cwd, ['train', 'nowhere.ts'])).toMatchObject({
      code: 2,
      stderr: 'fovea: nowhere.ts: no such file\n',
    })
    expect(await fovea(cwd, ['train', 'rich.json', '--resume', 'runs/whole'])).toMatchObject({ code: 2 })
    const { stderr } = await fovea(cwd, ['train', '--resume', 'runs/whole', '--set', 'epochs=9'])
    expect(stderr).toContain('--set epochs=9 conflicts with --resume')
  })
})

describe('image folders', () => {
  const recipe = join(examples, 'photos.ts')
  beforeAll(async () => {
    for (let k = 0; k < 10; k++) {
      for (const split of ['train', 'val', 'test']) {
        if (split !== 'train' && k > 3) continue
        await writePicture(join(cwd, 'photos', split, 'dark', `${k}.png`), 40 + k, 36, 8 * k)
        await writePicture(join(cwd, 'photos', split, 'light', `${k}.jpeg`), 36, 40 + k, 170 + 6 * k)
      }
    }
  })

  it('with train, val and test are trained on, scored and predicted', async () => {
    await succeed(cwd, ['train', recipe, '--data', 'folder:photos', '--quiet', '--workers', '1'])
    expect(json(join(run('photos'), 'recipe.json')).data).toMatchObject({
      name: 'folder',
      classes: ['dark', 'light'],
      preprocess: 'channel-mean-std',
    })
    const start = eventsOf(run('photos'))[0] as unknown as Record<string, number>
    expect(start).toMatchObject({ trainSamples: 20, validationSamples: 8 })
    expect(json(join(run('photos'), 'result.json')).test).toMatchObject({ samples: 8, accuracy: 1 })
    const views = await succeed(cwd, ['eval', 'runs/photos', '--views', 'ten', '--json'])
    expect(JSON.parse(views.stdout)).toMatchObject({ views: 'ten', samples: 8, accuracy: 1 })
    const { stdout } = await succeed(cwd, ['predict', 'runs/photos', 'photos/test/light/3.jpeg', '--json'])
    expect(JSON.parse(stdout)[0].predictions[0].class).toBe('light')
  }, 300_000)

  it('without splits hold back a share, and have no test set', async () => {
    const args = ['--data', 'folder:photos/train', '--epochs', '1', '--name', 'flat']
    const { stdout } = await succeed(cwd, ['train', recipe, ...args, '--quiet'])
    expect(stdout).toContain('the test set was not read')
    expect(eventsOf(run('flat'))[0]).toMatchObject({ trainSamples: 16, validationSamples: 4 })
    const { stderr } = await fovea(cwd, ['eval', 'runs/flat'])
    expect(stderr).toBe('fovea: runs/flat: has no test split, its folder has no test images\n')
  })

  it('with broken pictures in it are refused by name, or trained on without them', async () => {
    cpSync(join(cwd, 'photos'), join(cwd, 'broken'), { recursive: true })
    writeFileSync(join(cwd, 'broken/train/dark/noise.png'), 'no picture')
    writeFileSync(join(cwd, 'broken/train/light/list.csv'), '')
    await writePicture(join(cwd, 'broken/val/lost.png'), 40, 36, 200)
    // Their headers are right: what is missing shows when their pixels are read.
    for (const file of ['train/light/2.jpeg', 'test/light/1.jpeg']) {
      const whole = readFileSync(join(cwd, 'broken', file))
      writeFileSync(join(cwd, 'broken', file), whole.subarray(0, whole.length * 0.7))
    }
    const args = ['train', recipe, '--data', 'folder:broken', '--epochs', '2', '--name', 'broken', '--quiet']
    const refused = await fovea(cwd, args)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/1 of 21 pictures cannot be read; .*--set data\.corrupt=skip; .*dark\/noise\.png: /)
    const { stderr } = await succeed(cwd, [...args, '--set', 'data.corrupt=skip'])
    const lines = stderr.trim().split('\n')
    for (const file of ['train/dark/noise.png', 'train/light/2.jpeg', 'test/light/1.jpeg'])
      expect(lines.filter(line => line.startsWith('fovea: warning: left out: ') && line.includes(file))).toHaveLength(1)
    expect(lines.filter(line => /train: left out: 1 file that is not a picture \(\.csv\)$/.test(line))).toHaveLength(1)
    expect(lines.filter(line => /val: left out: 1 picture beside the folders of classes$/.test(line))).toHaveLength(1)
    expect(lines).toHaveLength(5)
    expect(eventsOf(run('broken'))[0]).toMatchObject({ trainSamples: 20, validationSamples: 8 })
    expect(json(join(run('broken'), 'result.json')).test).toMatchObject({ samples: 7 })
  }, 300_000)

  it('that are none are refused by name', async () => {
    expect((await fovea(cwd, ['train', 'resnet18', '--data', 'folder:nowhere'])).stderr).toMatch(
      /^fovea: \S+nowhere: no such folder\n$/,
    )
    const { stderr } = await fovea(cwd, ['train', 'resnet18', '--data', 'folder:photos/train/dark'])
    expect(stderr).toContain('has no sub-folders; expected one for each class')
  })
})

describe('transfer', () => {
  it('begins with the weights of a run, with a new head for other classes, a frozen trunk and a slower one', async () => {
    for (const [k, name] of ['left', 'right', 'up'].entries()) {
      for (let i = 0; i < 6; i++) await writePicture(join(cwd, 'signs', name, `${i}.png`), 40, 40, 80 * k + i)
    }
    const recipe = {
      model: 'lenet5',
      data: { name: 'folder', directory: 'signs', size: [28, 28], channels: 1, validation: 3 },
      pretrained: { weights: 'runs/whole' },
      freeze: [{ match: 'conv1' }, { match: 'conv2', until: 2 }],
      optimizer: { name: 'sgd', lr: 0.01, groups: [{ match: 'fc1', lrFactor: 0.1 }] },
      epochs: 2,
      batchSize: 5,
    }
    writeFileSync(join(cwd, 'transfer.json'), JSON.stringify(recipe))
    await succeed(cwd, ['train', 'transfer.json', '--quiet', '--name', 'transfer'])
    const [before, after] = await Promise.all(
      ['whole', 'transfer'].map(name => readCheckpoint(checkpointOf(run(name)))),
    )
    // The run averaged its weights: those are what it is.
    const values = (path: string) => [
      [...before!.tensors.get(`average.${path}`)!.values],
      [...after!.tensors.get(`model.${path}`)!.values],
    ]
    const [conv1, trained1] = values('conv1.weight')
    expect(trained1).toEqual(conv1)
    const [conv2, trained2] = values('conv2.weight')
    expect(trained2).not.toEqual(conv2)
    expect(after!.tensors.get('model.fc3.weight')!.shape).toEqual([3, 84])
    expect(json(join(run('transfer'), 'recipe.json')).pretrained.weights).toBe(run('whole'))
  }, 300_000)

  it('names weights that are not there, and networks they do not fit', async () => {
    const set = (weights: string) => [
      'train',
      ...small,
      '--validation',
      '32',
      '--quiet',
      '--set',
      `pretrained.weights=${weights}`,
    ]
    expect((await fovea(cwd, set('nothing.pth'))).stderr).toMatch(/^fovea: \S+nothing\.pth: no such file\n$/)
    const { stderr } = await fovea(cwd, [...set('runs/own'), '--limit', '128'])
    expect(stderr).toMatch(/runs\/own: the state does not fit the model/)
  })
})
