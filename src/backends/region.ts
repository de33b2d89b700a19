/**
 * Regions: variables that lie side by side in an engine's memory, so that all of them can be seen, sent and changed as
 * one array. An engine that has such memory offers `region`; on others the values are copied there and back.
 */
import { Turns } from '../async/turns.ts'
import { sizeOf } from '../graph/shape.ts'
import type { Variable } from '../graph/variable.ts'
import { align } from '../plan/place.ts'
import type { Engine, Region } from './engine.ts'

/**
 * A region of an engine.
 * @param variables f32, used by no program yet
 * @param multiple variables begin at multiples of this many numbers, and the length of the region is one; 1 by default
 * @throws RangeError for a variable of another type
 */
export function regionOf(engine: Engine, variables: readonly Variable[], multiple = 1): Region {
  for (const { name, dtype } of variables) {
    if (dtype !== 'f32') throw new RangeError(`region: ${name} is ${dtype}, a region holds f32 only`)
  }
  return engine.region?.(variables, multiple) ?? copiedRegion(engine, variables, multiple)
}

/** Where variables begin in a region, and its length, all of them multiples of a number. */
export function placesIn(
  variables: readonly Variable[],
  multiple: number,
): { readonly offsets: number[]; readonly length: number } {
  let end = 0
  const offsets = variables.map(({ shape }) => {
    const start = end
    end = align(start + sizeOf(shape), multiple)
    return start
  })
  return { offsets, length: end }
}

function copiedRegion(engine: Engine, variables: readonly Variable[], multiple: number): Region {
  const { offsets, length } = placesIn(variables, multiple)
  const values = new Float32Array(length)
  const turns = new Turns()
  /** Copies the values as they are when this is called, and shows them when the array is free. */
  const withValues = <T>(work: () => T | Promise<T>): Promise<T> => {
    const copies = Promise.all(variables.map(variable => engine.read(variable)))
    // Whoever waits for the turn is told.
    copies.catch(() => undefined)
    return turns.take(async () => {
      for (const [k, numbers] of (await copies).entries()) values.set(numbers, offsets[k])
      return work()
    })
  }
  const region: Region = {
    offsets,
    length,
    read: work => withValues(() => work(values)),
    change: work =>
      withValues(async () => {
        const result = await work(values)
        const part = ({ shape }: Variable, k: number) => values.subarray(offsets[k]!, offsets[k]! + sizeOf(shape))
        await Promise.all(variables.map((variable, k) => engine.write(variable, part(variable, k))))
        return result
      }),
    async changeDuring(run, work) {
      const result = await run({})
      await region.change(values => work(values, { updated: variables.map((_, k) => k), isLast: true }))
      return result
    },
  }
  return region
}
