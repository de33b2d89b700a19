/** The PyTorch fixtures hold what `scripts/README.md` promises, and the comparison helper can fail. */
import { readdirSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  expectClose,
  type FixtureName,
  type FixtureOps,
  type FixturePadding,
  type FixtureTensor,
  lcgTensor,
  loadFixture,
  loadLenetFixture,
} from './fixtures.ts'

/** Every op of every file; the compiler refuses an op that `FixtureOps` does not list, and the test one that no case has. */
const OPS: { [Name in FixtureName]: readonly (keyof FixtureOps[Name])[] } = {
  elementwise: [
    ...(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'where'] as const),
    ...(['neg', 'abs', 'relu', 'exp', 'log', 'sqrt', 'tanh', 'sigmoid'] as const),
    ...(['silu', 'erf', 'gelu', 'softplus', 'elu', 'leaky_relu', 'pow', 'clamp'] as const),
  ],
  matmul: ['matmul'],
  conv2d: ['conv2d'],
  pool: ['max_pool2d', 'avg_pool2d'],
  reduce: ['sum', 'mean', 'amax', 'amin', 'argmax'],
  shape: ['reshape', 'permute', 'expand', 'slice', 'pad', 'cat', 'index_select', 'gather', 'one_hot'],
  loss: ['cross_entropy', 'softmax', 'log_softmax'],
  optim: ['sgd', 'adam', 'adamw'],
}
const NAMES = Object.keys(OPS) as FixtureName[]
/** Files with readers of their own: `layerFixtures.ts`, and the tests of models, optimizers, schedules and inspection. */
const OTHER_FILES = [
  'inspect',
  'lenet',
  'optimizers',
  'probe',
  'rounding-normalization',
  'rounding-training',
  'schedules',
  'visualization',
]
const LAYER_FILES = ['activations', 'bends', 'convolution', 'losses', 'normalization', 'pooling'].map(
  name => `layers-${name}`,
)
const FOLDER = new URL('../fixtures/torch/', import.meta.url)

describe('fixture files', () => {
  test('are the ones the loaders know, small enough for a repository', () => {
    const files = readdirSync(FOLDER)
    expect(files.filter(file => !file.startsWith('models')).sort()).toEqual(
      [...NAMES, ...LAYER_FILES, ...OTHER_FILES].map(name => `${name}.json`).sort(),
    )
    const sizes = files.map(file => statSync(new URL(file, FOLDER)).size)
    // The largest holds a training step of all 48 networks.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(300_000)
    expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(1_600_000)
  })

  test.each(NAMES)('%s.json: names are unique, every op has a case', name => {
    const cases = loadFixture(name)
    expect(new Set(cases.map(c => c.name)).size).toBe(cases.length)
    expect([...new Set<string>(cases.map(c => c.op))].sort()).toEqual([...OPS[name]].sort())
  })

  test.each(NAMES)('%s.json: shapes agree, numbers are finite, inputs are exact in float32', name => {
    for (const c of loadFixture(name)) {
      expect(c.name.startsWith(`${c.op}: `), c.name).toBe(true)
      for (const [key, input] of Object.entries(c.inputs)) {
        expect(
          [...input.data].every(v => Math.fround(v) === v),
          `${c.name}: input ${key} is exact`,
        ).toBe(true)
      }
      expect(c.output.data.every(Number.isFinite), `${c.name}: output is finite`).toBe(true)
      const differentiable = name !== 'optim' && c.op !== 'argmax' && c.op !== 'one_hot'
      expect(c.upstream?.shape, c.name).toEqual(differentiable ? c.output.shape : undefined)
      const expected = Object.entries(c.inputs).filter(([, input]) => differentiable && input.dtype === 'f64')
      const shapes = Object.entries(c.gradients ?? {}).map(([key, gradient]) => [key, gradient.shape])
      expect(shapes, c.name).toEqual(expected.map(([key, input]) => [key, input.shape]))
      for (const gradient of Object.values(c.gradients ?? {})) {
        expect(gradient.data.every(Number.isFinite), `${c.name}: gradients are finite`).toBe(true)
      }
    }
  })

  test.each(['matmul', 'conv2d'] as const)(
    '%s.json: sum(y · dL/dy) = sum(x · dL/dx), for y is linear in each input',
    name => {
      for (const c of loadFixture(name)) {
        const loss = dot(c.output, c.upstream!)
        for (const [key, input] of Object.entries(c.inputs)) {
          expectClose([dot(input, c.gradients![key]!)], [loss], { relative: 1e-8, absolute: 1e-5 }, `${c.name}, ${key}`)
        }
      }
    },
  )
})

describe('geometries', () => {
  test('conv2d: [N, out, H, W] by the lecture formula, for at least 24 geometries', () => {
    const cases = loadFixture('conv2d')
    expect(new Set(cases.map(c => JSON.stringify([c.attrs, c.inputs.w!.shape.slice(2)]))).size).toBeGreaterThanOrEqual(
      24,
    )
    for (const { name, attrs, inputs, output } of cases) {
      const [n, channels, ...plane] = inputs.x!.shape
      const [out, perGroup, ...kernel] = inputs.w!.shape
      expect(channels, name).toBe(perGroup! * attrs.groups)
      expect(output.shape, name).toEqual([
        n,
        out,
        ...windows(plane, kernel, attrs.stride, attrs.padding, attrs.dilation),
      ])
    }
  })

  test('pool: [N, C, H, W] by the same formula; each switch points at the first maximum of its window', () => {
    for (const c of loadFixture('pool')) {
      const [n, channels, ...plane] = c.inputs.x!.shape
      const shape = [n, channels, ...windows(plane, c.attrs.kernel, c.attrs.stride, c.attrs.padding, [1, 1])]
      expect(c.output.shape, c.name).toEqual(shape)
      if (c.op !== 'max_pool2d') continue
      expect(c.switches?.shape, c.name).toEqual(shape)
      const size = plane[0]! * plane[1]!
      const perPlane = shape[2]! * shape[3]!
      const firstMaxima = Array.from(c.output.data, (maximum, i) => {
        const start = Math.floor(i / perPlane) * size
        const top = Math.floor((i % perPlane) / shape[3]!) * c.attrs.stride[0] - c.attrs.padding.top
        const left = (i % shape[3]!) * c.attrs.stride[1] - c.attrs.padding.left
        for (let h = Math.max(top, 0); h < Math.min(top + c.attrs.kernel[0], plane[0]!); h++) {
          for (let w = Math.max(left, 0); w < Math.min(left + c.attrs.kernel[1], plane[1]!); w++) {
            if (c.inputs.x!.data[start + h * plane[1]! + w] === maximum) return h * plane[1]! + w
          }
        }
        return -1
      })
      expect([...c.switches!.data], c.name).toEqual(firstMaxima)
    }
  })

  test("conv2d: the lecture's 6x6 image under kernels 1 and 2", () => {
    const [one, two] = loadFixture('conv2d').filter(c => c.name.includes('lecture'))
    expect([...one!.output.data]).toEqual([
      ...[3, -1, -3, -1, -3, 1, 0, -3, -3, -3, 0, 1, 3, -2, -2, -1],
      ...[-1, -1, -1, -1, -1, -1, -2, 1, -1, -1, -2, 1, -1, 0, -4, 3],
    ])
    expect([...two!.output.data]).toEqual([3, -3, -3, 0, -1, -1, -1, -2])
  })
})

describe('lenet.json', () => {
  const lenet = loadLenetFixture()

  test('lcgTensor makes the values that Python made, to the last bit', () => {
    expect(lenet.lcg.check).toHaveLength(3)
    for (const { seed, scale, index, value } of lenet.lcg.check) {
      expect(lcgTensor([index + 1], seed, scale)[index]).toBe(value)
    }
  })

  test('the initial parameters are the 61,706 of LeNet-5', () => {
    const tensors = Object.entries(lenet.parameters).map(([name, p]) => ({
      name,
      data: lcgTensor(p.shape, p.seed, p.scale),
    }))
    expect(tensors.reduce((total, t) => total + t.data.length, 0)).toBe(61_706)
    for (const { name, data } of tensors) {
      const { sum, norm, indices, values } = lenet.initial[name]!
      expectClose(
        [data.reduce((a, b) => a + b), Math.sqrt(data.reduce((a, b) => a + b * b, 0))],
        [sum, norm],
        { relative: 1e-8, absolute: 1e-8 },
        name,
      )
      expectClose(
        Array.from(indices, i => data[i]!),
        values,
        { relative: 1e-8 },
        name,
      )
    }
  })

  test('every tensor has its seed, and is summarized before and after', () => {
    const names = Object.keys(lenet.parameters)
    const seeds = [lenet.input, ...Object.values(lenet.parameters)].map(p => p.seed)
    expect(new Set(seeds).size).toBe(seeds.length)
    const { gradients, initial, after } = lenet
    for (const summaries of [gradients, initial, after[1].parameters, after[3].parameters]) {
      expect(Object.keys(summaries)).toEqual(names)
      for (const name of names) {
        const { shape, indices, values } = summaries[name]!
        expect(shape, name).toEqual(lenet.parameters[name]!.shape)
        const count = shape.reduce((a, b) => a * b)
        expect(indices, name).toHaveLength(Math.min(16, count))
        expect(values, name).toHaveLength(indices.length)
        expect(new Set(indices).size, name).toBe(indices.length)
        expect(Math.max(...indices), name).toBeLessThan(count)
      }
    }
  })

  test('the first loss is the mean cross-entropy of the stored logits', () => {
    const rows = lenet.labels.map((label, n) => {
      const row = lenet.logits.data.subarray(n * 10, n * 10 + 10)
      return Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[label]!
    })
    expectClose([rows.reduce((a, b) => a + b) / 8], [lenet.losses[0]!], { relative: 1e-8 }, 'loss')
    expect(lenet.losses).toHaveLength(4)
    expect([lenet.after[1].loss, lenet.after[3].loss]).toEqual([lenet.losses[1], lenet.losses[3]])
  })
})

describe('expectClose', () => {
  test('accepts what lies within absolute + relative · |expected|', () => {
    expectClose([1.1, -100], [1, -101], { absolute: 0.09, relative: 0.01 + 1e-12 }, 'within')
    expectClose([Number.NaN, Number.POSITIVE_INFINITY, -0], [Number.NaN, Number.POSITIVE_INFINITY, 0], {}, 'special')
  })

  test('reports the entry that exceeds its own tolerance most', () => {
    const expected: FixtureTensor = { shape: [2, 3], dtype: 'f64', data: Float64Array.of(0, 1000, 0, 0, 1, 0) }
    const compare = () => expectClose([0, 1002, 0, 0, 1.5, 0], expected, { relative: 1e-3, absolute: 0 }, 'conv1')
    expect(compare).toThrow(
      'conv1: 2 of 6 numbers differ; worst at [4] (1, 1 of 2×3): expected 1, got 1.5, difference 0.500, ' +
        'tolerance 0.00100 (relative 0.001, absolute 0)',
    )
  })

  test.each([
    ['NaN for a number', [Number.NaN], [1]],
    ['a number for NaN', [1], [Number.NaN]],
    ['a number for infinity', [1e300], [Number.POSITIVE_INFINITY]],
    ['infinity for a number', [Number.POSITIVE_INFINITY], [1]],
    ['the other infinity', [Number.NEGATIVE_INFINITY], [Number.POSITIVE_INFINITY]],
  ])('refuses %s at any tolerance', (_, actual, expected) => {
    expect(() => expectClose(actual, expected, { relative: 10, absolute: 10 }, 'x')).toThrow('x: 1 of 1 numbers differ')
  })

  test('refuses another length', () => {
    expect(() => expectClose([1, 2], [1], { absolute: 1 }, 'logits')).toThrow('logits: expected 1 numbers, got 2')
  })
})

function dot(a: FixtureTensor, b: FixtureTensor): number {
  return a.data.reduce((sum, v, i) => sum + v * b.data[i]!, 0)
}

/** floor((in + padding - dilation · (kernel - 1) - 1) / stride) + 1, for rows and columns. */
function windows(
  plane: readonly number[],
  kernel: readonly number[],
  stride: readonly number[],
  padding: FixturePadding,
  dilation: readonly number[],
): number[] {
  const padded = [plane[0]! + padding.top + padding.bottom, plane[1]! + padding.left + padding.right]
  return padded.map((size, axis) => Math.floor((size - dilation[axis]! * (kernel[axis]! - 1) - 1) / stride[axis]!) + 1)
}
