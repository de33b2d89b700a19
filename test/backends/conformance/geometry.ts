/** Convolutions, pools and matrix products of random geometry against definitions by index. */
import * as fc from 'fast-check'
import { test } from 'vitest'
import * as g from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import {
  at,
  type NaiveArray,
  type NaiveWindow,
  naiveAveragePool2d,
  naiveAveragePool2dGradient,
  naiveConv2d,
  naiveConv2dGradients,
  naiveMaxPool2d,
  tabulate,
} from '../../support/naive.ts'
import type { BackendUnderTest } from '../conformance.ts'
import { drawsFor } from './draws.ts'

/** The same geometries in every run, so that a failure can be looked at again. */

/** Multiples of 1/8 in −2 … 2, so that sums of products are exact in single precision; few enough that they tie; times `scale`, plus `shift`. */
export function gridArray(shape: readonly number[], seed: number, scale = 1, shift = 0): NaiveArray {
  let state = seed >>> 0
  return tabulate(shape, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0
    return (((state >>> 16) % 33) / 8 - 2) * scale + shift
  })
}

const pair = (least: number, most: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))
const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most })
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 })

const convolutions = fc
  .record({
    batch: small(3),
    groups: small(3),
    channels: small(5),
    filters: small(6),
    kernel: pair(1, 5),
    stride: pair(1, 3),
    dilation: pair(1, 2),
    padding: fc.tuple(...[3, 3, 3, 3].map(max => fc.integer({ min: 0, max }))),
    extra: pair(0, 7),
    seed: seeds,
  })
  .map(({ kernel, dilation, padding, extra, ...rest }) => {
    const reach = kernel.map((extent, axis) => dilation[axis]! * (extent - 1) + 1)
    const pads = [padding[0]! + padding[1]!, padding[2]! + padding[3]!]
    // At least one window fits.
    const size = extra.map((more, axis) => Math.max(1, reach[axis]! - pads[axis]!) + more)
    return { ...rest, kernel, dilation, padding: padding as unknown as NaiveWindow['padding'], size }
  })

const pools = fc
  .record({
    planes: pair(1, 3),
    kernel: pair(1, 4),
    stride: pair(1, 4),
    dilation: pair(1, 2),
    padding: fc.tuple(...[2, 2, 2, 2].map(max => fc.integer({ min: 0, max }))),
    size: pair(1, 11),
    seed: seeds,
  })
  .map(({ padding, ...rest }) => ({ ...rest, padding: padding as unknown as NaiveWindow['padding'] }))

const sides = ([top, bottom, left, right]: NaiveWindow['padding']): g.Padding => ({ top, bottom, left, right })

/** The pool, or undefined when its geometry is one that the library refuses (tested elsewhere). */
function allowed<T>(build: () => T): T | undefined {
  try {
    return build()
  } catch (error) {
    if (error instanceof g.ShapeError) return undefined
    throw error
  }
}

export function geometryGroup(backend: BackendUnderTest): void {
  const compare = async (
    expected: readonly (readonly [string, g.Tensor, NaiveArray])[],
    inputs: Record<string, NaiveArray>,
  ): Promise<void> => {
    const results = await backend.run(
      expected.map(([, tensor]) => tensor),
      Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data])),
    )
    expected.forEach(([label, tensor, { data }], k) => {
      expectClose(results[k]!, data, tensor.dtype === 'i32' ? {} : backend.tolerance, label)
    })
  }

  test('conv2d and its gradients', async () => {
    await fc.assert(
      fc.asyncProperty(convolutions, async geometry => {
        const { batch, groups, channels, filters, size, seed, ...window } = geometry
        const x = gridArray([batch, groups * channels, ...size], seed)
        const w = gridArray([groups * filters, channels, ...window.kernel], seed + 1)
        const [xs, ws] = [g.input('x', x.shape) as g.Volume, g.input('w', w.shape) as g.Volume]
        const y = g.conv2d(xs, ws, { ...window, padding: sides(window.padding), groups })
        const upstream = gridArray(y.shape, seed + 2)
        const loss = g.sum(g.mul(y, g.input('upstream', y.shape)))
        const [dx, dw] = g.gradients(loss, [xs, ws])
        const expected = naiveConv2dGradients(x, w, upstream, window, groups)
        await compare(
          [
            ['output', y, naiveConv2d(x, w, window, groups)],
            ['dx', dx!, expected.dx],
            ['dw', dw!, expected.dw],
          ],
          { x, w, upstream },
        )
      }),
      drawsFor(backend),
    )
  }, 120_000)

  test('maxPool2d, its switches and its gradient', async () => {
    await fc.assert(
      fc.asyncProperty(pools, async ({ planes, size, seed, ...window }) => {
        const x = gridArray([...planes, ...size], seed)
        const xs = g.input('x', x.shape) as g.Volume
        const y = allowed(() => g.maxPool2d(xs, window.kernel, { ...window, padding: sides(window.padding) }))
        fc.pre(y !== undefined)
        const upstream = gridArray(y.shape, seed + 1)
        const { values, switches } = naiveMaxPool2d(x, window)
        // What arrives at an element is the upstream of the windows whose switch names it.
        const dx = tabulate(x.shape, ([n, c, h, w]) => {
          const plane = y.shape[2] * y.shape[3]
          const start = (n! * x.shape[1]! + c!) * plane
          let total = 0
          for (let k = start; k < start + plane; k++) {
            if (switches.data[k] === h! * x.shape[3]! + w!) total += upstream.data[k]!
          }
          return total
        })
        const us = g.input('upstream', y.shape)
        const [gradient] = g.gradients(g.sum(g.mul(y, us)), [xs])
        // The transpose of the gradient takes a tensor's elements at the switches.
        const v = gridArray(x.shape, seed + 2)
        const [route] = g.gradients(g.sum(g.mul(gradient!, g.input('v', v.shape))), [us])
        const routed = tabulate(y.shape, ([n, c, i, j]) => {
          const position = at(switches, [n!, c!, i!, j!])
          return at(v, [n!, c!, Math.floor(position / x.shape[3]!), position % x.shape[3]!])
        })
        await compare(
          [
            ['output', y, values],
            ['switches', g.maxPool2dSwitches(xs, y.attributes as g.Window2d), switches],
            ['dx', gradient!, dx],
            ['route', route!, routed],
          ],
          { x, upstream, v },
        )
      }),
      drawsFor(backend),
    )
  }, 120_000)

  test('averagePool2d and its gradient', async () => {
    await fc.assert(
      fc.asyncProperty(pools, fc.boolean(), async ({ planes, size, seed, kernel, stride, padding }, countPadding) => {
        const window: NaiveWindow = { kernel, stride, padding, dilation: [1, 1] }
        const x = gridArray([...planes, ...size], seed)
        const xs = g.input('x', x.shape) as g.Volume
        const y = allowed(() => g.averagePool2d(xs, kernel, { stride, padding: sides(padding), countPadding }))
        fc.pre(y !== undefined)
        const upstream = gridArray(y.shape, seed + 1)
        const [gradient] = g.gradients(g.sum(g.mul(y, g.input('upstream', y.shape))), [xs])
        await compare(
          [
            ['output', y, naiveAveragePool2d(x, window, countPadding)],
            ['dx', gradient!, naiveAveragePool2dGradient(x.shape, upstream, window, countPadding)],
          ],
          { x, upstream },
        )
      }),
      drawsFor(backend),
    )
  }, 120_000)

  test('matmul of any sizes, transposed or not', async () => {
    const sizes = fc.tuple(small(37), small(37), small(37))
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), fc.boolean(), seeds, async ([m, k, n], transposeA, transposeB, seed) => {
        const a = gridArray(transposeA ? [k, m] : [m, k], seed)
        const b = gridArray(transposeB ? [n, k] : [k, n], seed + 1)
        const product = g.matmul(g.input('a', a.shape) as g.Matrix, g.input('b', b.shape) as g.Matrix, {
          transposeA,
          transposeB,
        })
        const expected = tabulate([m, n], ([i, j]) => {
          let total = 0
          for (let l = 0; l < k; l++) {
            total += at(a, transposeA ? [l, i!] : [i!, l]) * at(b, transposeB ? [j!, l] : [l, j!])
          }
          return total
        })
        await compare([['product', product, expected]], { a, b })
      }),
      drawsFor(backend),
    )
  }, 120_000)
}
