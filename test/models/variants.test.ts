/** What the networks offer besides their defaults: options, other sizes, initial weights, and what they refuse. */
import { describe, expect, test } from 'vitest'
import { input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import type { Variable } from '../../src/graph/variable.ts'
import {
  alexnet2012,
  cifarResnet,
  connectionTable,
  googlenet,
  googlenet2014,
  lenet5In1998,
  mobilenetV2,
  RadialBasis,
  type ResNetDepth,
  resnet,
  seResnet,
  squeezenet,
  type VggConfiguration,
  vgg,
  zfnet,
} from '../../src/models/index.ts'
import { type AuxiliaryOutput, type ForwardContext, inference, type Module } from '../../src/nn/index.ts'
import { valuesOf } from '../nn/exact.ts'

const outputOf = (model: Module, shape: readonly number[]): readonly number[] =>
  model.forward(input('x', shape), inference()).shape

describe('LeNet-5 of 1998', () => {
  test("C3's connections are those of the paper's table I", () => {
    const crosses = [
      'X...XXX..XXXX.XX',
      'XX...XXX..XXXX.X',
      'XXX...XXX..X.XXX',
      '.XXX..XXXX..X.XX',
      '..XXX..XXXX.XX.X',
      '...XXX..XXXX.XXX',
    ]
    const found = crosses.map((_, from) => connectionTable.map(seen => (seen.includes(from) ? 'X' : '.')).join(''))
    expect(found).toEqual(crosses)
  })

  test('the centers are ±1, different for every class, and a center scores 0 for its own class', () => {
    for (const classes of [10, 26]) {
      const { output } = lenet5In1998({ classes }).layers
      const centers = Array.from({ length: classes }, (_, i) => [...output.weight.value.subarray(84 * i, 84 * i + 84)])
      expect(centers.flat().every(value => Math.abs(value) === 1)).toBe(true)
      expect(new Set(centers.map(String)).size).toBe(classes)
      const scores = valuesOf(output.forward(input('x', [1, 84]), inference()), { x: centers[3] })
      expect([...scores].indexOf(Math.max(...scores))).toBe(3)
      expect(scores[3]).toBeCloseTo(0, 12)
      // Minus the squared distance: 4 for every pixel that differs.
      expect(scores[5]).toBe(-4 * centers[3].filter((value, j) => value !== centers[5][j]).length)
    }
  })

  test('a wrong vector and a wrong number of classes are refused', () => {
    expect(() => new RadialBasis([[1, -1]]).forward(input('x', [1, 3]), inference())).toThrow(
      'expected an input [N, 2]',
    )
    expect(() => lenet5In1998({ classes: 0 })).toThrow('lenet5In1998: classes (=0) must be a whole number ≥ 1')
  })
})

test('AlexNet of 2012 starts as in the paper: N(0, 0.01²), biases 1 in conv2, conv4, conv5 and the hidden layers', () => {
  const parameters = alexnet2012().assignPaths().parameters()
  const filled = (name: string): readonly number[] => {
    const parameter = parameters.get(name)
    if (!parameter) throw new Error(`no parameter ${name}`)
    parameter.initializer.fill(parameter.value as Float32Array, parameter.shape, 0, name)
    return [...parameter.value]
  }
  const biases = [...parameters.keys()].filter(name => name.endsWith('bias')).map(name => [name, filled(name)[0]])
  expect(Object.fromEntries(biases)).toEqual({
    'conv1.bias': 0,
    'conv2.bias': 1,
    'conv3.bias': 0,
    'conv4.bias': 1,
    'conv5.bias': 1,
    'fc6.bias': 1,
    'fc7.bias': 1,
    'fc8.bias': 0,
  })
  const weights = filled('conv1.weight')
  const spread = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length)
  expect(spread).toBeCloseTo(0.01, 4)
})

describe('images of other sizes', () => {
  test.each<[string, () => Module, number]>([
    ['vgg, 64', () => vgg('A', { classes: 3 }), 64],
    ['resnet, 65', () => resnet(18, { classes: 3 }), 65],
    ['googlenet, 96', () => googlenet({ classes: 3 }), 96],
    ['squeezenet, 100', () => squeezenet('1.1', { classes: 3 }), 100],
    ['mobilenet, 96', () => mobilenetV2({ classes: 3, width: 0.5 }), 96],
    ['seResnet, 97', () => seResnet(18, { classes: 3 }), 97],
    ['cifarResnet, 48', () => cifarResnet(8, { classes: 3 }), 48],
  ])('%s', (_, make, size) => {
    expect(outputOf(make(), [2, 3, size, size])).toEqual([2, 3])
  })
})

describe('GoogLeNet with auxiliary classifiers', () => {
  test.each([
    ['torchvision', googlenet],
    ['paper', googlenet2014],
  ])('%s: three sets of logits', (_, make) => {
    const model = make({ classes: 5 })
    const { logits, auxiliary } = model.forwardAll(input('x', [2, 3, 224, 224]), inference())
    expect([logits, ...auxiliary].map(({ shape }) => shape)).toEqual([
      [2, 5],
      [2, 5],
      [2, 5],
    ])
    expect(model.parameters().has('aux2.fc2.weight')).toBe(true)
  })

  test.each([32, 64, 224, 256])('the paper form is trained on images of %d pixels', size => {
    const auxiliary: AuxiliaryOutput[] = []
    const key = input('key', [2], { dtype: 'i32' })
    const context: ForwardContext = { training: true, key, updates: new Map(), auxiliary }
    const images = input('x', [2, 3, size, size])
    expect(googlenet2014({ classes: 5 }).forward(images, context).shape).toEqual([2, 5])
    expect(auxiliary.map(({ logits, weight }) => [logits.shape, weight])).toEqual([
      [[2, 5], 0.3],
      [[2, 5], 0.3],
    ])
  })

  test('only training asks for them, and only where their losses are added', () => {
    const model = googlenet({ classes: 5 })
    const images = input('x', [2, 3, 96, 96])
    const auxiliary: AuxiliaryOutput[] = []
    model.forward(images, { training: false, updates: new Map(), auxiliary })
    expect(auxiliary).toEqual([])
    const key = input('key', [2], { dtype: 'i32' })
    const updates = new Map<Variable, Tensor>()
    model.forward(images, { training: true, key, updates })
    expect(updates.has(model.aux1?.conv.bn?.running_mean as Variable)).toBe(false)
  })

  test('are left out on request', () => {
    const model = googlenet({ auxiliary: false })
    expect([...model.parameters().keys()].some(name => name.startsWith('aux'))).toBe(false)
    expect(() => model.forwardAll(input('x', [1, 3, 224, 224]), inference())).toThrow('(auxiliary: false)')
  })
})

test('the wide ZFNet of the lectures has 512, 1024 and 512 maps in its middle layers', () => {
  const { conv3, conv4, conv5 } = zfnet({ wide: true }).layers
  expect([conv3, conv4, conv5].map(({ outChannels }) => outChannels)).toEqual([512, 1024, 512])
  expect(outputOf(zfnet({ wide: true, classes: 3 }), [1, 3, 224, 224])).toEqual([1, 3])
})

test("MobileNetV2's widths are multiples of 8", () => {
  const shapes = [...mobilenetV2({ width: 0.35 }).parameters().values()].map(({ shape }) => shape[0])
  expect(shapes.slice(0, -2).every(width => width % 8 === 0)).toBe(true)
  expect(() => mobilenetV2({ width: 0 })).toThrow('mobilenetV2: width (=0) must be positive')
})

test('depths, versions and configurations that do not exist are refused with those that do', () => {
  expect(() => resnet(20 as ResNetDepth)).toThrow('resnet: depth (=20) must be one of 18, 34, 50, 101, 152')
  expect(() => seResnet(20 as ResNetDepth)).toThrow('seResnet: depth (=20) must be one of 18, 34, 50, 101, 152')
  expect(() => cifarResnet(18)).toThrow('cifarResnet: depth (=18) must be 6n + 2: 8, 14, 20, …')
  expect(() => vgg('F' as VggConfiguration)).toThrow("vgg: configuration (='F') must be one of A, A-LRN, B, C, D, E")
  expect(() => squeezenet('2' as '1.0')).toThrow("squeezenet: version (='2') must be 1.0 or 1.1")
  expect(() => seResnet(18, { reduction: 65 })).toThrow('reduction (=65) must be at most channels (=64)')
})
