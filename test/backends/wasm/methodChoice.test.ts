/** Which method a convolution gets: the one that was fastest when they were measured (docs/performance-experiments.md). */
import { describe, expect, test } from 'vitest'
import type { ConvolutionTask } from '../../../src/backends/cpu/layouts/convolution.ts'
import { tileRowsFor } from '../../../src/backends/wasm/kernels/channels/direct/packing.ts'
import { chooseMethod, kernelsOf } from '../../../src/backends/wasm/kernels/channels/methods.ts'
import { nativeTile } from '../../../src/backends/wasm/runtime/features.ts'

const options = { winograd: true, tile: { rows: 4, columns: 8, joined: false } }

/** A convolution from `channels` to `outputs` on square images, padded to keep their size; kernels are 3×3 unless told otherwise. */
function task(batch: number, channels: number, size: number, outputs: number, stride = 1, kernel = 3): ConvolutionTask {
  const border = (kernel - 1) / 2
  const padding = { top: border, bottom: border, left: border, right: border }
  const attributes = {
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding,
    dilation: [1, 1],
    groups: 1,
  } as const
  const source = [batch, channels, size, size]
  const side = Math.floor((size - 1) / stride) + 1
  return {
    op: 'conv2d',
    attributes,
    operands: [source, [outputs, channels, kernel, kernel]],
    output: [batch, outputs, side, side],
  }
}

describe('the method of a convolution', () => {
  test.each([
    ['large images', task(1, 64, 224, 64), 'winograd 4×4'],
    ['ResNet-18, second stage, one image', task(1, 128, 28, 128), 'winograd 4×4'],
    ['ResNet-20 on a batch of 128', task(128, 16, 32, 16), 'winograd 4×4'],
    ['a handful of tiles: the smaller weights of F(2×2)', task(1, 512, 7, 512), 'winograd 2×2'],
    ['the same of eight images: more products to each weight', task(8, 512, 7, 512), 'winograd 4×4'],
    ['few channels: the transforms take longer than they save', task(128, 4, 32, 4), 'direct'],
    ['a single tile: most of its positions are outside', task(1, 64, 2, 64), 'direct'],
    ['the first layer', task(1, 3, 224, 64), 'direct'],
    ["5×5: AlexNet's second layer", task(1, 64, 27, 192, 1, 5), 'winograd 2×2'],
    ['5×5 of three channels', task(8, 3, 28, 32, 1, 5), 'direct'],
    ['7×7', task(8, 64, 28, 64, 1, 7), 'direct'],
    ['stride 2', task(1, 64, 56, 128, 2), 'winograd 2×2'],
    ['stride 2 with few channels', task(16, 8, 56, 16, 2), 'direct'],
    ['stride 3', task(8, 64, 56, 128, 3), 'direct'],
    ['5×5 at stride 2', task(8, 64, 56, 128, 2, 5), 'direct'],
  ])('%s', (_, convolution, name) => {
    expect(chooseMethod(convolution, options).name).toBe(name)
    expect(chooseMethod(convolution, { ...options, winograd: false }).name).toBe('direct')
  })
})

describe('the method of the gradients of a 3×3 convolution at stride 2', () => {
  const { attributes, operands, output } = task(8, 64, 28, 64, 2)
  const toInput = (left: number): string => {
    const padding = { ...attributes.padding, left }
    const gradient = { op: 'conv2dInputGradient', operands: [output, operands[1]], output: operands[0] } as const
    return chooseMethod({ ...gradient, attributes: { ...attributes, padding } }, options).name
  }

  test('to the input: one set of matrices for rows and columns', () => {
    expect(toInput(1)).toBe('winograd 2×2')
    expect(toInput(3)).toBe('winograd 2×2')
    // Even rows see the outer taps, even columns the middle one.
    expect(toInput(2)).toBe('direct')
  })

  test('to the weights', () => {
    const gradient = { op: 'conv2dWeightGradient', operands: [operands[0], output], output: operands[1] } as const
    expect(chooseMethod({ ...gradient, attributes }, options).name).toBe('sums')
  })
})

describe('with tall tiles, as in native kernels with AVX-512', () => {
  const tile = nativeTile(16)

  test.each([
    [
      '256 channels on 14×14, one image: weights are fetched behind the products',
      task(1, 256, 14, 256),
      'winograd 4×4',
    ],
    ['512 channels on 7×7, one image', task(1, 512, 7, 512), 'winograd 2×2'],
    ['512 channels at stride 2', task(1, 256, 14, 512, 2), 'winograd 2×2'],
    ['16 channels at stride 2, many images', task(128, 16, 32, 32, 2), 'winograd 2×2'],
    ['one channel of a handful of positions', task(8, 1, 5, 4), 'direct'],
    ['5×5 as large as the image', task(2, 2, 5, 3, 1, 5), 'direct'],
  ])('%s', (_, convolution, name) => {
    expect(chooseMethod(convolution, { winograd: true, tile }).name).toBe(name)
  })

  test.each([
    ['few positions are cut evenly', { method: 'winograd', positions: 16, sums: 512 }, 8],
    ['as tall as it gets', { method: 'winograd', positions: 196, sums: 64 }, 14],
    ['few terms', { method: 'winograd', positions: 84, sums: 32 }, 7],
    ['weights that are read again seldom', { method: 'direct', positions: 784, sums: 256 }, 7],
    ['weights that are read again for every few positions', { method: 'direct', positions: 49, sums: 512 }, 13],
    ['rows a page apart', { method: 'direct', positions: 49, sums: 2048 }, 7],
    ['moments', { method: 'direct', positions: 784, sums: 256, moments: true }, 6],
    ['fewer positions than rows', { method: 'direct', positions: 3, sums: 8 }, 3],
  ] as const)('rows of a tile: %s', (_, work, rows) => {
    expect(tileRowsFor(32, tile, work)).toBe(rows)
  })
})

test('a method that does not exist is a type error, and an error', () => {
  const convolution = task(1, 64, 224, 64)
  // @ts-expect-error: no method has this name
  const misspelled = (): unknown => kernelsOf(convolution, 'winograd 4x4', options.tile)
  expect(misspelled).toThrow("no method of convolution is called 'winograd 4x4'")
})
