/** Another last layer: for every network of the catalog, and what is refused. */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import type { TypedArray } from '../../src/graph/variable.ts'
import {
  findModel,
  lenet5In1998,
  type ModelEntry,
  type ModelName,
  models,
  RadialBasis,
} from '../../src/models/index.ts'
import {
  averagePool2d,
  batchNorm2d,
  conv2d,
  type ForwardContext,
  flatten,
  ImageClassifier,
  inference,
  linear,
  Module,
  normalize,
  relu,
  replaceHead,
  sequential,
} from '../../src/nn/index.ts'
import { lcgTensor } from '../support/fixtures.ts'

/** Paths of the new layers of each family. */
const heads: Readonly<Record<string, readonly string[]>> = {
  lenet5: ['fc3'],
  'lenet5-1998': [],
  alexnet: ['classifier.6'],
  'alexnet-2012': ['fc8'],
  zfnet: ['fc8'],
  vgg: ['classifier.6'],
  googlenet: ['aux1.fc2', 'aux2.fc2', 'fc'],
  resnet: ['fc'],
  cifar: ['linear'],
  se: ['last_linear'],
  squeezenet: ['classifier.1'],
  mobilenet: ['classifier.1'],
}

function headsOf(name: string): readonly string[] {
  const family = name.endsWith('-cifar') || name.includes('-cifar-') ? 'cifar' : undefined
  const key = family ?? (Object.hasOwn(heads, name) ? name : Object.keys(heads).findLast(key => name.startsWith(key)))
  if (key === undefined) throw new Error(`${name}: add its head to the table`)
  return heads[key]
}

describe.each(Object.entries<ModelEntry>(models))('%s', (name, { create, inputShape }) => {
  test('seven classes', () => {
    const model = create().assignPaths()
    const before = new Map(model.variables())
    const created = replaceHead(model, 7, { seed: 1 })
    expect(created).toEqual(headsOf(name).flatMap(path => [`${path}.weight`, `${path}.bias`]))
    expect(model.forward(input('x', [2, ...inputShape]), inference()).shape).toEqual([2, 7])
    // The same state as of a model made for seven classes, and every other variable the very same.
    const made = create({ classes: 7 }).assignPaths()
    const shapes = (of: Module) => [...of.variables()].map(([path, { shape, name: own }]) => [path, own, shape])
    expect(shapes(model)).toEqual(shapes(made))
    const fresh = new Set(name === 'lenet5-1998' ? ['output.weight'] : created)
    for (const [path, variable] of model.variables()) expect(variable === before.get(path), path).toBe(!fresh.has(path))
  })
})

const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray) => Buffer.from(buffer, byteOffset, byteLength)

describe('the new layer', () => {
  test.each<ModelName>(['resnet20-cifar', 'squeezenet1-1', 'lenet5', 'lenet5-1998', 'googlenet'])(
    '%s: has the weights that the seed gives a model made so',
    name => {
      const { create } = findModel(name)
      const model = create().initialize(3)
      replaceHead(model, 11, { seed: 3 })
      const made = create({ classes: 11 }).initialize(3).variables()
      for (const [path, { value }] of model.variables()) {
        expect(Buffer.compare(bytesOf(value), bytesOf(made.get(path)!.value)), path).toBe(0)
      }
    },
  )

  test.each<ModelName>(['resnet20-cifar', 'squeezenet1-1'])('%s: computes', async name => {
    const { create, inputShape } = findModel(name)
    const model = create().initialize(0)
    replaceHead(model, 3, { seed: 0 })
    const made = create({ classes: 3 }).initialize(0)
    const engine = createEngine({ threads: 1 })
    try {
      const x = input('x', [2, ...inputShape], { batched: true })
      const values = lcgTensor(x.shape, 4, 2)
      const logits: number[][] = []
      for (const each of [model, made]) {
        const program = await engine.compile({ outputs: { y: each.forward(x, inference()) }, updates: new Map() })
        logits.push([...(await program.run({ x: values })).y])
      }
      expect(logits[0]).toHaveLength(6)
      expect(Math.max(...logits[0])).toBeGreaterThan(0)
      expect(logits[0]).toEqual(logits[1])
    } finally {
      await engine.close()
    }
  })

  test('keeps the options of the old: groups, geometry, no bias, initializers', () => {
    const old = conv2d(6, 4, [3, 5], {
      stride: 2,
      padding: { top: 1, bottom: 0, left: 2, right: 1 },
      groups: 2,
      bias: false,
    })
    const layer = old.withOutputs(8)
    expect([layer.window, layer.groups, layer.bias]).toEqual([old.window, 2, undefined])
    expect(layer.weight.shape).toEqual([8, 3, 3, 5])
    expect(layer.weight.initializer).toBe(old.weight.initializer)
    expect(linear(3, 2, { bias: false }).withOutputs(5).bias).toBeUndefined()
    expect(() => old.withOutputs(7)).toThrow('conv2d: outChannels (=7) must be divisible by groups (=2)')
  })

  test('is found inside a classifier of images, whose network keeps its paths', () => {
    const model = new ImageClassifier(normalize({ mean: [0.5], std: [0.5] }), findModel('lenet5').create()).initialize(
      0,
    )
    expect(replaceHead(model, 4)).toEqual(['fc3.weight', 'fc3.bias'])
    const images = input('images', [2, 28, 28, 1], { dtype: 'u8' })
    expect(model.forward(images, inference()).shape).toEqual([2, 4])
  })

  test('does not change the list or record that the model was made of', () => {
    const layers = { flatten: flatten(), fc: linear(4, 2) }
    const model = sequential(layers)
    replaceHead(model, 9)
    expect(layers.fc.outFeatures).toBe(2)
    expect(model.layers.fc.outFeatures).toBe(9)
  })

  test('of other centers than digits are random ones of the same length', () => {
    const layer = new RadialBasis([
      [1, -1, 1],
      [-1, 1, 1],
    ]).withOutputs(4)
    expect(layer.weight.shape).toEqual([4, 3])
    expect([...layer.weight.value].every(value => Math.abs(value) === 1)).toBe(true)
    expect(lenet5In1998().layers.output.withOutputs(26).weight.value).toEqual(
      lenet5In1998({ classes: 26 }).layers.output.weight.value,
    )
  })
})

/** A network whose last field is not its last layer. */
class Unordered extends Module {
  readonly head = linear(4, 2)
  readonly norm = batchNorm2d(1)
  override forward(x: Tensor, context: ForwardContext): Tensor {
    return this.head.forward(flatten().forward(this.norm.forward(x, context), context), context)
  }
}

describe('refusals', () => {
  test.each<[string, () => Module, string]>([
    ['no layer with outputs', () => sequential(relu(), averagePool2d(2)), 'Sequential: replaceHead: no layer'],
    [
      'weights behind it',
      () => new Unordered(),
      "Unordered: replaceHead: no layer whose outputs are the classes was found: its last layer with weights, 'norm' (BatchNorm2d), has none; name it in heads",
    ],
  ])('%s', (_, make, message) => {
    expect(() => replaceHead(make(), 3)).toThrow(message)
  })

  test('a head that is named is taken', () => {
    const model = new Unordered()
    expect(replaceHead(model, 5, { heads: ['head'] })).toEqual(['head.weight', 'head.bias'])
    expect(model.forward(input('x', [3, 1, 2, 2]), inference()).shape).toEqual([3, 5])
    expect(() => replaceHead(model, 5, { heads: ['norm'] })).toThrow(
      "Unordered: replaceHead: 'norm' (BatchNorm2d) has no",
    )
    expect(() => replaceHead(model, 5, { heads: ['tail'] })).toThrow("Unordered: replaceHead: there is no layer 'tail'")
    expect(() => replaceHead(model, 0)).toThrow('replaceHead: classes (=0) must be a whole number ≥ 1')
  })
})
