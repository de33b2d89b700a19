/** Commands on folders of pictures: fair subsets, classes by name, and runs whose folder has changed since they began. */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { writePicture } from '../data/pictures.ts'
import { eventsOf, fovea, succeed, temporaryFolder } from '../support/fovea.ts'

const folder = temporaryFolder()
const cwd = folder.path
const classes = ['ant', 'bee', 'cow']
const size = 12

beforeAll(async () => {
  mkdirSync(join(cwd, 'node_modules'))
  symlinkSync(join(import.meta.dirname, '../..'), join(cwd, 'node_modules/fovea'))
  for (const [k, name] of classes.entries()) {
    for (let i = 0; i < size; i++) await writePicture(join(cwd, 'pictures', name, `${i}.png`), 30, 30, 80 * k + i)
  }
  const recipe = {
    model: 'lenet5',
    data: { name: 'folder', directory: 'photos', size: [28, 28], channels: 1, validation: 6 },
    optimizer: { name: 'sgd', lr: 0.01 },
    epochs: 2,
    batchSize: 8,
  }
  writeFileSync(join(cwd, 'recipe.json'), JSON.stringify(recipe))
})
afterAll(() => folder.remove())
beforeEach(() => {
  for (const name of ['photos', 'moved', 'runs']) rmSync(join(cwd, name), { recursive: true, force: true })
  cpSync(join(cwd, 'pictures'), join(cwd, 'photos'), { recursive: true })
})

const train = (...args: string[]) => ['train', 'recipe.json', '--quiet', '--name', 'run', ...args]
const startOf = () => eventsOf(join(cwd, 'runs/run'))[0] as unknown as { trainSamples: number; stepsPerEpoch: number }
const photo = (...path: string[]) => join(cwd, 'photos', ...path)

/** Images of each class in a split of the run, as `eval` counts them. */
async function countsOf(split: string): Promise<number[]> {
  const { stdout } = await succeed(cwd, ['eval', 'runs/run', '--split', split, '--json', '--quiet'])
  return (JSON.parse(stdout) as { classes: { images: number }[] }).classes.map(({ images }) => images)
}

/** Moves the pictures into `train`, and some of given classes into `val`. */
function withValidation(...names: string[]): void {
  renameSync(photo(), join(cwd, 'moved'))
  cpSync(join(cwd, 'moved'), photo('train'), { recursive: true })
  for (const name of names) cpSync(join(cwd, 'pictures/cow'), photo('val', name), { recursive: true })
}

describe('a subset of a folder', () => {
  it('has its share of every class, to train on and held back', async () => {
    const { stderr } = await succeed(cwd, train('--limit', '15'))
    expect(stderr).toBe('')
    expect(await countsOf('train')).toEqual([3, 3, 3])
    expect(await countsOf('validation')).toEqual([2, 2, 2])
  }, 300_000)

  it('says when it is less or more than one may think', async () => {
    const small = await succeed(cwd, train('--limit', '4', '--validation', '1'))
    expect(small.stderr).toMatch(/^fovea: warning: \S+photos: no validation images of \w+, \w+\n$/)
    const large = await succeed(cwd, train('--limit', '400'))
    expect(large.stderr).toBe(
      'fovea: warning: data.limit (=400): there are only 36 training images, all of them are used\n',
    )
    const none = await succeed(cwd, train('--limit', '4', '--validation', '0.1'))
    expect(none.stderr).toBe(
      'fovea: warning: data.validation (=0.1) of 4 images rounds to none: no image is held back\n',
    )
  }, 300_000)
})

describe('classes', () => {
  it('of val are found by name, and it is said which have no pictures there', async () => {
    withValidation('cow')
    const { stderr } = await succeed(cwd, train())
    expect(stderr).toMatch(/^fovea: warning: \S+photos\/val: no validation images of ant, bee\n$/)
    expect(await countsOf('validation')).toEqual([0, 0, 12])
  }, 300_000)

  it('of val that are none of those trained on end the command, and nothing is left behind', async () => {
    withValidation('cow', 'dog')
    const { code, stderr } = await fovea(cwd, train())
    expect(code).toBe(1)
    expect(stderr).toMatch(/^fovea: \S+photos\/val\/dog: is not among the classes \(ant, bee, cow\)\n$/)
    expect(existsSync(join(cwd, 'runs'))).toBe(false)
  })

  it('must have pictures to train on, and be two at least', async () => {
    rmSync(photo('bee'), { recursive: true })
    rmSync(photo('cow'), { recursive: true })
    const one = await fovea(cwd, train())
    expect(one).toMatchObject({ code: 1 })
    expect(one.stderr).toMatch(/photos: has one class only \(ant\), so there is nothing to tell apart/)
    const absent = await fovea(cwd, train('--set', 'data.classes=["ant","bee"]'))
    expect(absent.stderr).toMatch(/photos\/bee: the class has no pictures/)
  })

  it('that differ in upper and lower case are two, and that is said', async () => {
    renameSync(photo('bee'), photo('Ant'))
    const { stderr } = await succeed(cwd, train())
    expect(stderr).toMatch(/^fovea: warning: \S+photos: classes differ in upper and lower case only: Ant, ant\n$/)
  }, 300_000)

  it('must be as many as the outputs of a network of one\u2019s own', async () => {
    const imports = "import { flatten, linear, sequential } from 'fovea/nn'"
    writeFileSync(
      join(cwd, 'own.mjs'),
      `${imports}\nexport default { model: () => sequential(flatten(), linear(784, 7)) }`,
    )
    const set = ['--set', 'data={"name":"folder","directory":"photos","size":[28,28],"channels":1}']
    const { code, stderr } = await fovea(cwd, ['train', 'own.mjs', ...set])
    expect(code).toBe(2)
    expect(stderr).toMatch(/model: has 7 outputs, but \S+photos has 3 classes \(ant, bee, cow\): give its last layer 3/)
    expect(existsSync(join(cwd, 'runs'))).toBe(false)
  })
})

it('--drop-last leaves out batches that are not full, and is part of the recipe', async () => {
  await succeed(cwd, train('--drop-last'))
  expect(startOf()).toMatchObject({ trainSamples: 24, stepsPerEpoch: 3 })
  expect(JSON.parse(readFileSync(join(cwd, 'runs/run/recipe.json'), 'utf8'))).toMatchObject({ dropLast: true })
  const { stderr } = await fovea(cwd, train('--drop-last', '--batch-size', '31'))
  expect(stderr).toMatch(/photos: dropLast leaves no batch: 30 images do not fill one of batchSize \(=31\)/)
}, 300_000)

describe('a run whose folder has changed since it began', () => {
  const resume = (...args: string[]) => fovea(cwd, ['train', '--resume', 'runs/run', '--quiet', ...args])
  const score = (split: string, ...args: string[]) =>
    fovea(cwd, ['eval', 'runs/run', '--split', split, '--quiet', ...args])
  const changed = (changes: string) => `runs/run: its images have changed since it began: ${changes}`
  const cure = '; to continue anyway: --allow-changed-data\n'

  it('does not go on, and is not scored, unless it is told to', async () => {
    await succeed(cwd, train('--stop-after', '1'))
    copyFileSync(photo('ant/0.png'), photo('ant/new.png'))
    appendFileSync(photo('bee/3.png'), 'more')
    rmSync(photo('cow/5.png'))
    const changes =
      'train: ant 12 then, 13 now, cow 12 then, 11 now; added: ant/new.png; removed: cow/5.png; of another size: bee/3.png'
    for (const refused of [await resume(), await score('validation'), await score('train')]) {
      expect(refused).toMatchObject({ code: 1, stderr: `fovea: ${changed(changes)}${cure}` })
    }
    const allowed = await score('validation', '--allow-changed-data')
    expect(allowed).toMatchObject({ code: 0, stderr: `fovea: warning: ${changed(changes)}\n` })
    const resumed = await resume('--allow-changed-data')
    expect(resumed).toMatchObject({ code: 0, stderr: `fovea: warning: ${changed(changes)}\n` })
    // It has been trained on two divisions of the images: that does not go away.
    expect((await score('validation')).code).toBe(1)
  }, 300_000)

  it('is asked for the test images alone when it is scored on them', async () => {
    renameSync(photo(), join(cwd, 'moved'))
    for (const part of ['train', 'test']) cpSync(join(cwd, 'pictures'), photo(part), { recursive: true })
    await succeed(cwd, train())
    rmSync(photo('train/ant/1.png'))
    expect(await score('test')).toMatchObject({ code: 0, stderr: '' })
    rmSync(photo('test/ant/1.png'))
    const { stderr } = await score('test')
    expect(stderr).toBe(
      `fovea: ${changed('test: 36 images then, 35 now; ant 12 then, 11 now; removed: ant/1.png')}${cure}`,
    )
  }, 300_000)

  it('has not changed when the folder lies elsewhere', async () => {
    await succeed(cwd, train('--stop-after', '1'))
    renameSync(photo(), join(cwd, 'moved'))
    expect((await resume()).stderr).toMatch(/^fovea: \S+photos: no such folder\n$/)
    expect(await score('validation', '--data-dir', 'moved')).toMatchObject({ code: 0, stderr: '' })
    expect(await resume('--data-dir', 'moved')).toMatchObject({ code: 0, stderr: '' })
  }, 300_000)

  it('cannot be told of one that kept no fingerprint', async () => {
    withValidation('cow')
    await succeed(cwd, train('--stop-after', '1'))
    rmSync(join(cwd, 'runs/run/data.json'))
    const unknown =
      'fovea: warning: runs/run: was made by a version without fingerprints: whether its images are still the same cannot be checked\n'
    expect(await score('validation')).toMatchObject({ code: 0, stderr: unknown })
    const { code, stderr } = await resume()
    expect(code).toBe(0)
    expect(stderr.endsWith(unknown)).toBe(true)
  }, 300_000)

  it('is not held back as it was when it is of a version with another rule', async () => {
    await succeed(cwd, train())
    rmSync(join(cwd, 'runs/run/data.json'))
    const { code, stderr } = await score('validation')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^fovea: runs\/run: was trained by a version that split images differently: .*--allow-changed-data\n$/,
    )
  }, 300_000)

  it('before its first checkpoint begins anew', async () => {
    await succeed(cwd, train('--stop-after', '1'))
    for (const file of ['latest', 'best', 'checkpoints'])
      rmSync(join(cwd, 'runs/run', file), { recursive: true, force: true })
    rmSync(photo('ant/1.png'))
    expect((await resume()).code).toBe(0)
    expect(await countsOf('validation')).toEqual([2, 2, 2])
  }, 300_000)
})

it('a study whose folder changes on its way ends, and says what has changed', async () => {
  const kfold = () =>
    fovea(cwd, ['kfold', 'recipe.json', '--folds', '2', '--out', 'runs/study', '--epochs', '1', '--quiet'])
  expect((await kfold()).code).toBe(0)
  rmSync(join(cwd, 'runs/study/trials/fold2'), { recursive: true })
  rmSync(photo('ant/1.png'))
  for (let again = 0; again < 2; again++) {
    const { code, stderr } = await kfold()
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /fold\d: began with other images than \S+fold\d: train: 3\d images then, 3\d now; ant 1\d then, 1\d now; \w+: ant\/1\.png; /,
    )
  }
}, 300_000)
