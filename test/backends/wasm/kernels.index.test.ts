/** Kernels that read or produce indices (gather, scatterAdd, oneHot, argmax) against the references of their ops. */
import { describe, expect, test } from 'vitest'
import { argmaxKernel } from '../../../src/backends/wasm/kernels/shared/argmax.ts'
import { gatherKernel, scatterAddKernel } from '../../../src/backends/wasm/kernels/shared/gather.ts'
import { oneHotKernel } from '../../../src/backends/wasm/kernels/shared/oneHot.ts'
import { argmaxOp } from '../../../src/graph/ops/argmax.ts'
import { gatherOp, scatterAddOp } from '../../../src/graph/ops/gather.ts'
import { oneHotOp } from '../../../src/graph/ops/oneHot.ts'
import { type DType, sizeOf } from '../../../src/graph/shape.ts'
import { RandomSequence } from '../../../src/random/philox.ts'
import { operand, runKernel } from './runKernel.ts'

const random = new RandomSequence(1, 'kernels.index')
const bytes = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.integer(256))
const integers = (count: number, bound: number): Float64Array =>
  Float64Array.from({ length: count }, () => random.integer(bound))
/** Multiples of 2⁻⁸ in −4 … 4: their sums are exact in f32, so sums in any precision agree. */
const exact = (count: number): Float64Array =>
  Float64Array.from({ length: count }, () => (random.integer(2048) - 1024) / 256)

describe('gather', () => {
  const cases: [DType, number[], axis: number, count: number][] = [
    ['u8', [9, 784], 0, 5],
    ['u8', [6, 3], 0, 8],
    ['u8', [4, 37], 0, 3],
    ['f32', [7, 3, 5], 1, 4],
    ['f32', [7, 3, 5], 2, 6],
    ['f32', [3, 5, 300], 1, 7],
    ['f32', [2, 2, 16], 0, 3],
    ['i32', [60], 0, 33],
    ['i32', [5, 2], 0, 1],
  ]
  test.each(cases)('%s %j along axis %i, %i slices', (dtype, shape, axis, count) => {
    const data = bytes(sizeOf(shape))
    const indices = integers(count, shape[axis])
    const result = shape.map((size, at) => (at === axis ? count : size))
    const got = runKernel(
      gatherKernel(dtype, shape, { axis }, count),
      [operand(dtype, shape, data), operand('i32', [count], indices)],
      { shape: result, dtype, block: 0 },
    )
    const inputs = [
      { shape, values: data },
      { shape: [count], values: indices },
    ]
    expect(Array.from(got)).toEqual(Array.from(gatherOp.reference(inputs, { axis }, result)))
  })

  test.each([-1, 4, 2 ** 31 - 1, -(2 ** 31)])('index %i of 4 slices traps', index => {
    const run = () =>
      runKernel(
        gatherKernel('f32', [4, 2], { axis: 0 }, 2),
        [operand('f32', [4, 2], bytes(8)), operand('i32', [2], [0, index])],
        { shape: [2, 2], dtype: 'f32', block: 0 },
      )
    expect(run).toThrow(WebAssembly.RuntimeError)
  })

  test('the bits of a float are kept, those of a NaN too', () => {
    const bits = new Float32Array(new Uint32Array([0x7fc12345, 0x80000000, 0x00000001, 0xff800000]).buffer)
    const got = runKernel(
      gatherKernel('f32', [4], { axis: 0 }, 4),
      [operand('f32', [4], bits), operand('i32', [4], [3, 2, 1, 0])],
      { shape: [4], dtype: 'f32', block: 0 },
    )
    expect(Array.from(got)).toEqual([Number.NEGATIVE_INFINITY, 2 ** -149, -0, Number.NaN])
  })
})

describe('scatterAdd', () => {
  const cases: [number[], axis: number, size: number][] = [
    [[12, 5], 0, 4],
    [[12, 64], 0, 3],
    [[12, 150], 0, 7],
    [[3, 12, 70], 1, 5],
    [[2, 3, 12], 2, 4],
    [[20], 0, 6],
  ]
  test.each(cases)('slices %j along axis %i to size %i', (shape, axis, size) => {
    const data = exact(sizeOf(shape))
    const indices = integers(shape[axis], size)
    const result = shape.map((extent, at) => (at === axis ? size : extent))
    const got = runKernel(
      scatterAddKernel(shape, { axis, size }),
      [operand('f32', shape, data), operand('i32', [shape[axis]], indices)],
      { shape: result, dtype: 'f32', block: 0 },
    )
    const inputs = [
      { shape, values: data },
      { shape: [shape[axis]], values: indices },
    ]
    expect(Array.from(got)).toEqual(Array.from(scatterAddOp.reference(inputs, { axis, size }, result)))
  })

  test.each([-1, 3])('index %i of 3 traps', index => {
    const run = () =>
      runKernel(
        scatterAddKernel([2, 4], { axis: 0, size: 3 }),
        [operand('f32', [2, 4], bytes(8)), operand('i32', [2], [0, index])],
        { shape: [3, 4], dtype: 'f32', block: 0 },
      )
    expect(run).toThrow(WebAssembly.RuntimeError)
  })
})

describe('oneHot', () => {
  const cases: [number[], classes: number, block: number][] = [
    [[7], 10, 0],
    [[2, 3], 5, 0],
    [[1], 1, 0],
    [[8], 10, 4],
    [[6], 3, 2],
    [[16], 10, 16],
  ]
  test.each(cases)('indices %j, %i classes, block %i', (shape, classes, block) => {
    const data = integers(sizeOf(shape), classes)
    const output = { shape: [...shape, classes], dtype: 'f32', block } as const
    const got = runKernel(oneHotKernel(output), [operand('i32', shape, data)], output)
    expect(Array.from(got)).toEqual(
      Array.from(oneHotOp.reference([{ shape, values: data }], { classes }, output.shape)),
    )
  })

  test.each([-1, 5])('class %i of 5 traps', index => {
    const output = { shape: [2, 5], dtype: 'f32', block: 0 } as const
    const run = () => runKernel(oneHotKernel(output), [operand('i32', [2], [0, index])], output)
    expect(run).toThrow(WebAssembly.RuntimeError)
  })

  test('a blocked result of three axes is refused', () => {
    expect(() => oneHotKernel({ shape: [4, 2, 3], dtype: 'f32', block: 4 })).toThrow('must have 2 axes, got 3')
  })
})

describe('argmax', () => {
  const cases: [DType, number[], axis: number, block: number][] = [
    ['f32', [6, 10], 1, 0],
    ['f32', [6, 10], 0, 0],
    ['f32', [5, 8], 0, 0],
    ['f32', [3, 4, 5], 1, 0],
    ['f32', [8, 10], 1, 8],
    ['f32', [12, 10], 1, 4],
    ['f32', [6, 10], 1, 3],
    ['f32', [8, 3, 5], 1, 4],
    ['f32', [8, 3, 5], 2, 4],
    ['i32', [6, 10], 1, 0],
    ['i32', [8, 10], 1, 4],
    ['u8', [6, 10], 1, 0],
    ['u8', [8, 10], 1, 4],
    ['f32', [4, 1], 1, 0],
  ]
  test.each(cases)('%s %j along axis %i, block %i', (dtype, shape, axis, block) => {
    // Few different values, so that maxima tie; floats also have NaN, infinities and both zeros.
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0]
    const data = integers(sizeOf(shape), 6).map(value => {
      if (dtype === 'f32' && random.integer(10) === 0) return special[random.integer(5)]
      return dtype === 'u8' ? value * 51 : value - 3
    })
    const result = shape.filter((_, at) => at !== axis)
    const got = runKernel(argmaxKernel({ shape, dtype, block }, { axis }), [operand(dtype, shape, data, block)], {
      shape: result,
      dtype: 'i32',
      block,
    })
    expect(Array.from(got)).toEqual(Array.from(argmaxOp.reference([{ shape, values: data }], { axis }, result)))
  })

  test('i32 are compared as whole numbers', () => {
    const data = [2 ** 24, 2 ** 24 + 1, 2 ** 24, -(2 ** 31), 2 ** 31 - 1, 2 ** 31 - 2]
    const got = runKernel(
      argmaxKernel({ shape: [2, 3], dtype: 'i32', block: 0 }, { axis: 1 }),
      [operand('i32', [2, 3], data)],
      {
        shape: [2],
        dtype: 'i32',
        block: 0,
      },
    )
    expect(Array.from(got)).toEqual([1, 1])
  })

  test('axis 0 of a blocked value is refused', () => {
    expect(() => argmaxKernel({ shape: [8, 2], dtype: 'f32', block: 4 }, { axis: 0 })).toThrow('axis 0')
  })
})
