/** Communicators of one process: several ranks that run side by side as asynchronous functions, in memory. */
import type { Communicator, Exchanged } from '../../src/distributed/communicator.ts'

/** The arrays of one operation, by rank, until all have come. */
interface Meeting {
  readonly arrays: Exchanged[][]
  readonly done: Promise<void>
  readonly finish: () => void
  count: number
}

/** The communicators of `size` ranks. They run together: `Promise.all(loopback(4).map(async communicator => …))`. */
export function loopback(size: number): Communicator[] {
  const meetings = new Map<number, Meeting>()
  const hosts = Array.from({ length: size }, (_, rank) => `host${rank}`)
  return hosts.map((_, rank) => {
    let operations = 0
    /** Waits until all ranks have come with their arrays; the last one lets `join` work on copies of what they brought. */
    const meet = async (mine: Exchanged[], join: (all: Exchanged[][]) => void): Promise<void> => {
      const number = operations++
      let meeting = meetings.get(number)
      if (!meeting) {
        let finish = (): void => undefined
        const done = new Promise<void>(resolve => {
          finish = resolve
        })
        meeting = { arrays: [], done, finish, count: 0 }
        meetings.set(number, meeting)
      }
      meeting.arrays[rank] = mine
      if (++meeting.count === size) {
        meetings.delete(number)
        join(meeting.arrays)
        meeting.finish()
      }
      return meeting.done
    }
    return {
      rank,
      size,
      hosts,
      name: 'loopback',
      computing: false,
      broadcast: (values, root = 0) =>
        meet([values], all => {
          const sent = all[root]![0]!.slice()
          for (const [array] of all) array!.set(sent)
        }),
      allGather: (mine, whole) =>
        meet([mine, whole], all => {
          const sent = all.map(([array]) => array!.slice())
          for (const [, into] of all) sent.forEach((array, from) => void into!.set(array, from * array.length))
        }),
      allToAll: (send, receive) =>
        meet([send, receive], all => {
          const stripe = send.length / size
          const sent = all.map(([array]) => array!.slice())
          all.forEach(([, into], to) => {
            sent.forEach((array, from) => void into!.set(array.subarray(to * stripe, (to + 1) * stripe), from * stripe))
          })
        }),
      allReduce: (values, reduction = 'sum') =>
        meet([values], all => {
          const joined = all[0]![0]!.slice()
          for (const [array] of all.slice(1)) {
            array!.forEach((value, k) => {
              const other = joined[k]!
              joined[k] =
                reduction === 'sum'
                  ? other + value
                  : reduction === 'min'
                    ? Math.min(other, value)
                    : Math.max(other, value)
            })
          }
          for (const [array] of all) array!.set(joined)
        }),
      barrier: () => meet([], () => undefined),
      abort(code) {
        throw new Error(`aborted with code ${code}`)
      },
      close: async () => undefined,
    }
  })
}
