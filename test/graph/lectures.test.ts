/** The worked examples of the course this library follows: numbers from its slides, at the slides' precision. */
import { describe, expect, test } from 'vitest'
import * as g from '../../src/graph/index.ts'

const value = (tensor: g.Tensor): number => g.evaluateReference([tensor])[0]!.values[0]!
const values = (tensor: g.Tensor): number[] => Array.from(g.evaluateReference([tensor])[0]!.values)

describe('f = (x + y) z at (−2, 5, −4)', () => {
  test('f = −12, q = 3 and gradients (−4, −4, 3)', () => {
    let q: g.Tensor | undefined
    const f = g.valueAndGrad(({ x, y, z }: Record<'x' | 'y' | 'z', g.Scalar>) => {
      q = g.add(x, y)
      return g.mul(q, z) as g.Scalar
    })
    const { value: result, gradients } = f({
      x: g.constantTensor(-2),
      y: g.constantTensor(5),
      z: g.constantTensor(-4),
    })
    expect(value(result)).toBe(-12)
    expect(value(q!)).toBe(3)
    expect([value(gradients.x), value(gradients.y), value(gradients.z)]).toEqual([-4, -4, 3])
  })
})

describe('sigmoid neuron L = σ(w0 x0 + w1 x1 + w2) at w = (2, −3, −3), x = (−1, −2)', () => {
  const at = { w0: 2, x0: -1, w1: -3, x1: -2, w2: -3 }
  const neuron = (v: Record<keyof typeof at, g.Scalar>): g.Scalar =>
    g.sigmoid(g.add(g.add(g.mul(v.w0, v.x0), g.mul(v.w1, v.x1)), v.w2)) as g.Scalar
  const scalars = Object.fromEntries(
    Object.entries(at).map(([name, number]) => [name, g.constantTensor(number).named(name)]),
  ) as Record<keyof typeof at, g.Scalar>

  test('value 0.73 and gradients by the flat code', () => {
    const { value: loss, gradients } = g.valueAndGrad(neuron)(scalars)
    // The slide's code, line by line.
    const L = 1 / (1 + Math.exp(-1))
    const gradS3 = 1 * (1 - L) * L
    expect(value(loss)).toBeCloseTo(L, 15)
    expect(value(loss)).toBeCloseTo(0.73, 2)
    const expected = { w2: gradS3, w1: gradS3 * at.x1, x1: gradS3 * at.w1, w0: gradS3 * at.x0, x0: gradS3 * at.w0 }
    for (const [name, number] of Object.entries(expected)) {
      expect(value(gradients[name as keyof typeof at]), name).toBeCloseTo(number, 15)
    }
  })

  test('explain prints the flat code', () => {
    expect(g.explain(neuron(scalars).named('L'), { digits: 2 })).toBe(
      [
        's0 = w0 * x0                     = -2',
        's1 = w1 * x1                     = 6',
        's2 = s0 + s1                     = 4',
        's3 = s2 + w2                     = 1',
        'L = sigmoid(s3)                  = 0.73',
        '--- backward',
        'grad_L = 1',
        'grad_s3 = grad_L * (L * (1 - L)) = 0.2',
        'grad_w2 = grad_s3                = 0.2',
        'grad_s2 = grad_s3                = 0.2',
        'grad_s1 = grad_s2                = 0.2',
        'grad_x1 = grad_s1 * w1           = -0.59',
        'grad_w1 = grad_s1 * x1           = -0.39',
        'grad_s0 = grad_s2                = 0.2',
        'grad_x0 = grad_s0 * w0           = 0.39',
        'grad_w0 = grad_s0 * x0           = -0.2',
      ].join('\n'),
    )
  })
})

describe('two-layer sigmoid network 3-2-2, x = (10, 30, 20), t = (1, 0), η = 0.1', () => {
  const x = g.constantTensor([10, 30, 20], [1, 3])
  const target = g.constantTensor([1, 0], [1, 2])
  // Rows are neurons: H1, H2 and O1, O2.
  const hiddenWeights = g.constantTensor([0.2, -0.1, 0.4, 0.7, -1.2, 1.2], [2, 3])
  const outputWeights = g.constantTensor([1.1, 0.1, 3.1, 1.17], [2, 2])
  const netHidden = g.matmul(x, hiddenWeights, { transposeB: true })
  const hidden = g.sigmoid(netHidden)
  const netOutput = g.matmul(hidden, outputWeights, { transposeB: true })
  const output = g.sigmoid(netOutput)
  const error = g.mul(0.5, g.sum(g.square(g.sub(target, output)))) as g.Scalar
  const [dHidden, dOutput, dNetHidden, dNetOutput] = g.gradients(error, [
    hiddenWeights,
    outputWeights,
    netHidden,
    netOutput,
  ]) as [g.Tensor, g.Tensor, g.Tensor, g.Tensor]
  const step = (weights: g.Tensor, gradient: g.Tensor): g.Tensor => g.sub(weights, g.mul(0.1, gradient))

  /** Half a unit of the slide's last digit where it rounds, and what its rounded intermediate results add. */
  const expectNear = (tensor: g.Tensor, expected: readonly number[], within: number): void => {
    values(tensor).forEach((actual, k) => {
      expect(Math.abs(actual - expected[k]!), `entry ${k}: ${actual}`).toBeLessThanOrEqual(within)
    })
    expect(g.sizeOf(tensor.shape)).toBe(expected.length)
  }

  test('forward pass', () => {
    expectNear(netHidden, [7, -5], 1e-12)
    // The slide cuts digits off: 0.99909 is 0.9990 and 0.75020 is 0.7501.
    expectNear(hidden, [0.999, 0.0067], 1e-4)
    expectNear(netOutput, [1.0996, 3.1047], 5e-4)
    expectNear(output, [0.7501, 0.9571], 1e-4)
  })

  test('transferred errors δ = −∂E/∂net', () => {
    // The slide goes on with 0.750, 0.957 and 0.999, which moves δ(H1) from −0.0000643 to −0.0000705.
    expectNear(g.neg(dNetOutput), [0.0469, -0.0394], 1.5e-4)
    expectNear(g.neg(dNetHidden), [-0.0000705, -0.000275], 1e-5)
  })

  // In the tables Δ = η δ x. Two entries contradict their own row: Δ(H1 → O1) = 0.1 · 0.0469 · 0.999 is written 0.000469
  // instead of 0.00469, and the new weight I2 → H1 is −0.1 with another row's Δ (−0.0000705). The rest is as printed.
  test('updated weights, hidden to output', () => {
    expectNear(g.mul(-0.1, dOutput), [0.00469, 0.0000314, -0.00394, -0.0000264], 2e-5)
    expectNear(step(outputWeights, dOutput), [1.10469, 0.1000314, 3.09606, 1.1699736], 2e-5)
  })

  test('updated weights, input to hidden', () => {
    expectNear(g.mul(-0.1, dHidden), [-0.0000705, -0.0002115, -0.000141, -0.000275, -0.000825, -0.00055], 2e-5)
    const table = [0.1999295, -0.1002115, 0.399859, 0.699725, -1.200825, 1.19945]
    expectNear(step(hiddenWeights, dHidden), table, 2e-5)
  })
})

describe('vectorized product y = xW', () => {
  test('∂L/∂x = ∂L/∂y Wᵀ and ∂L/∂W = xᵀ ∂L/∂y', () => {
    const x = g.constantTensor([1, 2, 3, 4, 5, 6], [2, 3])
    const w = g.constantTensor([1, -1, 0, 2, 3, 1], [3, 2])
    const upstream = g.constantTensor([1, 2, -1, 3], [2, 2])
    const [dx, dw] = g.gradients(g.sum(g.mul(g.matmul(x, w), upstream)), [x, w])
    expect(values(dx!)).toEqual(values(g.matmul(upstream, g.transpose(w) as g.Matrix)))
    expect(values(dw!)).toEqual(values(g.matmul(g.transpose(x) as g.Matrix, upstream)))
  })
})

describe('convolution', () => {
  const image = g.constantTensor(
    [
      [1, 0, 0, 0, 0, 1],
      [0, 1, 0, 0, 1, 0],
      [0, 0, 1, 1, 0, 0],
      [1, 0, 0, 0, 1, 0],
      [0, 1, 0, 0, 1, 0],
      [0, 0, 1, 0, 1, 0],
    ].flat(),
    [1, 1, 6, 6],
  )
  const kernel1 = g.constantTensor([1, -1, -1, -1, 1, -1, -1, -1, 1], [1, 1, 3, 3])

  test('6×6 image and kernel 1, strides 1 and 2', () => {
    const map = [3, -1, -3, -1, -3, 1, 0, -3, -3, -3, 0, 1, 3, -2, -2, -1]
    expect(values(g.conv2d(image, kernel1))).toEqual(map)
    expect(values(g.conv2d(image, kernel1, { stride: 2 }))).toEqual([3, -3, -3, 0])
  })

  test('7×7 with a 3×3 kernel at stride 3 leaves one row and column uncovered', () => {
    const window = g.windowOf({ kernel: 3, stride: 3 })
    expect(g.outputSize(window, 7, 7, 'conv')).toEqual([2, 2])
    expect(g.uncovered(window, 7, 7)).toEqual([1, 1])
    expect(g.uncovered(g.windowOf({ kernel: 3, stride: 2 }), 7, 7)).toEqual([0, 0])
  })

  test('AlexNet CONV1: 227×227×3 under 96 11×11 kernels at stride 4 gives 55×55×96', () => {
    const y = g.conv2d(g.input('x', [1, 3, 227, 227]), g.input('w', [96, 3, 11, 11]), { stride: 4 })
    expect(y.shape).toEqual([1, 96, 55, 55])
    expect(g.costOf(y).multiplyAdds).toBe(55 * 55 * 34_848)
  })
})
