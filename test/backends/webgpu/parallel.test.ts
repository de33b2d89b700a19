/**
 * How products and sums are computed: in tiles in the memory of workgroups, with vectors, trees and sums in parts on graphics
 * processors; in blocks of an invocation each on drivers that run on a processor. The results are those by definition.
 */
import { afterAll, beforeAll, describe, expect, test as vitestTest } from 'vitest'
import { openDevice } from '../../../src/backends/webgpu/device.ts'
import { DeviceEngine } from '../../../src/backends/webgpu/engine.ts'
import * as g from '../../../src/graph/index.ts'
import { evaluateReference } from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import { full } from '../../support/full.ts'
import { driver, reason } from '../../support/webgpu.ts'

type Shape4 = readonly [number, number, number, number]

/** Multiples of 1/8, so that sums of products are exact in single precision. */
const grid = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, k) => (((k * 7919 + seed * 104_729) >>> 3) % 33) / 8 - 2)

const sizeOf = (shape: readonly number[]): number => shape.reduce((all, extent) => all * extent, 1)

/** Software drivers take up to 20 s to compile a shader with tiles. */
const isWanted = (parallel: boolean): boolean => driver !== undefined && (!parallel || full)

describe.each([
  { methods: 'blocks', parallel: false },
  { methods: 'tiles, trees and parts, with FOVEA_FULL=1', parallel: true },
])(`on ${driver ?? reason}: $methods`, ({ parallel }) => {
  let engine: DeviceEngine
  beforeAll(async () => {
    if (isWanted(parallel)) engine = new DeviceEngine(await openDevice(), { parallel })
  })
  afterAll(() => engine?.close())
  const test = vitestTest.skipIf(!isWanted(parallel))

  /** Computes on the device and by definition. @returns the shaders' steps */
  async function compare(outputs: Readonly<Record<string, g.Tensor>>): Promise<void> {
    const executable = await engine.compile({ outputs, updates: new Map() })
    const inputs = Object.fromEntries(
      [...executable.inputs].map(([name, { shape }], k) => [name, grid(sizeOf(shape), k)]),
    )
    const found = await executable.run(inputs)
    const expected = evaluateReference(Object.values(outputs), inputs)
    Object.keys(outputs).forEach((name, k) => {
      expectClose(found[name]!, expected[k]!.values, { relative: 1e-6, absolute: 1e-6 }, name)
    })
  }

  test('products in tiles: vectors where rows allow them, edges, and an epilogue', async () => {
    const [a, b] = [g.input('a', [70, 48]), g.input('b', [48, 68])] as [g.Matrix, g.Matrix]
    await compare({ vectors: g.relu(g.add(g.matmul(a, b), g.input('bias', [68]))) })
    const [c, d] = [g.input('c', [37, 33]), g.input('d', [41, 37])] as [g.Matrix, g.Matrix]
    await compare({ edges: g.matmul(c, d, { transposeA: true, transposeB: true }) })
  })

  test('products in parts, for long sums and few results', async () => {
    const [a, b] = [g.input('a', [9, 1000]), g.input('b', [1000, 10])] as [g.Matrix, g.Matrix]
    await compare({ tiles: g.add(g.matmul(a, b), 1) })
    const [c, d] = [g.input('c', [2, 5000]), g.input('d', [5000, 3])] as [g.Matrix, g.Matrix]
    await compare({ single: g.matmul(c, d) })
  })

  test.each<[string, Shape4, Shape4, g.Conv2dOptions]>([
    ['3×3, padded', [3, 6, 14, 14], [10, 6, 3, 3], { padding: 1 }],
    ['1×1, in vectors', [2, 16, 8, 8], [32, 16, 1, 1], {}],
    [
      '5×5 with strides, dilation and groups',
      [2, 8, 19, 17],
      [12, 4, 5, 5],
      { stride: [2, 3], dilation: 2, padding: 3, groups: 2 },
    ],
    ['5×5, whose windows overlap along long rows', [8, 1, 28, 28], [6, 1, 5, 5], { padding: 2 }],
    ['5×5, whose windows overlap along short rows', [8, 6, 14, 14], [16, 6, 5, 5], {}],
    [
      '3×7, in groups, with other padding at every side',
      [4, 4, 15, 20],
      [6, 2, 3, 7],
      { padding: { top: 0, bottom: 2, left: 3, right: 1 }, groups: 2 },
    ],
    ['3×3, with strides down only', [6, 3, 16, 16], [8, 3, 3, 3], { stride: [2, 1], padding: 1 }],
    ['3×3, depthwise', [4, 12, 16, 16], [12, 1, 3, 3], { padding: 1, groups: 12 }],
  ])('convolution %s, and its gradients', async (_, image, filters, options) => {
    const [x, w] = [g.input('x', image), g.input('w', filters)]
    const y = g.conv2d(x, w, options)
    const loss = g.sum(g.mul(y, g.input('u', y.shape))) as g.Scalar
    const [dx, dw] = g.gradients(loss, [x, w])
    await compare({ y, dx: dx!, dw: dw! })
  })

  test('reductions: trees, parts, and both, along inner and outer axes', async () => {
    const x = g.input('x', [40, 3, 16, 16])
    await compare({
      channels: g.sum(g.square(x), [0, 2, 3]),
      all: g.max(x),
      outer: g.min(x, 0),
      inner: g.sum(x, [2, 3]),
      columns: g.sum(g.input('y', [3000, 5]), 0),
    })
    const squares = (y: g.Tensor, axes: readonly number[]): g.Tensor =>
      g.sub(g.mean(g.square(y), axes), g.square(g.mean(y, axes)))
    await compare({
      channels: squares(x, [0, 2, 3]),
      few: squares(g.input('z', [2, 3, 70]), [2]),
      columns: squares(g.input('y', [3000, 5]), [0]),
    })
    const { work } = await engine.compile({ outputs: { all: g.sum(x) }, updates: new Map() })
    expect(work.dispatches).toBe(parallel ? 2 : 1)
  })
})
