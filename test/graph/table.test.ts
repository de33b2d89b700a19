/** The op table: its names, and what the compiler refuses (the expected errors below are checked by `tsc`). */
import { describe, expect, test } from 'vitest'
import { eachOfFirst } from '../../src/graph/batch.ts'
import { add, input, Tensor } from '../../src/graph/index.ts'
import { elementwiseCost, type Op } from '../../src/graph/op.ts'
import { type AttributesOf, isOpName, type OpName, opOf, opTable } from '../../src/graph/table.ts'

describe('op table', () => {
  test.each(Object.entries(opTable))('%s has its own name and five facets', (key, op) => {
    expect(op.name).toBe(key)
    expect([typeof op.shape, typeof op.reference, typeof op.vjp, typeof op.cost, typeof op.batch]).toEqual(
      new Array(5).fill('function'),
    )
  })

  test('finds the operation of a tensor', () => {
    const x = input('x', [2])
    expect(opOf(add(x, 1))).toBe(opTable.map)
    expect(isOpName('conv2d')).toBe(true)
    expect(isOpName('toString')).toBe(false)
  })

  test('a source has no operation', () => {
    expect(() => opOf(input('x', [2]))).toThrow("x: no operation is called 'source'")
    const odd = new Tensor({ op: 'toString', inputs: [], attributes: {}, shape: [], dtype: 'f32' })
    expect(() => opOf(odd)).toThrow("no operation is called 'toString'")
  })
})

describe('what does not compile', () => {
  test('an operation without a facet', () => {
    const complete = {
      name: 'twice',
      shape: ([x]: readonly Tensor[]) => ({ shape: x!.shape, dtype: 'f32' as const }),
      reference: ([x]: readonly { values: Float64Array }[]) => x!.values.map(value => 2 * value),
      vjp: (_: Tensor, gradient: Tensor) => [gradient],
      cost: elementwiseCost,
      batch: eachOfFirst,
    } satisfies Op<undefined>
    const { vjp: _vjp, ...withoutGradient } = complete
    const { cost: _cost, ...withoutCost } = complete
    const { batch: _batch, ...withoutBatch } = complete
    const { reference: _reference, ...withoutReference } = complete
    const { shape: _shape, ...withoutShape } = complete

    const table = {
      complete,
      // @ts-expect-error: the facet 'vjp' is missing, so this is no Op
      withoutGradient,
      // @ts-expect-error: the facet 'cost' is missing, so this is no Op
      withoutCost,
      // @ts-expect-error: the facet 'batch' is missing, so this is no Op
      withoutBatch,
      // @ts-expect-error: the facet 'reference' is missing, so this is no Op
      withoutReference,
      // @ts-expect-error: the facet 'shape' is missing, so this is no Op
      withoutShape,
    } satisfies Record<string, Op<never>>
    expect(Object.keys(table)).toHaveLength(6)
  })

  test('a backend without an operation, or one that reads attributes the operation does not have', () => {
    type Kernel<K extends OpName> = (attributes: AttributesOf<K>) => string
    type Backend = { readonly [K in OpName]: Kernel<K> }
    const kernels = Object.fromEntries(Object.keys(opTable).map(name => [name, () => name])) as unknown as Backend
    const { conv2d: _conv2d, ...withoutConv2d } = kernels

    const complete = { ...kernels, reduce: ({ fn, axes }) => `${fn} ${axes.join()}` } satisfies Backend
    // @ts-expect-error: the kernel for conv2d is missing
    const incomplete = { ...withoutConv2d } satisfies Backend
    const confused = {
      ...kernels,
      // @ts-expect-error: reduce has no stride
      reduce: ({ stride }) => `${stride}`,
    } satisfies Backend

    expect(complete.reduce({ fn: 'max', axes: [0, 2], keepDims: false })).toBe('max 0,2')
    expect(Object.keys(incomplete)).not.toContain('conv2d')
    expect(Object.keys(confused)).toContain('reduce')
  })
})
