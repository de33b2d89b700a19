/** `fovea summary` of recipes, runs and files of weights, and for images of other sizes. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import { findModel } from '../../src/models/index.ts'
import { checkpointOf, eventsOf, fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const recipe = `import { conv2d, flatten, globalAveragePool2d, linear, sequential } from 'fovea/nn'
export default {
  model: ({ classes, shape: [channels] }) =>
    sequential(conv2d(channels, 8, 3, { padding: 1 }), globalAveragePool2d(), flatten(), linear(8, classes)),
  data: { name: 'mnist', directory: 'data', validation: 64, augment: { transforms: [{ name: 'mixup', options: {} }] } },
  optimizer: { name: 'adam', lr: 0.001 },
  average: { name: 'ema' },
  epochs: 1,
  batchSize: 48,
}
`
beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 320, test: 20 })
  mkdirSync(join(cwd, 'node_modules'))
  symlinkSync(join(import.meta.dirname, '../..'), join(cwd, 'node_modules/fovea'))
  writeFileSync(join(cwd, 'own.mjs'), recipe)
  await succeed(cwd, ['train', 'own.mjs', '--no-test', '--quiet', '--wide', 'off'])
}, 300_000)
afterAll(folder.remove)

const json = async (...args: string[]) => JSON.parse((await succeed(cwd, ['summary', ...args, '--json'])).stdout)

describe('a recipe', () => {
  it('is its network, and the training step that it makes: the arena is the one that training reports', async () => {
    const { model, input, totals, training } = await json('own.mjs')
    expect({ model, input }).toEqual({ model: 'own.mjs', input: [1, 28, 28] })
    // 8 · (3 · 3 · 1 + 1) + 10 · (8 + 1)
    expect(totals.parameters).toBe(170)
    const start = eventsOf(join(cwd, 'runs/own'))[0] as unknown as Record<string, number>
    // The event counts each thread's memory as well, of which there is one.
    expect(training).toMatchObject({ batch: 48 })
    expect(training.arenaBytes + training.scratchBytes).toBe(start.arenaBytes)
  })

  it('is said to be one', async () => {
    const { stdout } = await succeed(cwd, ['summary', 'own.mjs', '--plan', '--batch', '4'])
    expect(stdout.split('\n')[0]).toBe(`own.mjs: ${join(cwd, 'own.mjs')} for the 10 classes of mnist`)
    expect(stdout).toContain('The plan of a training step (as in the recipe, 4 images):')
  })

  it('JSON is one, too', async () => {
    writeFileSync(join(cwd, 'five.json'), JSON.stringify({ model: 'lenet5', batchSize: 7 }))
    expect(await json('five.json')).toMatchObject({ totals: { parameters: 61_706 }, training: { batch: 7 } })
  })
})

it('a run is its network, and how long it was trained', async () => {
  const { stdout } = await succeed(cwd, ['summary', 'runs/own'])
  expect(stdout.split('\n')[0]).toBe(
    `runs/own: ${join(cwd, 'own.mjs')} for the 10 classes of mnist, trained for 6 steps`,
  )
  expect(await json('runs/own')).toMatchObject({ model: 'runs/own', totals: { parameters: 170 } })
})

describe('--input', () => {
  it('sums a network up for images of another size', async () => {
    const { input, rows, totals } = await json('resnet18', '--input', '3x320x240', '--batch', '1')
    expect(input).toEqual([3, 320, 240])
    expect(rows.find(({ path }: { path: string }) => path === 'conv1').output).toEqual([64, 160, 120])
    expect(totals.parameters).toBe(11_689_512)
  })

  it('and a recipe, whose function is asked for a network for them', async () => {
    const { input, totals } = await json('own.mjs', '--input', '3x9x12')
    expect(input).toEqual([3, 9, 12])
    expect(totals.parameters).toBe(8 * (9 * 3 + 1) + 90)
  })

  it.each([
    ['28x28', 'expected channels x height x width, such as 3x224x224, each from 1 to 8192.'],
    ['3x0x5', 'expected channels x height x width'],
    ['3x9000x9000', 'each from 1 to 8192'],
    ['wide', 'expected channels x height x width'],
    ['1x28x28', '--input 1x28x28: resnet18 does not take such images: conv1: expected 3 input channels, got 1'],
  ])('%s is refused', async (size, message) => {
    const { code, stdout, stderr } = await fovea(cwd, ['summary', 'resnet18', '--input', size])
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})

describe('a file of weights', () => {
  const write = (name: string, classes: number) => {
    const state = findModel('resnet20-cifar').create({ classes }).initialize(0).state()
    const tensors = new Map(
      [...state].map(([path, { shape, values }]) => [path, { shape, values: Float32Array.from(values) }]),
    )
    writeFileSync(join(cwd, name), writeSafetensors(tensors))
    return tensors
  }

  it('is its tensors, and the model that has them', async () => {
    const tensors = write('r20.safetensors', 10)
    const { tensors: listed, totals, model, otherHead } = await json('r20.safetensors')
    expect({ model, otherHead }).toEqual({ model: 'resnet20-cifar', otherHead: undefined })
    expect(listed.map(({ name }: { name: string }) => name).sort()).toEqual([...tensors.keys()].sort())
    expect(listed.find(({ name }: { name: string }) => name === 'conv1.weight')).toEqual({
      name: 'conv1.weight',
      shape: [16, 3, 3, 3],
      type: 'float32',
      elements: 432,
      bytes: 1728,
    })
    const elements = [...tensors.values()].reduce((sum, { values }) => sum + values.length, 0)
    expect(totals).toEqual({ tensors: tensors.size, elements, bytes: 4 * elements })
  })

  it('for other classes is known, too', async () => {
    write('r20-7.safetensors', 7)
    const { stdout } = await succeed(cwd, ['summary', 'r20-7.safetensors'])
    expect(stdout).toContain('\nfits resnet20-cifar, except the last layer, which has other classes\n')
    expect(stdout).toMatch(/^conv1\.weight +16×3×3×3 +float32 +432 +1,728$/m)
  })

  it('of a run has the state of the optimizer beside the network, which is of no model known by name', async () => {
    const { stdout } = await succeed(cwd, ['summary', checkpointOf(join(cwd, 'runs/own'))])
    expect(stdout).toContain('fits no known model')
    expect(stdout).toMatch(/^optimizer\.\S+ +8×1×3×3 +float32 +72 +288$/m)
  })

  it('says nothing of layers, and a file that is none is named', async () => {
    write('r20.safetensors', 10)
    const plan = await fovea(cwd, ['summary', 'r20.safetensors', '--plan'])
    expect(plan).toMatchObject({
      code: 2,
      stderr: 'fovea: --plan: r20.safetensors is a file of weights, which does not describe layers; name a model\n',
    })
    writeFileSync(join(cwd, 'text.pth'), 'no weights')
    const text = await fovea(cwd, ['summary', 'text.pth'])
    expect(text.stderr).toMatch(/^fovea: text\.pth: [^\n]+\n$/)
    expect(text.code).toBe(1)
  })
})
