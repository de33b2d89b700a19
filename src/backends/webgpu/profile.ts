/** Times a program dispatch by dispatch, by the device's own clock. */
import type { EngineSide } from './executable.ts'
import type { StepTime } from './options.ts'
import type { BindGroups, DispatchList, ReadyDispatch } from './program.ts'

/** Dispatches that are timed in one submission: a set of queries holds 4,096 times. */
const mostAtOnce = 2_048

/** @throws Error when the device has no clock. */
export async function timeDispatches(
  { device, memory, submit }: Pick<EngineSide, 'device' | 'memory' | 'submit'>,
  { ahead, each, plan }: DispatchList,
  groups: BindGroups,
  repeats: number,
): Promise<StepTime[]> {
  if (!device.features.has('timestamp-query')) {
    throw new Error('profile: this device or browser has no clock for passes (the feature timestamp-query)')
  }
  const all = [...ahead, ...each]
  for (const tensor of plan.inputs) {
    const place = memory.placeOf(plan, tensor)
    // What an earlier program left there may be no label or index of this one.
    memory.write(place, new Uint8Array(place.size))
  }
  const times: number[][] = all.map(() => [])
  for (let round = 0; round < repeats; round++) {
    for (let first = 0; first < all.length; first += mostAtOnce) {
      const some = all.slice(first, first + mostAtOnce)
      const found = await timeOnce(some)
      found.forEach((time, at) => {
        times[first + at].push(time)
      })
    }
  }
  return all.map((dispatch, at) => ({
    step: dispatch.step,
    ahead: at < ahead.length,
    workgroups: dispatch.workgroups.reduce((product, count) => product * count, 1),
    multiplyAdds: dispatch.step.multiplyAdds,
    milliseconds: times[at].sort((a, b) => a - b)[repeats >> 1],
  }))

  async function timeOnce(dispatches: readonly ReadyDispatch[]): Promise<number[]> {
    const count = 2 * dispatches.length
    const querySet = device.createQuerySet({ type: 'timestamp', count })
    const resolved = memory.forTimes(8 * count)
    const encoder = device.createCommandEncoder()
    dispatches.forEach((dispatch, at) => {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * at, endOfPassWriteIndex: 2 * at + 1 },
      })
      groups.encode(pass, [dispatch])
      pass.end()
    })
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0)
    const [bytes] = await submit(encoder, [{ buffer: resolved, offset: 0, size: 8 * count }])
    querySet.destroy()
    resolved.destroy()
    const stamps = new BigUint64Array(bytes)
    return dispatches.map((_, at) => Number(stamps[2 * at + 1] - stamps[2 * at]) / 1e6)
  }
}
