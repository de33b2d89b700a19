/** `fovea eval`, `predict` and `summary` as processes. */

import { cpSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { lenet5, models } from '../../src/models/index.ts'
import { crossEntropy, ImageClassifier, normalize } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { trainingProgram, writeCheckpoint } from '../../src/train/index.node.ts'
import { checkpointOf, fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
let digits: { label: string; pixels: Uint8Array }[]

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 1024, test: 200 })
  await succeed(cwd, ['train', '--data-dir', 'data', '--validation', '64', '--epochs', '12', '--quiet'])
  const { train } = await mnist()
  // One of each of the first few classes that appear.
  const first = new Map<number, number>()
  for (let k = 0; k < 100; k++) if (!first.has(train.labels[k]!)) first.set(train.labels[k]!, k)
  digits = [...first].slice(0, 5).map(([label, k]) => ({
    label: String(label),
    pixels: train.images.subarray(k * 784, (k + 1) * 784),
  }))
}, 300_000)
afterAll(folder.remove)

const gray = (pixels: Uint8Array) => sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } })

describe('eval', () => {
  it('prints accuracy, loss, recall of each class and the confusion matrix', async () => {
    const { stdout } = await succeed(cwd, ['eval', 'runs/lenet5'])
    expect(stdout).toContain('runs/lenet5: lenet5 after step 180 on 200 test images of mnist')
    expect(stdout).toMatch(/^accuracy \d+\.\d\d % \(95 % interval \d+\.\d\d to \d+\.\d\d %\), \d+ wrong$/m)
    expect(stdout).toMatch(/^class +images +right +recall +precision$/m)
    expect(stdout).toMatch(/^true \\ predicted +0 +1 +2 +3 +4 +5 +6 +7 +8 +9$/m)
  })

  it('refuses mirror images of digits, and says what to do; warns of crops that are all the same', async () => {
    for (const views of ['flip', 'ten']) {
      const { code, stderr } = await fovea(cwd, ['eval', 'runs/lenet5', '--views', views])
      expect(code).toBe(2)
      expect(stderr).toMatch(/^fovea: --views \w+ has mirror images, but the classes of mnist are written symbols/)
      expect(stderr).toContain('round only: leave --views out (a model that was trained on mirrored symbols')
    }
    const { stdout, stderr } = await succeed(cwd, ['eval', 'runs/lenet5', '--views', 'five', '--json'])
    expect(stderr).toContain('crops of one are all the same: leave --views out\n')
    const plain = JSON.parse((await succeed(cwd, ['eval', 'runs/lenet5', '--json'])).stdout)
    expect(JSON.parse(stdout)).toMatchObject({ views: 'five', accuracy: plain.accuracy })
    // A model that was trained on mirrored digits is scored on them.
    cpSync(join(cwd, 'runs/lenet5'), join(cwd, 'runs/mirrored'), { recursive: true })
    const recipe = JSON.parse(readFileSync(join(cwd, 'runs/mirrored/recipe.json'), 'utf8'))
    recipe.data.augment = { transforms: [{ name: 'horizontalFlip' }], allowLabelChanges: true }
    writeFileSync(join(cwd, 'runs/mirrored/recipe.json'), JSON.stringify(recipe))
    const mirrored = await succeed(cwd, ['eval', 'runs/mirrored', '--views', 'flip', '--json'])
    expect(JSON.parse(mirrored.stdout)).toMatchObject({ views: 'flip', samples: 200 })
  })

  it('computes as the recipe says, or by the backend of --backend; a precise recipe has none on a graphics processor', async () => {
    const score = async (...args: string[]) =>
      JSON.parse((await succeed(cwd, ['eval', 'runs/lenet5', '--json', ...args])).stdout)
    const [usual, reference] = [await score(), await score('--backend', 'reference')]
    expect(reference.confusion).toEqual(usual.confusion)
    expect(reference.loss).not.toBe(usual.loss)
    expect(Math.abs(reference.loss - usual.loss)).toBeLessThan(1e-5 * usual.loss)
    cpSync(join(cwd, 'runs/lenet5'), join(cwd, 'runs/precise'), { recursive: true })
    const recipe = JSON.parse(readFileSync(join(cwd, 'runs/precise/recipe.json'), 'utf8'))
    writeFileSync(join(cwd, 'runs/precise/recipe.json'), JSON.stringify({ ...recipe, precise: true }))
    const { code, stderr } = await fovea(cwd, ['eval', 'runs/precise', '--backend', 'webgpu'])
    expect(stderr).toMatch(
      /^fovea: webgpu: precise is impossible: .*; the run's recipe is precise: leave --backend out\n$/,
    )
    expect(code).toBe(2)
  })

  it('says what training said, to the last digit', async () => {
    const trained = JSON.parse((await succeed(cwd, ['train', '--resume', 'runs/lenet5', '--json'])).stdout)
    const { confusion, classes, ...scored } = JSON.parse((await succeed(cwd, ['eval', 'runs/lenet5', '--json'])).stdout)
    expect(scored).toEqual({ run: 'runs/lenet5', split: 'test', checkpoint: 'final', step: 180, ...trained.test })
    expect(confusion.flat().reduce((a: number, b: number) => a + b, 0)).toBe(200)
    expect(classes).toHaveLength(10)
    const right = classes.reduce((sum: number, row: { right: number }) => sum + row.right, 0)
    expect(right).toBe(trained.test.right)
    const { best, validation } = trained
    for (const [which, accuracy] of [
      ['best', best.accuracy],
      ['latest', validation.accuracy],
    ]) {
      const args = ['eval', 'runs/lenet5', '--split', 'validation', '--checkpoint', which, '--json']
      const again = JSON.parse((await succeed(cwd, args)).stdout)
      expect(again).toMatchObject({ split: 'validation', samples: 64, accuracy })
    }
  })

  it('scores the training images, and a checkpoint by its file', async () => {
    const file = checkpointOf(join(cwd, 'runs/lenet5'))
    const args = ['eval', 'runs/lenet5', '--split', 'train', '--checkpoint', file, '--json']
    expect(JSON.parse((await succeed(cwd, args)).stdout)).toMatchObject({ split: 'train', samples: 960, step: 180 })
  })

  it('refuses a truncated checkpoint, naming it', async () => {
    cpSync(join(cwd, 'runs/lenet5'), join(cwd, 'runs/truncated'), { recursive: true })
    truncateSync(checkpointOf(join(cwd, 'runs/truncated')), 5000)
    const { code, stderr, stdout } = await fovea(cwd, ['eval', 'runs/truncated'])
    expect(stderr).toMatch(
      /^fovea: runs\/truncated\/checkpoints\/step-000180\.safetensors: truncated: 5000 bytes, expected \d+\n$/,
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  it('refuses the checkpoint of another model, naming what does not fit', async () => {
    const other = lenet5({ classes: 5 }).initialize(0)
    const tensors = new Map([...other.state()].map(([path, tensor]) => [`model.${path}`, tensor]))
    const file = await writeCheckpoint(cwd, { tensors, progress: { epoch: 1, batch: 0, step: 7 }, recipe: {} })
    const { code, stderr } = await fovea(cwd, ['eval', 'runs/lenet5', '--checkpoint', file])
    expect(stderr).toBe(
      `fovea: ${file}: the state does not fit the model; wrong shape (2): fc3.weight: the model has [10, 84], the state [5, 84]; ` +
        'fc3.bias: the model has [10], the state [5]\n',
    )
    expect(code).toBe(1)
  })

  it('refuses a folder that is no run, and a split that the run does not have', async () => {
    const none = await fovea(cwd, ['eval', 'data'])
    expect(none).toMatchObject({ code: 2, stderr: 'fovea: data: is not a run folder: recipe.json is missing\n' })
    const args = ['train', '--data-dir', 'data', '--validation', '0', '--epochs', '1', '--no-test', '--name', 'all']
    await succeed(cwd, args)
    const { code, stderr } = await fovea(cwd, ['eval', 'runs/all', '--split', 'validation'])
    expect(stderr).toBe('fovea: runs/all: has no validation split, its recipe holds no images back\n')
    expect(code).toBe(1)
    expect((await fovea(cwd, ['eval', 'runs/all', '--checkpoint', 'best'])).stderr).toBe(
      'fovea: runs/all: has no best checkpoint\n',
    )
  })
})

describe('predict', () => {
  it('knows digits, light on dark and dark on light, of any size and format', async () => {
    const files: string[] = []
    for (const { label, pixels } of digits) {
      await gray(pixels)
        .png()
        .toFile(join(cwd, `${label}.png`))
      const inverted = pixels.map(value => 255 - value)
      const large = gray(inverted).extend({ top: 9, bottom: 20, left: 30, right: 5, background: '#fff' })
      const paper = await large.png().toBuffer()
      await sharp(paper)
        .resize({ width: 400 })
        .tint('#ffeecc')
        .jpeg()
        .toFile(join(cwd, `${label}.jpg`))
      files.push(`${label}.png`, `${label}.jpg`)
    }
    const { stdout } = await succeed(cwd, ['predict', 'runs/lenet5', ...files, '--json'])
    const answers: { file: string; inverted: boolean; predictions: { class: string; probability: number }[] }[] =
      JSON.parse(stdout)
    expect(answers.map(answer => [answer.file, answer.predictions[0]!.class, answer.inverted])).toEqual(
      files.map(file => [file, file[0], file.endsWith('.jpg')]),
    )
    for (const { predictions } of answers) {
      expect(predictions).toHaveLength(3)
      expect(predictions[0]!.probability).toBeGreaterThan(predictions[1]!.probability)
    }
  })

  it('prints a table that says which pictures were inverted', async () => {
    const { label } = digits[0]!
    const { stdout } = await succeed(cwd, ['predict', 'runs/lenet5', `${label}.png`, `${label}.jpg`, '--top', '2'])
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^file +class +probability +#2 +probability +note$/)
    expect(lines[2]).toMatch(new RegExp(`^${label}\\.png +${label} +\\d+\\.\\d % +\\d +\\d+\\.\\d %$`))
    expect(lines[3]).toMatch(new RegExp(`^${label}\\.jpg +${label} +\\d+\\.\\d % +\\d +\\d+\\.\\d % +inverted$`))
    expect(stdout).toContain('inverted: dark strokes on light paper were turned into light strokes on black')
  })

  it('--invert overrules what the border says', async () => {
    const { label } = digits[0]!
    const { code, stderr } = await fovea(cwd, ['predict', 'runs/lenet5', `${label}.png`, '--invert', 'yes'])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `fovea: ${label}.png: no strokes found (darkest pixel 0, paper 0)\n`,
    })
    const args = ['predict', 'runs/lenet5', `${label}.jpg`, '--invert', 'yes', '--json']
    expect(JSON.parse((await succeed(cwd, args)).stdout)[0]).toMatchObject({ inverted: true })
  })

  it('shows the good files and names the bad ones, with exit code 1', async () => {
    const { label, pixels } = digits[0]!
    const png = await gray(pixels).png().toBuffer()
    writeFileSync(join(cwd, 'cut.png'), png.subarray(0, 150))
    writeFileSync(join(cwd, 'text.png'), 'this is no picture')
    writeFileSync(join(cwd, 'empty.png'), '')
    await sharp({ create: { width: 50, height: 50, channels: 3, background: '#fff' } })
      .png()
      .toFile(join(cwd, 'blank.png'))
    await sharp({ create: { width: 2, height: 900, channels: 3, background: '#fff' } })
      .png()
      .toFile(join(cwd, 'thin.png'))
    const bad: readonly [file: string, message: RegExp][] = [
      ['cut.png', /cut\.png: cannot be decoded, it is truncated or broken/],
      ['text.png', /text\.png: not an image that can be read/],
      ['empty.png', /empty\.png: is empty \(0 bytes\)/],
      ['blank.png', /blank\.png: no strokes found/],
      ['thin.png', /thin\.png: 2 × 900 pixels are too few/],
      ['data', /data: has no pictures in it, at any depth/],
      ['none.png', /none\.png: no such file/],
    ]
    const files = [...bad.map(([file]) => file), `${label}.png`]
    const text = await fovea(cwd, ['predict', 'runs/lenet5', ...files])
    expect(text.code).toBe(1)
    expect(text.stdout).toMatch(new RegExp(`^${label}\\.png +${label} `, 'm'))
    const errors = text.stderr.trimEnd().split('\n')
    expect(errors.pop()).toBe('fovea: 7 of 8 could not be predicted')
    expect(errors).toHaveLength(bad.length)
    bad.forEach(([, message], k) => {
      expect(errors[k]).toMatch(message)
    })

    const machine = await fovea(cwd, ['predict', 'runs/lenet5', ...files, '--json'])
    expect(machine.code).toBe(1)
    const answers = JSON.parse(machine.stdout)
    bad.forEach(([file, message], k) => {
      expect(answers[k]).toEqual({ file, error: expect.stringMatching(message) })
    })
    expect(answers.at(-1).predictions[0].class).toBe(label)
  })

  it('refuses more classes than there are', async () => {
    const { code, stderr } = await fovea(cwd, ['predict', 'runs/lenet5', 'x.png', '--top', '11'])
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'fovea: --top 11: runs/lenet5 has only 10 classes\n' })
  })
})

describe('summary', () => {
  it("prints the lectures' table with its totals", async () => {
    const { stdout } = await succeed(cwd, ['summary', 'lenet5'])
    expect(stdout).toMatch(/^conv2 +Conv2d +5×5 +10×10×16 +\(5·5·6\+1\)·16 = 2,416 +240,000 +800\.0 KiB +14\/2$/m)
    expect(stdout).toMatch(/^total +61,706 +416,520 /m)
    expect(stdout).toContain('Training with 128 images a step is planned in one arena of')
  })

  it.each([1, 64, 100, 128])('plans a batch of %i as the engine does', async batch => {
    const { stdout } = await succeed(cwd, ['summary', '--json', '--batch', String(batch)])
    const { training, totals } = JSON.parse(stdout)
    const engine = createEngine({ threads: 1 })
    const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5())
    const optimizer = sgd({ lr: 0.05, momentum: 0.9, weightDecay: 5e-4 })
    const { plan } = await engine.compile(trainingProgram(model, [28, 28, 1], batch, crossEntropy(), optimizer))
    await engine.close()
    const { arenaBytes, scratchBytes, multiplyAdds, block } = plan
    expect(training).toEqual({ batch, arenaBytes, scratchBytes, multiplyAdds, block })
    expect(totals).toMatchObject({ parameters: 61_706, multiplyAdds: 416_520 })
  })

  it('--plan prints the steps', async () => {
    const { stdout } = await succeed(cwd, ['summary', '--plan'])
    expect(stdout).toContain('The plan of a training step (SGD with momentum, 128 images):')
    expect(stdout).toMatch(/conv1/)
  })

  it('refuses a model that does not exist', async () => {
    const { code, stderr } = await fovea(cwd, ['summary', 'lenet6'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `fovea: unknown model 'lenet6' (did you mean 'lenet5'?); available: ${Object.keys(models).join(', ')}\n`,
    })
  })
})
