/** One expression over values that lie differently: volumes out of convolutions, and rows that were flattened for a product. */
import { afterAll, describe, test } from 'vitest'
import { createWasmEngine } from '../../../src/backends/wasm/engine.ts'
import * as g from '../../../src/graph/index.ts'
import { expectClose, lcgTensor } from '../../support/fixtures.ts'
import { checkingKeys } from '../../support/kernelKeys.ts'
import { runOn } from '../../support/programs.ts'

describe.each(['channels', 'samples'] as const)('with %s innermost', innermost => {
  const engine = checkingKeys(createWasmEngine({ threads: 1, innermost, precise: true }))
  afterAll(() => engine.close())
  const volume = (name: string, shape: readonly number[]): g.Volume => g.input(name, shape) as g.Volume

  /** Computes on the engine and compares with the reference. Sums of up to a few hundred products of numbers up to 1. */
  async function check(roots: Readonly<Record<string, g.Tensor>>): Promise<void> {
    const tensors = Object.values(roots)
    const inputs: Record<string, ArrayLike<number>> = {}
    for (const { source, shape } of g.topologicalOrder(tensors)) {
      if (source?.kind === 'input') inputs[source.name] = lcgTensor(shape, source.name.charCodeAt(0), 2)
    }
    const expected = g.evaluateReference(tensors, inputs)
    const found = await runOn(engine, tensors, inputs)
    Object.keys(roots).forEach((name, k) => {
      expectClose(found[k]!, expected[k]!.values, { relative: 1e-5, absolute: 1e-4 }, name)
    })
  }

  test.each([1, 2])('reductions of %i images, whichever operand is first', async n => {
    const [channels, size] = [256, 7]
    const conv = g.conv2d(volume('x', [n, channels, size, size]), volume('k', [channels, channels, 1, 1]))
    const flat = g.reshape(g.transpose(conv, [0, 2, 3, 1]), [n * size * size, channels]) as g.Matrix
    const product = g.mul(g.matmul(flat, g.input('m', [channels, channels])), 1 / 16)
    const rows = g.transpose(g.reshape(product, [n, size, size, channels]), [0, 3, 1, 2])
    const scaled = g.mul(g.input('s', [channels, 1, 1]), rows)
    await check({
      'mean of scaled rows and volume': g.mean(g.add(scaled, conv), [2, 3]),
      'mean of rows and volume': g.mean(g.add(rows, conv), [2, 3]),
      'mean of volume and rows': g.mean(g.add(conv, rows), [2, 3], { keepDims: true }),
      'sum over images and positions': g.mul(g.sum(g.add(rows, conv), [0, 2, 3]), 0.125),
      'largest of rows and volume': g.max(g.add(g.mul(rows, 2), conv), [2, 3]),
      'sum over rows alone': g.sum(g.add(rows, conv), 2),
      'sum over channels': g.mul(g.sum(g.sub(rows, conv), 1), 0.125),
      'mean over images': g.mean(g.sub(rows, conv), 0),
    })
  })

  test.each([1, 3])('two convolutions with kernels of size %i and residuals that lie differently', async kernel => {
    const shape = [1, 16, 6, 6]
    const options = { padding: (kernel - 1) / 2 }
    const weights = (name: string): g.Volume => volume(name, [16, 16, kernel, kernel])
    const given = g.add(g.conv2d(volume('x', shape), weights('a'), options), volume('r', shape)) as g.Volume
    const own = g.mul(g.add(g.conv2d(given, weights('b'), options), given), 1 / 16)
    await check({ given, own })
  })

  test('a column of numbers, one a sample, seen as a vector whose samples are moved', async () => {
    const n = 8
    const x = g.input('x', [n, 3, 2, 2], { batched: true })
    const column = g.matmul(g.reshape(x, [n, 12]) as g.Matrix, g.input('w', [12, 1])) as g.Matrix
    const vector = g.reshape(column, [n])
    const order = g.constantTensor([7, 1, 1, 4], [4], 'i32') as g.Vector
    await check({
      padded: g.pad(vector, { before: [0], after: [n] }),
      sliced: g.slice(vector, [3], [n], [2]),
      thinned: g.sliceAxis(vector, 0, 1, n, 3),
      joined: g.concat([vector, g.mul(vector, 2)]),
      gathered: g.gather(vector, order),
      'largest and its place': g.add(g.max(vector, 0), g.argmax(vector, 0)),
      'a sum and differences': g.sub(vector, g.mean(vector)),
      outer: g.matmul(column, g.reshape(vector, [1, n]) as g.Matrix),
    })
  })
})
