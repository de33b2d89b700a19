/**
 * Values in half precision: every kernel reads and writes them, with one rounding of 2⁻¹¹ for what is stored; networks give
 * the logits of single precision up to that, and move as many bytes less as they store half.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWebGPUEngine } from '../../../src/backends/webgpu/create.ts'
import { openDevice } from '../../../src/backends/webgpu/device.ts'
import { DeviceEngine } from '../../../src/backends/webgpu/engine.ts'
import { halfLayout } from '../../../src/backends/webgpu/half.ts'
import type { WebGPUEngine, WebGPUExecutable } from '../../../src/backends/webgpu/options.ts'
import * as g from '../../../src/graph/index.ts'
import { evaluateReference } from '../../../src/graph/index.ts'
import { opTable } from '../../../src/graph/table.ts'
import { cifarResnet, lenet5, squeezenet } from '../../../src/models/index.ts'
import { inference, type Module } from '../../../src/nn/index.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import { type Step, stepInputs } from '../../../src/plan/step.ts'
import { expectClose } from '../../support/fixtures.ts'
import { withMore } from '../../support/full.ts'
import { driver, reason } from '../../support/webgpu.ts'

/** Half of a unit in the last place of half precision: what storing a number changes it by, at most. */
const rounding = 2 ** -11
/** The same below 2⁻¹⁴, where numbers have fewer digits. */
const smallest = 2 ** -25

/** Multiples of 1/8, which half precision has, so that sums of products are exact in single precision. */
const grid = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, k) => (((k * 7919 + seed * 104_729) >>> 3) % 33) / 8 - 2)

const isHalf = (plan: Plan, tensor: g.Tensor): boolean => plan.value(tensor)?.layout === halfLayout
const stepsOf = (plan: Plan): readonly Step[] => plan.groups.flatMap(group => group.steps)
const indices = (values: readonly number[]): g.Vector => g.constantTensor(values, [values.length], 'i32') as g.Vector

/** The same values, stored once more: no kernel does that along with another operation. */
const again = (x: g.Tensor): g.Tensor => g.gather(x, indices(Array.from({ length: x.shape[0]! }, (_, k) => k)))

type Operation = (...operands: readonly g.Tensor[]) => readonly g.Tensor[]
type Case = readonly [name: string, shapes: readonly (readonly number[])[], compute: Operation]

/** Values of an operation on volumes, and its gradients with respect to some of its operands. */
const withGradients =
  (compute: (...operands: readonly g.Tensor[]) => g.Tensor): Operation =>
  (upstream, ...operands) => {
    const y = compute(...operands)
    return [y, ...g.gradients(g.sum(g.mul(y, upstream!)) as g.Scalar, operands)]
  }

const convolution = (options: g.Conv2dOptions): Operation =>
  withGradients((x, w) => g.conv2d(x as g.Volume, w as g.Volume, options))

/** Products in which pairs of results are neighbors, and such in which they are not. */
const products: readonly Case[] = [
  [
    'a product with even rows',
    [
      [6, 5],
      [5, 8],
    ],
    (a, b) => [g.matmul(a as g.Matrix, b as g.Matrix)],
  ],
  [
    'a product with odd rows, of transposed matrices',
    [
      [5, 3],
      [7, 5],
    ],
    (a, b) => [g.matmul(a as g.Matrix, b as g.Matrix, { transposeA: true, transposeB: true })],
  ],
  [
    'convolutions with even planes',
    [
      [2, 4, 6, 6],
      [2, 3, 6, 6],
      [4, 3, 3, 3],
    ],
    convolution({ padding: 1 }),
  ],
  [
    'convolutions with odd planes',
    [
      [2, 5, 5, 3],
      [2, 3, 7, 5],
      [5, 3, 3, 3],
    ],
    convolution({}),
  ],
  [
    '1×1 convolutions',
    [
      [1, 8, 4, 4],
      [1, 4, 4, 4],
      [8, 4, 1, 1],
    ],
    convolution({}),
  ],
  [
    'convolutions with strides and groups',
    [
      [1, 4, 3, 4],
      [1, 4, 5, 8],
      [4, 2, 3, 3],
    ],
    convolution({ stride: 2, padding: 1, groups: 2 }),
  ],
  [
    'depthwise convolutions',
    [
      [2, 4, 6, 6],
      [2, 4, 6, 6],
      [4, 1, 3, 3],
    ],
    convolution({ padding: 1, groups: 4 }),
  ],
]

/** Products that are computed in tiles, and in parts. */
const large: readonly Case[] = [
  [
    'a product in tiles',
    [
      [70, 48],
      [48, 68],
    ],
    (a, b) => [g.matmul(a as g.Matrix, b as g.Matrix)],
  ],
  [
    'a product in tiles with odd rows',
    [
      [37, 33],
      [33, 41],
    ],
    (a, b) => [g.matmul(a as g.Matrix, b as g.Matrix)],
  ],
  [
    'a product in parts',
    [
      [9, 1000],
      [1000, 10],
    ],
    (a, b) => [g.matmul(a as g.Matrix, b as g.Matrix)],
  ],
  [
    'convolutions in tiles',
    [
      [3, 10, 14, 14],
      [3, 6, 14, 14],
      [10, 6, 3, 3],
    ],
    convolution({ padding: 1 }),
  ],
  [
    '1×1 convolutions in tiles',
    [
      [2, 32, 8, 8],
      [2, 16, 8, 8],
      [32, 16, 1, 1],
    ],
    convolution({}),
  ],
]

const others: readonly Case[] = [
  ['element-wise work', [[3, 5], [5]], (x, y) => [g.exp(g.sub(x!, y!)), g.square(g.add(x!, 0.125))]],
  ['an epilogue', [[6, 5], [5, 8], [8]], (a, b, c) => [g.relu(g.add(g.matmul(a as g.Matrix, b as g.Matrix), c!))]],
  ['a transpose', [[3, 4, 5]], x => [g.transpose(x!, [2, 0, 1])]],
  ['slices', [[5, 7]], x => [g.slice(x!, [1, 0], [5, 6], [2, 1])]],
  ['padding', [[3, 4]], x => [g.pad(x!, { before: [1, 0], after: [0, 2], interior: [0, 1], value: 0.5 })]],
  [
    'parts joined in pairs',
    [
      [3, 2, 5],
      [3, 4, 5],
    ],
    (x, y) => [g.concat([x!, y!], 1)],
  ],
  [
    'parts joined one by one',
    [
      [3, 1, 5],
      [3, 2, 5],
    ],
    (x, y) => [g.concat([x!, y!], 1)],
  ],
  ['more parts than a shader binds', [[3, 1]], x => [g.concat(new Array<g.Tensor>(40).fill(x!), 1)]],
  [
    'a gather and its gradient',
    [
      [3, 5],
      [4, 5],
    ],
    (u, x) => withGradients(y => g.gather(y!, indices([2, 0, 2])))(u!, x!),
  ],
  [
    'max pooling, its gradient, and the gradient of that',
    [
      [1, 2, 3, 3],
      [1, 2, 6, 6],
      [1, 2, 6, 6],
    ],
    (u, x, v) => {
      const y = g.maxPool2d(x as g.Volume, 2)
      const [dx] = g.gradients(g.sum(g.mul(y, u!)) as g.Scalar, [x!])
      return [y, dx!, ...g.gradients(g.sum(g.mul(dx!, v!)) as g.Scalar, [u!])]
    },
  ],
  [
    'the places of maxima',
    [[1, 2, 6, 6]],
    x => [g.maxPool2dSwitches(x as g.Volume, g.windowOf({ kernel: 2, stride: 2 }))],
  ],
  [
    'average pooling',
    [
      [1, 3, 3, 3],
      [1, 3, 6, 6],
    ],
    withGradients(x => g.averagePool2d(x as g.Volume, 2)),
  ],
  ['reductions', [[6, 40]], x => [g.sum(x!, 1), g.max(x!, 0), g.min(x!), g.mean(g.square(x!), 0), g.mean(x!, 0)]],
  ['the largest', [[6, 7]], x => [g.argmax(x!, 1)]],
  ['cross-entropy', [[3], [3, 5]], withGradients(x => g.softmaxCrossEntropy(x as g.Matrix, indices([4, 0, 2])))],
]

describe.skipIf(driver === undefined)(`half precision on ${driver ?? reason}`, () => {
  let engine: WebGPUEngine
  let single: WebGPUEngine
  /** With the forms that graphics processors get. */
  let parallel: WebGPUEngine
  const seen = { read: new Set<string>(), written: new Set<string>() }
  beforeAll(async () => {
    engine = await createWebGPUEngine({ storage: 'f16' })
    single = await createWebGPUEngine()
    parallel = new DeviceEngine(await openDevice(), { parallel: true, half: true })
  })
  afterAll(async () => {
    await engine?.close()
    await single?.close()
    await parallel?.close()
  })

  /** Computes results that are stored half, from operands that are, and compares them with those by definition. */
  async function compare(on: WebGPUEngine, shapes: readonly (readonly number[])[], compute: Operation): Promise<void> {
    const operands = shapes.map((shape, k) => g.input(`x${k}`, shape))
    const results = compute(...operands.map(again))
    const outputs = Object.fromEntries(results.map((y, k) => [`y${k}`, y.shape.length === 0 ? y : again(y)]))
    const executable = await on.compile({ outputs, updates: new Map() })
    for (const step of stepsOf(executable.plan)) {
      if (stepInputs(step).some(read => isHalf(executable.plan, read))) seen.read.add(step.op)
      if (isHalf(executable.plan, step.outputs[0])) seen.written.add(step.op)
    }
    const inputs = Object.fromEntries(shapes.map((shape, k) => [`x${k}`, grid(g.sizeOf(shape), k)]))
    const found = await executable.run(inputs)
    const expected = evaluateReference(Object.values(outputs), inputs)
    // A gradient of a gradient, or of a pool, rounds once for each value that is stored on the way.
    const roundings = Math.max(...results.map(result => roundingsOf(executable, result)))
    expected.forEach(({ values }, k) => {
      const tolerance = { relative: roundings * rounding + 2e-6, absolute: smallest + 2e-6 }
      expectClose(found[`y${k}`]!, values, tolerance, `y${k}`)
    })
  }

  /** How many values are stored half on the longest way from inputs, which are exact, to a value. */
  function roundingsOf({ plan }: WebGPUExecutable, tensor: g.Tensor): number {
    const depth = (value: g.Tensor): number =>
      Math.max(0, ...value.inputs.map(depth)) + (isHalf(plan, value) && value.op !== 'gather' ? 1 : 0)
    return depth(tensor)
  }

  test.each([...products, ...others])('%s', async (_, shapes, compute) => {
    await compare(engine, shapes, compute)
  })

  test('one-hot and random values', async () => {
    const key = g.input('key', [2], { dtype: 'i32' }) as g.Vector
    const hot = g.oneHot(g.input('labels', [3], { dtype: 'i32' }) as g.Vector, 5)
    const drawn = [
      g.randomUniform(key, [7, 3], 'a'),
      g.randomNormal(key, [7, 3], 'b'),
      g.randomBernoulli(key, [7, 3], 0.5, 'c'),
    ]
    const roots = [hot, ...drawn]
    const inputs = { key: [3, 4], labels: [4, 0, 2] }
    const outputs = Object.fromEntries(roots.map((root, k) => [`y${k}`, again(root)]))
    const executable = await engine.compile({ outputs, updates: new Map() })
    for (const root of roots) {
      expect(isHalf(executable.plan, root), root.op).toBe(true)
      seen.written.add(root.op)
    }
    const found = await executable.run(inputs)
    evaluateReference(Object.values(outputs), inputs).forEach(({ values }, k) => {
      expectClose(found[`y${k}`]!, values, { relative: rounding + 2e-6, absolute: 2e-6 }, roots[k]!.op)
    })
  })

  test('every operation of floats was computed from such values and to such values', () => {
    const all = Object.keys(opTable)
    const keepSingle = ['reduce', 'softmaxCrossEntropy', 'softmaxCrossEntropyGradient']
    const integers = ['argmax', 'increment', 'maxPool2dSwitches', 'reshape']
    const generators = ['oneHot', 'random', 'increment', 'reshape']
    expect(all.filter(op => !seen.written.has(op)).sort()).toEqual([...keepSingle, ...integers].sort())
    expect(all.filter(op => !seen.read.has(op)).sort()).toEqual(generators.sort())
  })

  test('numbers are rounded to the nearest, ties to even; 65520 is infinite', async () => {
    const exponents = Array.from({ length: 44 }, (_, k) => k - 27)
    const numbers = exponents.flatMap(e =>
      [1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1.2345678, 2 - 2 ** -12].map(m => m * 2 ** e),
    )
    const special = [0, 65504, 65519.9, 65520, 65536, 1e30, Number.POSITIVE_INFINITY, Number.NaN]
    const values = Float32Array.from([...numbers, ...special].flatMap(x => [x, -x]))
    const x = g.input('x', [values.length])
    const executable = await engine.compile({ outputs: { y: again(again(x)) }, updates: new Map() })
    const { y } = await executable.run({ x: values })
    expect(Array.from(y!, value => value + 0)).toEqual(Array.from(values, value => toHalf(value) + 0))
  })

  test('means and variances of large numbers stay in single precision', async () => {
    const x = again(g.input('x', [4, 300]))
    const variance = g.sub(g.mean(g.square(x), 1), g.square(g.mean(x, 1)))
    const y = g.div(g.sub(x, g.reshape(g.mean(x, 1), [4, 1])), g.sqrt(g.reshape(variance, [4, 1])))
    const values = Float32Array.from({ length: 1200 }, (_, k) => 1000 + (k % 7) * 50)
    const executable = await engine.compile({ outputs: { y: again(y) }, updates: new Map() })
    // Their squares, and the sums of these, are beyond 65504.
    const [expected] = evaluateReference([y], { x: values })
    expectClose(
      (await executable.run({ x: values })).y!,
      expected!.values,
      { relative: 2 * rounding, absolute: 1e-3 },
      'y',
    )
  })

  test('programs that change variables are in single precision throughout', async () => {
    const weight = new g.Variable([4, 4], { name: 'weight', value: grid(16, 0) })
    const y = g.relu(g.matmul(again(g.input('x', [4, 4])) as g.Matrix, weight.tensor as g.Tensor as g.Matrix))
    const [gradient] = g.gradients(g.sum(g.square(y)) as g.Scalar, [weight.tensor])
    const updates = new Map([[weight, g.sub(weight.tensor, g.mul(gradient!, 0.1))]])
    const { plan } = await engine.compile({ outputs: { loss: g.sum(y) }, updates })
    expect(plan.values.filter(({ layout }) => layout === halfLayout)).toEqual([])
    const evaluation = await engine.compile({ outputs: { y: again(y) }, updates: new Map() })
    expect(isHalf(evaluation.plan, y)).toBe(true)
  })

  const networks = withMore<readonly [string, () => Module, readonly number[]]>(
    [['LeNet-5', () => lenet5(), [2, 1, 28, 28]]],
    [
      ['ResNet-20', () => cifarResnet(20), [1, 3, 32, 32]],
      ['SqueezeNet 1.1', () => squeezenet('1.1'), [1, 3, 64, 64]],
    ],
  )
  test.each(networks)('the logits of %s, and the bytes that it moves', async (_, create, shape) => {
    const images = g.input('images', shape, { batched: true })
    const logits = g.simplify([create().initialize(1).forward(images, inference())])[0]!
    const program = { outputs: { logits }, updates: new Map() }
    const [half, whole] = [await engine.compile(program), await single.compile(program)]
    const inputs = { images: grid(g.sizeOf(shape), 1) }
    const [found, expected] = [(await half.run(inputs)).logits!, (await whole.run(inputs)).logits!]
    const stored = stepsOf(half.plan).filter(step => isHalf(half.plan, step.outputs[0]))
    // Each value that is stored adds at most a rounding to what goes through it, relative to the largest.
    const size = Math.max(...Array.from(expected, Math.abs))
    expectClose(found, expected, { absolute: stored.length * rounding * size }, 'logits')
    expect(Array.from(found)).not.toEqual(Array.from(expected))
    const spared = stepsOf(half.plan)
      .flatMap(step => [...stepInputs(step), ...step.outputs])
      .filter(tensor => isHalf(half.plan, tensor))
      .reduce((sum, { shape }) => sum + 2 * g.sizeOf(shape), 0)
    expect(half.work).toEqual({ ...whole.work, bytes: whole.work.bytes - spared })
    expect(half.memoryBytes).toBeLessThan(whole.memoryBytes)
  })

  test('the engine says how it stores; other storages are refused', async () => {
    expect([engine.description.storage, single.description.storage]).toEqual(['f16', 'f32'])
    await expect(createWebGPUEngine({ storage: 'bf16' as 'f16' })).rejects.toThrow(
      `webgpu: storage (="bf16") must be 'f32' or 'f16'`,
    )
  })

  // Software drivers take up to 20 s to compile a shader with tiles.
  test.each(withMore(products, large))('on a graphics processor, %s', async (_, shapes, compute) => {
    await compare(parallel, shapes, compute)
  })
})

/** The nearest number of half precision: a multiple of 2⁻²⁴, or with 11 binary digits. */
function toHalf(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x
  const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10)
  const [below, rest] = [Math.floor(x / unit), x / unit - Math.floor(x / unit)]
  const rounded = (rest === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(x / unit)) * unit
  return Math.abs(rounded) > 65504 ? Math.sign(x) * Number.POSITIVE_INFINITY : rounded
}
