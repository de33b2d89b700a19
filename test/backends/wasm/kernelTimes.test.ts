/** The list of a program's kernels: every distinct one, once, with its tile, its code and its work; and the yardstick beside it. */
import { afterAll, describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../../src/backends/wasm/engine.ts'
import { type KernelTime, kernelTimes } from '../../../src/backends/wasm/measure/kernelTimes.ts'
import { measureWasmPeak } from '../../../src/backends/wasm/measure/peak.ts'
import { hasRelaxedSimd, registerTile } from '../../../src/backends/wasm/runtime/features.ts'
import * as g from '../../../src/graph/index.ts'

const engine = createWasmEngine({ threads: 1, innermost: 'channels', wide: 'off' })
afterAll(() => engine.close())

/** Two equal 1×1 convolutions, one of 3×3 by Winograd, a pool and a matrix product by constant weights. */
function program() {
  const volume = (name: string, shape: readonly number[]): g.Volume => g.input(name, shape) as unknown as g.Volume
  let y = g.input('x', [2, 32, 12, 12], { batched: true }) as g.Volume
  for (const name of ['a', 'b']) y = g.relu(g.conv2d(y, volume(name, [32, 32, 1, 1]))) as g.Volume
  y = g.conv2d(y, volume('c', [32, 32, 3, 3]), { padding: 1 })
  y = g.maxPool2d(y, 12) as g.Volume
  const scores = g.matmul(
    g.reshape(y, [2, 32]),
    g.constantTensor(new Float32Array(32 * 5).fill(0.1), [32, 5]) as g.Matrix,
  )
  return { outputs: { scores }, updates: new Map() }
}

test('are timed whatever an earlier program left in the memory: labels are 0, not its numbers', async () => {
  const small = createWasmEngine({ threads: 1, wide: 'off' })
  const x = g.input('x', [64, 10])
  const earlier = await small.compile({ outputs: { y: g.mul(x, 1e9) }, updates: new Map() })
  await earlier.run({ x: new Float32Array(640).fill(1) })
  const losses = g.softmaxCrossEntropy(x as g.Matrix, g.input('labels', [64], { dtype: 'i32' }) as unknown as g.Vector)
  const times = await small.profile({ outputs: { losses }, updates: new Map() }, 1)
  expect(times.length).toBeGreaterThan(0)
  await small.close()
})

describe('the kernels of a program', async () => {
  const executable = await engine.compile(program())
  const times = await engine.profile(program(), 3)
  const kernels = kernelTimes(times)
  const named = (name: RegExp): KernelTime[] => kernels.filter(kernel => name.test(kernel.name))

  test('are those of its plan, each once', () => {
    const codes = (list: readonly { codeBytes: number }[]): number[] => list.map(({ codeBytes }) => codeBytes).sort()
    expect(codes(kernels)).toEqual(codes(executable.kernels))
    expect(new Set(times.map(({ kernel }) => kernel)).size).toBe(kernels.length)
    expect(kernels.reduce((sum, { calls }) => sum + calls, 0)).toBe(times.length)
  })

  test('share all multiply-adds', () => {
    const sum = kernels.reduce((total, { multiplyAdds }) => total + multiplyAdds, 0)
    expect(sum).toBe(executable.plan.multiplyAdds)
    expect(sum).toBe(2 * 144 * 32 * 32 * (2 + 9) + 2 * 32 * 5)
  })

  test('are called by what they do, with equal ones together', () => {
    const { rows, columns } = registerTile(false)
    const [direct] = named(/^1×1 forward, direct \[2, 32, 12, 12\]$/)
    expect(direct).toMatchObject({ family: 'correlation', calls: 2, ahead: false, tile: { rows, columns } })
    expect(direct.multiplyAdds).toBe(2 * 2 * 144 * 32 * 32)
    // The multiply-adds of a convolution are where they are done: a quarter of them in the products of Winograd's tiles.
    const [products, ...others] = named(/^3×3 forward, winograd 4×4/).filter(({ multiplyAdds }) => multiplyAdds > 0)
    expect(products).toMatchObject({ name: expect.stringContaining(': products ['), tile: { rows, columns } })
    expect(products.multiplyAdds).toBe(2 * 144 * 32 * 32 * 9)
    expect(products.ownMultiplyAdds).toBe(products.multiplyAdds / 4)
    expect(products.codeBytes).toBeGreaterThan(500)
    expect(others).toEqual([])
    expect(direct.ownMultiplyAdds).toBe(direct.multiplyAdds)
    expect(named(/^maxPool2d \[2, 32, 1, 1\]$/)[0].tile).toBeUndefined()
  })

  test('are in the order of their time', () => {
    const order = kernels.filter(({ ahead }) => !ahead).map(({ milliseconds }) => milliseconds)
    expect(order).toEqual([...order].sort((a, b) => b - a))
    expect(Math.min(...order)).toBeGreaterThanOrEqual(0)
  })
})

test('what runs ahead of the runs is told apart', async () => {
  const weights = new g.Variable([16, 16, 3, 3])
  const x = g.input('x', [1, 16, 16, 16], { batched: true }) as g.Volume
  const y = g.conv2d(x, weights.tensor as unknown as g.Volume, { padding: 1 })
  const kernels = kernelTimes(await engine.profile({ outputs: { y }, updates: new Map() }, 1))
  expect(kernels.filter(({ ahead }) => ahead).map(({ name }) => name.replace(/ \[.*/, ''))).toEqual([
    '3×3 forward, winograd 4×4: transformed weights',
  ])
  expect(kernels[kernels.length - 1].ahead).toBe(true)
})

test('the peak: fused multiply-adds are the faster ones', async () => {
  const { fma, mulAdd } = await measureWasmPeak()
  expect(mulAdd).toBeGreaterThan(0.1)
  expect(fma !== undefined).toBe(hasRelaxedSimd())
  // Half as many instructions; the bound leaves room for a busy machine.
  if (fma !== undefined) expect(fma).toBeGreaterThan(mulAdd)
})
