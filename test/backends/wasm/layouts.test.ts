/** Where a plan's choice of layouts could go wrong: values that are batched in one place and whole in another. */
import { afterAll, describe, expect, test } from 'vitest'
import * as g from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import { runOn } from '../../support/programs.ts'
import { threadedEngine } from '../../support/threads.ts'
import { gridArray } from '../conformance/geometry.ts'

const engine = threadedEngine({ threads: 2 })
afterAll(() => engine.close())

/** One block, several blocks, samples one by one. */
const batches = [3, 8, 32]

/** Runs on the engine and compares with the reference; inputs are grid values unless given. */
async function check(
  roots: readonly g.Tensor[],
  given: Readonly<Record<string, ArrayLike<number>>> = {},
): Promise<g.TypedArray[]> {
  const inputs: Record<string, ArrayLike<number>> = {}
  for (const { source, shape } of g.topologicalOrder(roots)) {
    if (source?.kind === 'input') inputs[source.name] = given[source.name] ?? gridArray(shape, source.name.length).data
  }
  const expected = g.evaluateReference(roots, inputs)
  const results = await runOn(engine, roots, inputs)
  const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array }
  roots.forEach((root, k) => {
    expect(results[k]).toBeInstanceOf(arrays[root.dtype])
    expectClose(results[k]!, expected[k]!.values, { relative: 1e-6, absolute: 1e-6 }, `root ${k}`)
  })
  return results
}

const rows = (n: number, columns: number, name = 'x'): g.Matrix =>
  g.input(name, [n, columns], { batched: true }) as g.Matrix

describe.each(batches)('a batch of %i', n => {
  const mod = (shape: readonly number[], below: number): number[] =>
    Array.from({ length: g.sizeOf(shape) }, (_, k) => (k * 7) % below)

  test('integers and bytes keep their type and bits through layouts', async () => {
    const volume = g.input('volume', [n, 3, 5, 4], { batched: true }) as g.Volume
    const window = g.windowOf({ kernel: 2, stride: 2 })
    const bytes = g.input('bytes', [n, 3, 2], { dtype: 'u8', batched: true })
    // 2²⁴ + 1 is no single-precision number.
    const integers = g.input('integers', [n, 2, 3], { dtype: 'i32', batched: true })
    await check(
      [
        g.argmax(volume, 2),
        g.maxPool2dSwitches(volume, window),
        g.transpose(bytes, [0, 2, 1]),
        g.transpose(integers, [0, 2, 1]),
        g.slice(bytes, [0, 1, 0], [n, 3, 2]),
        g.gather(integers, g.constantTensor([1, 0, 1], [3], 'i32'), 1),
        g.add(g.transpose(bytes, [0, 2, 1]), 0.5),
        g.sum(g.transpose(integers, [0, 2, 1]), [0, 1]),
      ],
      {
        bytes: mod([n, 3, 2], 256),
        integers: mod([n, 2, 3], 100).map(value => value + 2 ** 24 - 40),
      },
    )
  })

  test('contractions and pools of integers and bytes', async () => {
    const bytes = g.input('bytes', [n, 2, 5, 4], { dtype: 'u8', batched: true }) as g.Volume
    const integers = g.input('integers', [n, 6], { dtype: 'i32', batched: true }) as g.Matrix
    const w = g.input('w', [3, 2, 2, 2]) as g.Volume
    const m = g.input('m', [6, 5], { dtype: 'i32' }) as g.Matrix
    await check([g.conv2d(bytes, w), g.maxPool2d(bytes, 2), g.averagePool2d(bytes, 2), g.matmul(integers, m)], {
      bytes: mod([n, 2, 5, 4], 200),
      integers: mod([n, 6], 90),
      m: mod([6, 5], 50),
    })
  })

  test('a vector over the batch seen as a matrix, and spread over other rows', async () => {
    const each = g.sum(g.square(rows(n, 5)), 1)
    const matrix = n % 4 === 0 ? g.reshape(each, [4, n / 4]) : g.reshape(each, [1, n])
    await check([g.sum(matrix, 1), g.add(g.input('table', [6, n]), each), g.mul(g.transpose(rows(n, 2, 'z')), each)])
  })

  test('a matrix that a product reads whole and its store reads row by row', async () => {
    const w = g.input('w', [n, n]) as g.Matrix
    await check([g.add(g.matmul(rows(n, n), w), w)])
  })

  test('a batch as the operand that is not cut', async () => {
    const x = rows(n, n)
    await check([g.matmul(x, x), g.matmul(x, x, { transposeB: true }), g.matmul(x, x, { transposeA: true })])
  })

  test('axes that are as long as the batch by chance', async () => {
    const x = rows(n, n)
    const images = g.input('images', [n, 2, n, 3], { batched: true }) as g.Volume
    const w = g.input('w', [4, 2, 1, 1]) as g.Volume
    // The samples of y run along the height of the images.
    const y = rows(n, 3, 'y')
    await check([
      g.add(g.transpose(x), x),
      g.add(g.conv2d(images, w), g.mul(y, 2)),
      g.add(g.matmul(x, g.input('square', [n, n]) as g.Matrix), g.sum(x, 1)),
      g.sum(g.add(g.transpose(x), g.relu(x)), 0),
    ])
  })

  test('the maximum and its position of the same windows in one sum', async () => {
    const volume = g.input('volume', [n, 2, 4, 6], { batched: true }) as g.Volume
    const y = g.maxPool2d(volume, 2)
    const switches = g.maxPool2dSwitches(volume, y.attributes as g.Window2d)
    await check([g.add(y, switches), g.mul(g.relu(g.maxPool2d(volume, 2)), g.sum(switches))])
  })

  test('values that are batched and outputs, views and reshapes of each other', async () => {
    const x = g.input('x', [n, 2, 3], { batched: true })
    const y = g.relu(x)
    await check([x, y, g.reshape(y, [n, 6]), g.reshape(y, [6 * n]), g.reshape(x, [-1, 3]), g.transpose(y, [2, 1, 0])])
  })

  test('views that meet what they view, and constants seen in several shapes', async () => {
    const x = rows(n, 6)
    const y = g.relu(x)
    const product = g.matmul(x, g.input('w', [6, 6]) as g.Matrix)
    const line = g.relu(g.input('line', [1, 6]))
    const twos = g.reshape(g.full([6], 2), [1, 6])
    await check([
      g.add(line, g.reshape(line, [6])),
      g.add(y, g.reshape(g.reshape(y, [6 * n]), [n, 6])),
      g.mul(product, g.sigmoid(product)),
      g.mul(g.tanh(g.reshape(g.reshape(product, [n, 2, 3]), [n, 6])), g.reshape(product, [n, 6])),
      g.sum(g.mul(g.reshape(product, [n, 2, 3]), g.reshape(g.exp(product), [n, 2, 3])), 2),
      g.add(x, twos),
      g.mul(y, twos),
      g.matmul(x, twos as g.Matrix, { transposeB: true }),
    ])
  })

  test('weight gradients with element-wise work on them, whatever the batch', async () => {
    const x = g.input('x', [n, 2, 5, 5], { batched: true }) as g.Volume
    const w = g.input('w', [3, 2, 3, 3]) as g.Volume
    const loss = g.sum(g.square(g.conv2d(x, w))) as g.Scalar
    const [dw] = g.gradients(loss, [w])
    await check([g.sub(w, g.mul(dw!, 0.5)), g.mul(g.input('v', [3, 2, 3, 3]), g.tanh(g.mul(dw!, 0.01)))])
  })

  test('constants and variables as large as the batch', async () => {
    const table = g.constantTensor(gridArray([n, 4], 5).data, [n, 4])
    const weights = new g.Variable([n, 4], { value: Float32Array.from(gridArray([n, 4], 6).data) })
    const x = rows(n, 4)
    await check(
      [
        g.mul(g.add(x, table), weights.tensor),
        g.sum(g.mul(x, table), 0),
        g.matmul(x, table, { transposeB: true }),
        g.concat([x, table], 1),
        g.softmaxCrossEntropy(x, g.constantTensor(mod([n], 4), [n], 'i32')),
        g.oneHot(g.input('classes', [n], { dtype: 'i32', batched: true }), 4),
        g.oneHot(g.input('pairs', [n, 2], { dtype: 'i32', batched: true }), 3),
      ],
      { classes: mod([n], 4), pairs: mod([n, 2], 3) },
    )
  })

  test('the gradient with respect to the images of a fixed batch', async () => {
    const images = new g.Variable<g.Volume['shape']>([n, 1, 6, 6], {
      value: Float32Array.from(gridArray([n, 1, 6, 6], 7).data),
    })
    const w = g.input('w', [2, 1, 3, 3]) as g.Volume
    const upstream = g.input('upstream', [n, 2, 4, 4], { batched: true })
    const loss = g.sum(g.mul(g.maxPool2d(g.conv2d(images.tensor, w, { padding: 1 }), 3, { stride: 1 }), upstream))
    await check(g.gradients(loss as g.Scalar, [images.tensor, w, upstream]))
  })
})
