/**
 * What processes do in the same way, or one does for all: values are compared and passed on, and an error of one is
 * known to all.
 */
import { type Communicator, nameOf } from './communicator.ts'

/** Errors that every process of a group has thrown, so that one of them can tell. */
const shared = new WeakSet<Error>()

/** Whether all processes have thrown this error, or their own of the same kind, or one that tells of it in other words. */
export const isShared = (error: unknown): boolean =>
  error instanceof Error && (shared.has(error) || isShared(error.cause))

/** Marks an error that follows from what all processes have, such as a loss that is not a number. */
export function sharedError<E extends Error>(error: E): E {
  shared.add(error)
  return error
}

/** Thrown on all processes for an error of some of them; its message names them. */
export class GroupError extends Error {
  override readonly name = 'GroupError'
}

/** Values of all processes, by rank. @param value JSON */
export async function gather<T>(communicator: Communicator, value: T): Promise<T[]> {
  const own = encode(value)
  const lengths = new Int32Array(communicator.size)
  await communicator.allGather(Int32Array.of(own.length), lengths)
  const longest = Math.max(...lengths)
  const mine = new Uint8Array(longest)
  mine.set(own)
  const all = new Uint8Array(longest * communicator.size)
  await communicator.allGather(mine, all)
  return Array.from(lengths, (length, rank) => decode<T>(all.subarray(rank * longest, rank * longest + length)))
}

/**
 * Does the same on every process.
 * @throws the own error when all have the same message, else a {@link GroupError}; both on all processes
 */
export async function together<T>(communicator: Communicator, work: () => Promise<T>): Promise<T> {
  if (communicator.size === 1) return work()
  let result: { readonly value: T } | undefined
  let failure: Error | undefined
  try {
    result = { value: await work() }
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  const messages = await gather(communicator, failure?.message ?? null)
  const [first] = messages
  if (failure && messages.every(message => message === first)) throw sharedError(failure)
  const told = messages.flatMap((message, rank) =>
    message === null ? [] : [`${nameOf(communicator, rank)}: ${message}`],
  )
  if (told.length > 0) throw sharedError(new GroupError(told.join('; '), { cause: failure }))
  return result!.value
}

/**
 * What the first process has made, on all of them.
 * @param make called there only; its result is JSON, and a Uint8Array beside it
 * @throws the error of the first process, on all
 */
export async function fromFirst<T>(communicator: Communicator, make: () => Promise<T>): Promise<T> {
  if (communicator.size === 1) return make()
  let made: { readonly value?: T; readonly error?: string } = {}
  let failure: Error | undefined
  if (communicator.rank === 0) {
    try {
      made = { value: await make() }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      made = { error: failure.message }
    }
  }
  const { value, error } = decode<typeof made>(await broadcastBytes(communicator, encode(made)))
  if (error !== undefined) throw sharedError(failure ?? new GroupError(error))
  return communicator.rank === 0 ? made.value! : (value as T)
}

/** Bytes of the first process, on all of them. */
export async function broadcastBytes(
  communicator: Communicator,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  // In two numbers: 32 bits are not enough for 4 GB and more.
  const length = Int32Array.of(Math.floor(bytes.length / 2 ** 30), bytes.length % 2 ** 30)
  await communicator.broadcast(length)
  const all = communicator.rank === 0 ? bytes : new Uint8Array(length[0]! * 2 ** 30 + length[1]!)
  await communicator.broadcast(all)
  return all
}

/**
 * Compares facts that must be equal on all processes.
 * @param facts JSON by name, such as the version
 * @throws GroupError on all processes, naming the first fact that differs, and a process that has another than rank 0
 */
export async function checkEqual(communicator: Communicator, facts: Readonly<Record<string, unknown>>): Promise<void> {
  if (communicator.size === 1) return
  const all = await gather(communicator, facts)
  const [first] = all
  for (const name of new Set(all.flatMap(others => Object.keys(others)))) {
    const expected = JSON.stringify(first![name])
    const rank = all.findIndex(other => JSON.stringify(other[name]) !== expected)
    if (rank < 0) continue
    const [here, there] = [expected, JSON.stringify(all[rank]![name])].map(text => text ?? 'nothing')
    throw sharedError(
      new GroupError(
        `processes that train together must agree: ${name} is ${there} for ${nameOf(communicator, rank)}, ` +
          `and ${here} for ${nameOf(communicator, 0)}`,
      ),
    )
  }
}

const encode = (value: unknown): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(new TextEncoder().encode(JSON.stringify(value ?? null)))

const decode = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes))) as T
