/** ELU and its slope keep their digits near 0 and far from it, as PyTorch's do, which computes eˣ − 1 in one piece. */
import { expect, test } from 'vitest'
import { createEngine } from '../../../src/backends/createEngine.ts'
import * as g from '../../../src/graph/index.ts'

const points = [
  -1e-30,
  -1e-8,
  -1e-4,
  -0.01,
  -0.5,
  -0.999,
  -1,
  -1.001,
  -3,
  -20,
  -80,
  Number.NEGATIVE_INFINITY,
  0,
  0.5,
  90,
]

test('relative to exact values', async () => {
  const engine = createEngine({ threads: 1 })
  const values = Float32Array.from(points)
  const x = g.input('x', [points.length])
  const y = g.elu(x)
  const [slope] = g.gradients(g.sum(y) as g.Scalar, [x])
  const executable = await engine.compile({ outputs: { y, slope: slope as g.Tensor }, updates: new Map() })
  const result = await executable.run({ x: values })
  for (const [k, value] of values.entries()) {
    const exact = value > 0 ? value : Math.expm1(value)
    const exactSlope = value > 0 ? 1 : Math.exp(value)
    // tanh, exp and the quotient are off by 2 to 3 steps of float32 each, of 6e-8.
    expect(Math.abs(result.y[k]! - exact), `elu(${value})`).toBeLessThanOrEqual(4e-7 * Math.abs(exact))
    // Below 1e-38 numbers have fewer digits.
    expect(Math.abs(result.slope[k]! - exactSlope), `slope at ${value}`).toBeLessThanOrEqual(6e-7 * exactSlope + 1e-44)
  }
  await engine.close()
})
