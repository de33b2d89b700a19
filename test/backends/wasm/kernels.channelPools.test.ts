/**
 * Pools on channels-last volumes kernel by kernel, against the reference: edges and whole tiles, channels that do and do not
 * fill vectors, every switch, values that are not numbers; and the windows that are too large to be written out.
 */
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src/backends/wasm/kernel.ts'
import { fitsRowTiles } from '../../../src/backends/wasm/kernels/channels/rowTiles.ts'
import { averagePoolGradientKernel, averagePoolKernel } from '../../../src/backends/wasm/kernels/shared/averagePool.ts'
import { maxPoolGradientKernel, maxPoolKernel } from '../../../src/backends/wasm/kernels/shared/maxPool.ts'
import * as g from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import { operand, runKernel } from './runKernel.ts'

const channelsLast = { block: 0, channelsLast: true } as const

/** Windows with the images that they move over. */
const cases: readonly (readonly [name: string, size: readonly [number, number], window: g.WindowOptions])[] = [
  ['3×3 / 2 with padding', [11, 12], { kernel: 3, stride: 2, padding: 1 }],
  ['3×3 / 2, ceil', [8, 14], { kernel: 3, stride: 2, padding: { top: 0, left: 0, bottom: 1, right: 1 } }],
  ['3×3 / 1', [5, 13], { kernel: 3, stride: 1, padding: 1 }],
  ['2×2 / 2', [6, 8], { kernel: 2, stride: 2 }],
  ['2×2 / 3, gaps', [8, 11], { kernel: 2, stride: 3 }],
  ['5×4 / 1 on a small image', [3, 4], { kernel: [5, 4], stride: 1, padding: 2 }],
  ['3×2 / 1×2, dilated', [9, 11], { kernel: [3, 2], stride: [1, 2], padding: [2, 1], dilation: 2 }],
  ['5×1 / 1', [9, 6], { kernel: [5, 1], stride: 1, padding: [2, 0] }],
  ['the whole image', [7, 7], { kernel: 7 }],
  ['too wide to be written out', [9, 12], { kernel: [9, 12] }],
]

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0]

/** Pseudo-random numbers: all different, or few and special ones that tie. */
function numbers(count: number, kind: 'different' | 'special'): Float32Array {
  let state = count
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    if (kind === 'different') return state / 2 ** 32 - 0.5
    const choice = (state >>> 16) % 24
    return choice < special.length ? special[choice] : (choice % 7) - 3
  })
}

describe.each(cases)('%s', (_, size, options) => {
  const window = g.windowOf({ stride: options.kernel, ...options })
  const averageWindow = { ...window, countPadding: true }

  describe.each([3, 8, 12, 17, 20])('%i channels', channels => {
    const shape = [2, channels, ...size] as const
    const x = g.input('x', shape) as g.Volume
    const y = g.maxPool2d(x, window.kernel, window)
    const up = g.input('up', y.shape) as g.Volume
    const values = (kind: 'different' | 'special'): Record<string, Float32Array> => ({
      x: numbers(g.sizeOf(shape), kind),
      up: numbers(g.sizeOf(y.shape), 'different'),
    })
    const reference = (root: g.Tensor, inputs: Record<string, ArrayLike<number>>): ArrayLike<number> =>
      g.evaluateReference([root], inputs)[0].values
    /** Runs a kernel on volumes that lie channels last. */
    const run = (
      kernel: Kernel,
      inputs: readonly (readonly [shape: g.Shape, data: ArrayLike<number>, dtype?: g.DType])[],
      result: g.Shape,
      dtype: g.DType = 'f32',
    ): number[] => {
      const volumes = inputs.map(([given, data, type = 'f32']) => ({
        ...operand(type, given, data),
        channelsLast: true,
      }))
      // Adding 0 takes the sign off zeros: which of two equal ones is kept does not matter.
      return Array.from(runKernel(kernel, volumes, { shape: result, dtype, block: 0, channelsLast: true }), v => v + 0)
    }

    test.each(['different', 'special'] as const)('maxima of %s numbers', kind => {
      const inputs = values(kind)
      const kernel = maxPoolKernel(window, channelsLast, shape, y.shape, { values: true, switches: false })
      expect(run(kernel, [[shape, inputs.x]], y.shape)).toEqual(Array.from(reference(y, inputs), v => v + 0))
    })

    test.each(['different', 'special'] as const)('switches of %s numbers', kind => {
      const inputs = values(kind)
      const kernel = maxPoolKernel(window, channelsLast, shape, y.shape, { values: false, switches: true })
      const expected = Array.from(reference(g.maxPool2dSwitches(x, window), inputs))
      const got = run(kernel, [[shape, inputs.x]], y.shape, 'i32')
      if (fitsRowTiles('forward', window)) expect(got).toEqual(expected)
      // The loop over single taps takes the last NaN of a window, the reference the first.
      else if (kind === 'different') expect(got).toEqual(expected)
    })

    test('gradients through the switches', () => {
      const inputs = values('different')
      const switches = reference(g.maxPool2dSwitches(x, window), inputs)
      const [gradient] = g.gradients(g.sum(g.mul(y, up)) as g.Scalar, [x])
      const kernel = maxPoolGradientKernel(window, channelsLast, y.shape, shape)
      const given = [[y.shape, inputs.up] as const, [y.shape, switches, 'i32'] as const]
      const tolerance = { relative: 1e-6, absolute: 1e-6 }
      expectClose(run(kernel, given, shape), Array.from(reference(gradient, inputs)), tolerance, 'gradient')
    })

    test.runIf(window.dilation.every(rate => rate === 1)).each([true, false])(
      'averages and their gradient, padding counted: %s',
      countPadding => {
        const inputs = values('different')
        const average = g.averagePool2d(x, window.kernel, { ...window, countPadding })
        const [gradient] = g.gradients(g.sum(g.mul(average, up)) as g.Scalar, [x])
        const attributes = { ...averageWindow, countPadding }
        const forward = averagePoolKernel(attributes, channelsLast, shape, y.shape)
        const backward = averagePoolGradientKernel(attributes, channelsLast, y.shape, shape)
        const tolerance = { relative: 2e-6, absolute: 1e-6 }
        const got = run(forward, [[shape, inputs.x]], y.shape)
        expectClose(got, Array.from(reference(average, inputs)), tolerance, 'averages')
        const slope = run(backward, [[y.shape, inputs.up]], shape)
        expectClose(slope, Array.from(reference(gradient, inputs)), tolerance, 'gradient')
      },
    )
  })
})

test('averages over neighboring rows of a row-major image, as of channels, are those of the reference', () => {
  const shape = [2, 1, 6, 35] as const
  const x = g.input('x', shape) as g.Volume
  const window = { ...g.windowOf({ kernel: [5, 1], stride: 1, padding: [2, 0] }), countPadding: true }
  const average = g.averagePool2d(x, [5, 1], window)
  const up = g.input('up', shape)
  const [gradient] = g.gradients(g.sum(g.mul(average, up)) as g.Scalar, [x])
  const inputs = { x: numbers(g.sizeOf(shape), 'different'), up: numbers(g.sizeOf(shape) + 1, 'different').slice(1) }
  const [wanted, slope] = g.evaluateReference([average, gradient], inputs)
  const rowMajor = { block: 1, channelsLast: false }
  const result = { shape, dtype: 'f32', block: 0 } as const
  const tolerance = { relative: 2e-6, absolute: 1e-6 }
  const forward = averagePoolKernel(window, rowMajor, shape, shape)
  expectClose(runKernel(forward, [operand('f32', shape, inputs.x)], result), Array.from(wanted.values), tolerance, 'y')
  const backward = averagePoolGradientKernel(window, rowMajor, shape, shape)
  expectClose(
    runKernel(backward, [operand('f32', shape, inputs.up)], result),
    Array.from(slope.values),
    tolerance,
    'dx',
  )
  expect(forward.key).toMatch(/^channelAveragePool /)
})

test('a pool over a whole large image is no large function', () => {
  const [x, y] = [
    [8, 1, 112, 112],
    [8, 1, 1, 1],
  ]
  const window = g.windowOf({ kernel: 112, stride: 112 })
  const kernel = maxPoolGradientKernel(window, { block: 8, channelsLast: false }, y, x)
  expect(kernel.key).toMatch(/^maxPoolGradient /)
})
