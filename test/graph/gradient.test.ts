/** Gradients: numeric checks of every operation, first and second order, in double precision; and the rules of reverse mode. */
import { describe, expect, test } from 'vitest'
import * as e from '../../src/graph/expression.ts'
import * as g from '../../src/graph/index.ts'
import { apply } from '../../src/graph/op.ts'
import { opOf, opTable } from '../../src/graph/table.ts'

/** An operation as a function of f32 tensors of some shapes. Values are drawn between `low` and `high`. */
interface Case {
  readonly shapes: readonly (readonly number[])[]
  readonly build: (...inputs: g.Tensor[]) => g.Tensor
  readonly low?: number
  readonly high?: number
}

const labels = g.constantTensor([2, 0, 1], [3], 'i32')
const switches = g.constantTensor([4, 1], [1, 2, 1, 1], 'i32')
const volume = (f: (x: g.Volume) => g.Tensor) => (x: g.Tensor) => f(x as g.Volume)
const elementwise = (build: (x: g.Tensor) => g.Tensor, low = -2, high = 2): Case => ({
  shapes: [[7]],
  build,
  low,
  high,
})
const binary = (build: (x: g.Tensor, y: g.Tensor) => g.Tensor): Case => ({
  shapes: [[2, 3], [3]],
  build,
  low: 0.5,
  high: 2,
})

const cases: Readonly<Record<string, Case>> = {
  add: binary(g.add),
  sub: binary(g.sub),
  mul: binary(g.mul),
  div: binary(g.div),
  maximum: binary(g.maximum),
  minimum: binary(g.minimum),
  where: binary((x, y) => g.where(g.greater(x, y), g.mul(x, y), g.sub(x, y))),
  'a value used twice': binary((x, y) => g.mul(g.add(x, y), g.mul(x, x))),
  neg: elementwise(g.neg),
  abs: elementwise(g.abs),
  exp: elementwise(g.exp),
  log: elementwise(g.log, 0.3),
  sqrt: elementwise(g.sqrt, 0.3),
  square: elementwise(g.square),
  tanh: elementwise(g.tanh),
  sigmoid: elementwise(g.sigmoid),
  erf: elementwise(g.erf),
  gelu: elementwise(g.gelu),
  relu: elementwise(g.relu),
  leakyRelu: elementwise(x => g.leakyRelu(x, 0.1)),
  elu: elementwise(x => g.elu(x, 1.5)),
  silu: elementwise(g.silu),
  clamp: elementwise(x => g.clamp(x, -0.5, 0.75)),
  'sine and cosine': elementwise(x => g.map(e.unary('sin', e.unary('cos', e.input(0))), [x])),
  broadcastTo: { shapes: [[2, 1]], build: x => g.square(g.broadcastTo(x, [3, 2, 4])) },
  matmul: {
    shapes: [
      [2, 3],
      [3, 4],
    ],
    build: (a, b) => g.matmul(a as g.Matrix, b as g.Matrix),
  },
  'matmul, a transposed': {
    shapes: [
      [3, 2],
      [3, 4],
    ],
    build: (a, b) => g.matmul(a as g.Matrix, b as g.Matrix, { transposeA: true }),
  },
  'matmul, b transposed': {
    shapes: [
      [2, 3],
      [4, 3],
    ],
    build: (a, b) => g.matmul(a as g.Matrix, b as g.Matrix, { transposeB: true }),
  },
  'matmul, both transposed': {
    shapes: [
      [3, 2],
      [4, 3],
    ],
    build: (a, b) => g.matmul(a as g.Matrix, b as g.Matrix, { transposeA: true, transposeB: true }),
  },
  conv2d: {
    shapes: [
      [2, 4, 5, 6],
      [6, 2, 3, 2],
    ],
    build: (x, w) =>
      g.square(
        g.conv2d(x as g.Volume, w as g.Volume, {
          stride: [2, 1],
          dilation: [1, 2],
          groups: 2,
          padding: { top: 1, bottom: 0, left: 2, right: 1 },
        }),
      ),
  },
  maxPool2d: {
    shapes: [[2, 2, 5, 5]],
    build: volume(x => g.square(g.maxPool2d(x, 3, { stride: 2, padding: 1 }))),
  },
  maxPool2dRoute: {
    shapes: [[1, 2, 2, 3]],
    build: x => g.square(apply(opTable.maxPool2dRoute, [x, switches], g.windowOf({ kernel: 2, stride: 2 }))),
  },
  averagePool2d: {
    shapes: [[2, 2, 5, 5]],
    build: volume(x => g.square(g.averagePool2d(x, 3, { stride: 2, padding: 1, countPadding: false }))),
  },
  sum: { shapes: [[2, 3, 4]], build: x => g.square(g.sum(x, [0, 2])) },
  mean: { shapes: [[2, 3, 4]], build: x => g.square(g.mean(x, [1], { keepDims: true })) },
  max: { shapes: [[2, 3, 4]], build: x => g.square(g.max(x, [0, 2])) },
  min: { shapes: [[2, 3, 4]], build: x => g.square(g.min(x, -1)) },
  reshape: { shapes: [[2, 6]], build: x => g.square(g.reshape(x, [3, -1])) },
  flatten: { shapes: [[2, 3, 2]], build: x => g.square(g.flatten(x)) },
  transpose: { shapes: [[2, 3, 4]], build: x => g.square(g.transpose(x, [2, 0, 1])) },
  slice: { shapes: [[5, 7]], build: x => g.square(g.slice(x, [1, 0], [5, 7], [2, 3])) },
  pad: {
    shapes: [[2, 3]],
    build: x => g.square(g.pad(x, { before: [1, 0], after: [0, 2], interior: [1, 2], value: 0.5 })),
  },
  concat: {
    shapes: [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    build: (...parts) => g.square(g.concat(parts, 1)),
  },
  gather: { shapes: [[4, 3]], build: x => g.square(g.gather(x, labels, 1)) },
  scatterAdd: { shapes: [[2, 3]], build: x => g.square(g.scatterAdd(x, labels, 1, 5)) },
  softmax: { shapes: [[3, 4]], build: x => g.softmax(x) },
  logSoftmax: { shapes: [[3, 4]], build: x => g.logSoftmax(x, 0) },
  softmaxCrossEntropy: { shapes: [[3, 4]], build: x => g.softmaxCrossEntropy(x as g.Matrix, labels) },
  'softmaxCrossEntropy, weighted by a function of the logits': {
    shapes: [[3, 4]],
    build: x => g.mul(g.softmaxCrossEntropy(x as g.Matrix, labels), g.sum(x, 1)),
  },
}

/** Numbers without pattern, no two closer than the step of the difference quotients, so that no maximum changes hands. */
function drawn(size: number, seed: number, low: number, high: number): Float64Array {
  const order = Array.from({ length: size }, (_, i) => i)
  let state = seed >>> 0
  const next = (): number => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  order.sort((a, b) => ((a * 7919 + seed) % 101) - ((b * 7919 + seed) % 101))
  return Float64Array.from(order, k => low + ((k + 0.25 + next() / 2) / size) * (high - low))
}

/** Holds the gradients of a scalar graph to centred differences, for all its inputs. */
function expectNumericGradient(
  loss: g.Scalar,
  inputs: readonly g.Tensor[],
  at: Readonly<Record<string, Float64Array>>,
): void {
  const step = 1e-5
  const found = g.evaluateReference(g.gradients(loss, inputs), at)
  inputs.forEach((input, k) => {
    const name = input.label!
    expect(found[k]!.shape, name).toEqual(input.shape)
    at[name]!.forEach((value, i) => {
      const lossAt = (moved: number): number =>
        g.evaluateReference([loss], { ...at, [name]: at[name]!.with(i, moved) })[0]!.values[0]!
      const numeric = (lossAt(value + step) - lossAt(value - step)) / (2 * step)
      const analytic = found[k]!.values[i]!
      const scale = Math.max(1, Math.abs(numeric))
      expect(Math.abs(analytic - numeric) / scale, `${name}[${i}]: ${analytic}, numeric ${numeric}`).toBeLessThan(1e-7)
    })
  })
}

/** Σ wᵢ yᵢ with fixed weights, so that no error can cancel. */
function weighted(y: g.Tensor, seed: number): g.Scalar {
  return g.sum(g.mul(y, g.constantTensor(drawn(g.sizeOf(y.shape), seed, -1.5, 1.5), y.shape)))
}

describe('numeric gradient checks', () => {
  const differentiated = new Set<string>()

  test.each(Object.entries(cases))('%s, first and second order', (_, { shapes, build, low = -2, high = 2 }) => {
    const inputs = shapes.map((shape, k) => g.input(`x${k}`, shape))
    const at = Object.fromEntries(
      inputs.map((input, k) => [input.label!, drawn(g.sizeOf(input.shape), 17 + k, low, high)]),
    )
    const first = weighted(build(...inputs), 1)
    expectNumericGradient(first, inputs, at)

    const second = g.gradients(first, inputs).map((gradient, k) => weighted(gradient, 2 + k))
    const total = second.reduce((a, b) => g.add(a, b) as g.Scalar)
    expectNumericGradient(total, inputs, at)
    for (const { op } of g.topologicalOrder([first, total])) differentiated.add(op)
  })

  test('cover every differentiable operation of the table', () => {
    const constant = ['argmax', 'increment', 'maxPool2dSwitches', 'oneHot', 'random']
    const missing = Object.keys(opTable).filter(name => !differentiated.has(name) && !constant.includes(name))
    expect(missing).toEqual([])
  })
})

describe('reverse mode', () => {
  const values = (tensors: readonly g.Tensor[], inputs: g.InputValues = {}): number[][] =>
    g.evaluateReference(tensors, inputs).map(({ values: data }) => Array.from(data))

  test('gradients add where a value branches', () => {
    const x = g.input('x', [3])
    const [dx] = g.gradients(g.sum(g.add(g.mul(x, 3), g.square(x))), [x])
    expect(values([dx!], { x: [0, 1, -2] })).toEqual([[3, 5, -1]])
  })

  test('a target that the loss does not depend on gets zeros', () => {
    const [x, y] = [g.input('x', [2]), g.input('y', [2, 2])]
    const [dx, dy] = g.gradients(g.sum(x), [x, y])
    expect(values([dx!, dy!])).toEqual([
      [1, 1],
      [0, 0, 0, 0],
    ])
  })

  test('intermediate values and the loss itself have gradients', () => {
    const x = g.input('x', [2])
    const h = g.exp(x)
    const loss = g.sum(g.square(h))
    expect(values(g.gradients(loss, [h, loss]), { x: [0, 1] })).toEqual([[2, 2 * Math.E], [1]])
  })

  test('a maximum shares its gradient among ties, relu has none at 0', () => {
    const x = g.input('x', [4])
    const [shared] = g.gradients(g.mul(6, g.max(x)) as g.Scalar, [x])
    const [rectified] = g.gradients(g.sum(g.relu(x)), [x])
    expect(values([shared!, rectified!], { x: [2, 0, 2, 2] })).toEqual([
      [2, 0, 2, 2],
      [1, 0, 1, 1],
    ])
  })

  test('stopGradient keeps the value and stops the gradient', () => {
    const x = g.input('x', [2])
    const y = g.mul(x, g.stopGradient(g.square(x)))
    const [dx] = g.gradients(g.sum(y), [x])
    const stopped = g.stopGradient(x)
    expect(opOf(stopped).vjp(stopped, x, stopped.attributes)).toEqual([undefined])
    expect(values([y, dx!], { x: [2, 3] })).toEqual([
      [8, 27],
      [4, 9],
    ])
  })

  test('labels, indices, argmax, oneHot and random numbers take no gradient', () => {
    const x = g.input('x', [2, 3])
    const key = g.constantTensor([1, 2], [2], 'i32')
    const mask = g.randomBernoulli(key, [2, 3], 0.5, 'mask')
    const hard = g.oneHot(g.argmax(x), 3)
    const loss = g.sum(g.mul(g.mul(x, mask), hard))
    const [dx, expected] = values([...g.gradients(loss, [x]), g.mul(mask, hard)], { x: [1, 2, 3, 3, 2, 1] })
    expect(dx).toEqual(expected)
  })

  test('only paths to the targets are walked', () => {
    const [x, w] = [g.input('x', [2, 3]), g.input('w', [3, 4])]
    const [dw] = g.gradients(g.sum(g.square(g.matmul(g.exp(x), w))), [w])
    // exp(x) is read, its gradient is not computed: one matrix product forward, one backward.
    expect(g.totalCost([dw!]).byOperation.get('matmul')?.operations).toBe(2)
  })

  test.each([
    ['a vector loss', g.input('x', [2]) as unknown as g.Scalar, [], 'the loss must be an f32 scalar, got f32 [2]'],
    ['an integer loss', g.input('n', [], { dtype: 'i32' }), [], 'the loss must be an f32 scalar, got i32 []'],
    ['an integer target', g.input('x', []), [g.input('labels', [3], { dtype: 'i32' })], 'labels has type i32'],
  ])('refuses %s', (_, loss, targets, message) => {
    expect(() => g.gradients(loss, targets)).toThrow(message)
    expect(() => g.gradients(loss, targets)).toThrow(g.ShapeError)
  })
})
