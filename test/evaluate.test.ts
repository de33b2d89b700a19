/** Values on request: `tensor.data()` and `evaluate` of the package's front door. */
import { describe, expect, test } from 'vitest'
import * as fovea from '../src/index.ts'

const constant = (values: readonly number[]): fovea.Vector => fovea.constantTensor(values, [values.length])

describe('evaluate', () => {
  test('gives copies in the type of the value', async () => {
    const x = constant([1, 5, 3])
    expect(await fovea.mul(x, 2).data()).toEqual(Float32Array.of(2, 10, 6))
    expect(await fovea.argmax(x, 0).data()).toEqual(Int32Array.of(1))
    const [a, b] = await fovea.evaluate([x, fovea.reshape(x, [3, 1])])
    expect([a, b]).toEqual([Float32Array.of(1, 5, 3), Float32Array.of(1, 5, 3)])
    a!.fill(0)
    expect(await x.data()).toEqual(Float32Array.of(1, 5, 3))
  })

  test('many at once do not mix their values', async () => {
    const values = Array.from({ length: 20 }, (_, k) => k)
    const squares = await Promise.all(values.map(k => fovea.square(constant([k, k + 0.5])).data()))
    expect(squares).toEqual(values.map(k => Float32Array.of(k * k, (k + 0.5) ** 2)))
  })

  test('on an engine of one’s own sees its variables', async () => {
    const engine = fovea.createEngine({ threads: 2 })
    const w = new fovea.Variable([2], { name: 'w', value: Float32Array.of(1, 2) })
    engine.write(w, [3, 4])
    const results = await Promise.all([1, 2, 3].map(k => fovea.evaluate([fovea.mul(w.tensor, k)], engine)))
    expect(results.map(([y]) => Array.from(y!))).toEqual([
      [3, 4],
      [6, 8],
      [9, 12],
    ])
    await engine.close()
  })

  test('an input has no value', async () => {
    await expect(fovea.relu(fovea.input('images', [2])).data()).rejects.toThrow(/the input 'images' has no value/)
  })

  test('goes on after a computation that failed', async () => {
    const outside = fovea.oneHot(fovea.constantTensor([7], [1], 'i32'), 3)
    await expect(outside.data()).rejects.toThrow(/an index or a label \(=7\) is out of range: expected 0 … 2/)
    expect(await fovea.add(constant([1]), 1).data()).toEqual(Float32Array.of(2))
  })
})
