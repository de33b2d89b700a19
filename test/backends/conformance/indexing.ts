/** Operations that move, repeat, fold or pick elements, on random shapes, against definitions by index. */
import * as fc from 'fast-check'
import { test } from 'vitest'
import * as g from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import { at, indicesOf, type NaiveArray, tabulate } from '../../support/naive.ts'
import type { BackendUnderTest } from '../conformance.ts'
import { drawsFor } from './draws.ts'
import { gridArray } from './geometry.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 })
/** Shapes of rank 1 … 4; sizes around the width of a vector and its multiples. */
const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
/** A shape and one entry per axis that may depend on the size. */
const withAxes = <T>(entry: (extent: number) => fc.Arbitrary<T>): fc.Arbitrary<[number[], T[]]> =>
  shapes.chain(shape => fc.tuple(fc.constant(shape), fc.tuple(...shape.map(entry)) as fc.Arbitrary<T[]>))
const upTo = (most: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: most })

export function indexingGroup(backend: BackendUnderTest): void {
  const check = async (
    result: g.Tensor,
    expected: NaiveArray,
    inputs: Readonly<Record<string, ArrayLike<number>>>,
  ): Promise<void> => {
    const [actual] = await backend.run([result], inputs)
    expectClose(actual!, expected.data, result.dtype === 'f32' ? backend.tolerance : {}, result.op)
  }
  const property = <T extends [unknown, ...unknown[]]>(
    name: string,
    arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
    body: (...values: T) => Promise<void>,
  ): void => {
    test(name, () => fc.assert(fc.asyncProperty(...arbitraries, body), drawsFor(backend)), 120_000)
  }

  property('map broadcasts', [withAxes(() => fc.boolean()), upTo(3), seeds], async ([shape, ones], dropped, seed) => {
    const x = gridArray(shape, seed)
    const narrowed = shape.map((extent, axis) => (ones[axis] ? 1 : extent)).slice(Math.min(dropped, shape.length))
    const y = gridArray(narrowed, seed + 1)
    const [xs, ys] = [g.input('x', shape), g.input('y', narrowed)]
    const expected = tabulate(shape, index => at(x, index) * at(y, index) - Math.max(at(y, index), 0))
    await check(g.sub(g.mul(xs, ys), g.relu(ys)), expected, { x: x.data, y: y.data })
  })

  property('map reads bytes and integers as numbers', [shapes, seeds], async (shape, seed) => {
    const bytes = gridArray(shape, seed, 56, 120)
    const integers = gridArray(shape, seed + 1, 8000)
    const b = g.input('b', shape, { dtype: 'u8' })
    const i = g.input('i', shape, { dtype: 'i32' })
    const expected = tabulate(shape, index => at(bytes, index) / 256 + at(integers, index))
    await check(g.add(g.mul(b, 1 / 256), i), expected, { b: bytes.data, i: integers.data })
  })

  property(
    'reductions fold any axes',
    [
      withAxes(() => fc.boolean()),
      fc.constantFrom('sum' as const, 'mean' as const, 'max' as const, 'min' as const),
      fc.boolean(),
      seeds,
    ],
    async ([shape, folded], fn, keepDims, seed) => {
      const x = gridArray(shape, seed)
      const axes = shape.flatMap((_, axis) => (folded[axis] ? [axis] : []))
      const kept = shape.map((extent, axis) => (folded[axis] ? 1 : extent))
      const expected = tabulate(kept, base => {
        const elements = indicesOf(shape.map((extent, axis) => (folded[axis] ? extent : 1))).map(offset =>
          at(
            x,
            shape.map((_, axis) => base[axis]! + offset[axis]!),
          ),
        )
        const total = elements.reduce((a, b) => a + b)
        if (fn === 'max') return Math.max(...elements)
        if (fn === 'min') return Math.min(...elements)
        return fn === 'sum' ? total : total / elements.length
      })
      const reduce = { sum: g.sum, mean: g.mean, max: g.max, min: g.min }[fn]
      await check(reduce(g.input('x', shape), axes, { keepDims }), expected, { x: x.data })
    },
  )

  property('reduce reads integers', [shapes, seeds], async (shape, seed) => {
    const x = gridArray(shape, seed, 8)
    const total = Array.from(x.data).reduce((a, b) => a + b)
    await check(g.sum(g.input('x', shape, { dtype: 'i32' })), { shape: [], data: [total] }, { x: x.data })
  })

  property('argmax names the first maximum', [withAxes(() => seeds)], async ([shape, seed]) => {
    const axis = seed[0]! % shape.length
    const x = gridArray(shape, seed[0]!)
    const expected = tabulate(
      shape.filter((_, k) => k !== axis),
      index => {
        const line = Array.from({ length: shape[axis]! }, (_, k) => at(x, index.toSpliced(axis, 0, k)))
        return line.indexOf(Math.max(...line))
      },
    )
    await check(g.argmax(g.input('x', shape), axis), expected, { x: x.data })
  })

  property(
    'transpose permutes, keeping the type',
    [withAxes(() => seeds), fc.constantFrom('f32', 'i32', 'u8')],
    async ([shape, keys], dtype) => {
      const permutation = shape.map((_, axis) => axis).sort((a, b) => keys[a]! - keys[b]!)
      const x = gridArray(shape, keys[0]!, 8, 16)
      const expected = tabulate(
        permutation.map(axis => shape[axis]!),
        index =>
          at(
            x,
            shape.map((_, axis) => index[permutation.indexOf(axis)]!),
          ),
      )
      // Reshaped too, so that a transpose that does nothing is still computed.
      const result = g.reshape(g.transpose(g.input('x', shape, { dtype }), permutation), [x.data.length, 1])
      await check(result, expected, { x: x.data })
    },
  )

  property(
    'slice takes every step-th element',
    [withAxes(extent => fc.tuple(upTo(extent - 1), upTo(extent - 1), fc.integer({ min: 1, max: 3 }))), seeds],
    async ([shape, ranges], seed) => {
      const x = gridArray(shape, seed)
      const starts = ranges.map(([a, b]) => Math.min(a, b))
      const ends = ranges.map(([a, b]) => Math.max(a, b) + 1)
      const steps = ranges.map(([, , step]) => step)
      const lengths = starts.map((start, axis) => Math.ceil((ends[axis]! - start) / steps[axis]!))
      const expected = tabulate(lengths, index =>
        at(
          x,
          index.map((k, axis) => starts[axis]! + k * steps[axis]!),
        ),
      )
      await check(
        g.add(g.slice(g.input('x', shape), starts, ends, steps), 1),
        tabulate(lengths, i => at(expected, i) + 1),
        {
          x: x.data,
        },
      )
    },
  )

  property(
    'pad surrounds and spaces out',
    [withAxes(() => fc.tuple(upTo(3), upTo(3), upTo(2))), fc.constantFrom(0, -1.5), seeds],
    async ([shape, amounts], value, seed) => {
      const x = gridArray(shape, seed)
      const [before, after, interior] = [0, 1, 2].map(k => amounts.map(amount => amount[k]!)) as [
        number[],
        number[],
        number[],
      ]
      const padded = shape.map((extent, k) => before[k]! + extent + (extent - 1) * interior[k]! + after[k]!)
      const expected = tabulate(padded, index => {
        const from = index.map((k, axis) => (k - before[axis]!) / (interior[axis]! + 1))
        return from.every((k, axis) => Number.isInteger(k) && k >= 0 && k < shape[axis]!) ? at(x, from) : value
      })
      await check(g.pad(g.input('x', shape), { before, after, interior, value }), expected, { x: x.data })
    },
  )

  property(
    'concat joins along any axis',
    [withAxes(() => seeds), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })],
    async ([shape, keys], lengths) => {
      const axis = keys[0]! % shape.length
      const parts = lengths.map((length, k) => gridArray(shape.with(axis, length), keys[0]! + k))
      const total = lengths.reduce((a, b) => a + b)
      const expected = tabulate(shape.with(axis, total), index => {
        let k = 0
        let position = index[axis]!
        while (position >= lengths[k]!) position -= lengths[k++]!
        return at(parts[k]!, index.with(axis, position))
      })
      const tensors = parts.map((part, k) => g.input(`x${k}`, part.shape))
      const inputs = Object.fromEntries(parts.map((part, k) => [`x${k}`, part.data]))
      await check(g.concat(tensors, axis), expected, inputs)
    },
  )

  property(
    'gather picks slices, scatterAdd puts them back',
    [withAxes(() => seeds), fc.array(seeds, { minLength: 1, maxLength: 12 }), fc.constantFrom('f32', 'i32', 'u8')],
    async ([shape, keys], picks, dtype) => {
      const axis = keys[0]! % shape.length
      const indices = picks.map(pick => pick % shape[axis]!)
      const x = gridArray(shape, keys[0]!, 8, 16)
      const slices = gridArray(shape.with(axis, picks.length), keys[0]! + 1)
      const index = g.input('indices', [picks.length], { dtype: 'i32' })
      const picked = tabulate(slices.shape, at_ => at(x, at_.with(axis, indices[at_[axis]!]!)))
      await check(g.gather(g.input('x', shape, { dtype }), index, axis), picked, { x: x.data, indices })
      const sums = tabulate(shape, at_ =>
        indices.reduce((total, to, k) => (to === at_[axis] ? total + at(slices, at_.with(axis, k)) : total), 0),
      )
      const scattered = g.scatterAdd(g.input('slices', slices.shape), index, axis, shape[axis]!)
      await check(scattered, sums, { slices: slices.data, indices })
    },
  )

  property(
    'oneHot marks one element a row',
    [shapes, fc.integer({ min: 1, max: 11 }), seeds],
    async (shape, classes, seed) => {
      const grid = gridArray(shape, seed, 8)
      const x = tabulate(shape, index => Math.abs(at(grid, index)) % classes)
      const expected = tabulate([...shape, classes], index => (at(x, index.slice(0, -1)) === index.at(-1) ? 1 : 0))
      await check(g.oneHot(g.input('x', shape, { dtype: 'i32' }), classes), expected, { x: x.data })
    },
  )

  property(
    'increment counts exactly, and wraps around',
    [shapes, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.boolean(), seeds],
    async (shape, by, batched, seed) => {
      const grid = gridArray(shape, seed)
      // Odd numbers of all sizes, most of them too large for single precision.
      const x = tabulate(shape, index => Math.imul(2 * at(grid, index) + 1, 0x2545f491))
      const expected = tabulate(shape, index => (at(x, index) + by) | 0)
      const numbers = g.input('x', shape, { dtype: 'i32', batched })
      await check(g.increment(numbers, by), expected, { x: x.data })
    },
  )
}
