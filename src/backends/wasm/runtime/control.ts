/**
 * How threads share the work of a run and meet: a few words at the start of the shared memory, and the functions that work on them.
 *
 * Every group of a plan has as many shares as the engine has threads. A thread takes its own share first and then those that
 * nobody has taken yet, so no run waits for a thread that sleeps or has no core: the others do its work until it comes, and what
 * comes too late finds everything taken. Then it waits until all shares are done, which is when the next group may begin.
 * Who computes a share changes no bit of the result.
 */
import type { FunctionBuilder, Local } from '../emit/assembler.ts'
import type { ModuleBuilder } from '../emit/module.ts'

/** Byte addresses of the control words, each on a cache line of its own. */
export const control = {
  /** Counts the shares that are done; never reset. */
  arrivals: 64,
  /** Threads that sleep until a group is done, or are about to. */
  sleepers: 384,
  /** Not 0 once a thread has failed: everyone else leaves. */
  failed: 128,
  /** Increases by two with every job; workers wait for it to change. Odd while the words of the next one are written. */
  job: 192,
  /** What to do: index of the program, or one of {@link commands}. */
  program: 256,
  /** Value of `arrivals` when the job began. */
  base: 320,
  /** The last job that is complete. */
  done: 448,
  /** Arguments of the job: address of the arena, of the scratch areas. */
  arena: 512,
  scratch: 576,
  /** Not 0 when the program's preparation is to run first. */
  prepare: 768,
  /** What a kernel found out of range: four numbers, one of them at least not in 0 … limit − 1. */
  found: 640,
  limit: 704,
} as const

/** Where shares are taken: for each, what `arrivals` will be when the group it was last taken in is done. On lines of their own. */
const claims = { address: 1024, stride: 64 }

/** First address free for data. The gap lets addresses run a little below their value (see `RegisterTile.steps`). */
export const controlBytes = 8192

/** Values of `control.program` that are not programs. */
export const commands = { toEventLoop: -1 } as const

/** Looks of a waiting thread in a nanosecond: what spinning costs. */
export const looksPerNanosecond = 1.2

/**
 * Looks before a waiting thread sleeps: about 50 µs of spinning, as long as it takes to be woken. (ResNet-18, one image, two
 * threads on free cores: 28.3 ms with 4,000 looks, 26.9 with 60,000 and no less with more; on busy cores, which the waiting thread
 * keeps from others, 2 to 3 % more.)
 */
export const mostLooks = 60_000

/** Looks before a sleep that are worth it at any time: about half a microsecond. */
const fewestLooks = 600

/** Longest sleep before looking again, in nanoseconds: for the case that a thread dies without a word. */
const napNanoseconds = 1_000_000

/** Naps until a thread whose share is not done is given up: about a minute. */
const mostNaps = 60_000

/** What `wait` gives when a thread has failed, and when one does not finish; else it gives what is left of the patience. */
export const failures = { failed: -1, lost: -2 } as const

/** The functions by which threads meet. */
export interface Meeting {
  /**
   * `(thread, threads, target) → share`: takes a share of the group after which `arrivals` is `target`, the thread's own if it
   * is to be had; −1 when all are taken. A thread that asks late finds none left of a group that is done.
   */
  readonly claim: FunctionBuilder
  /** `(target)`: one share more is done. Whoever does the last of a group wakes those asleep. */
  readonly arrive: FunctionBuilder
  /**
   * `(target, patience) → patience`: waits until a group is done; negative when that is in vain ({@link failures}). Spins first,
   * for waits are short when cores are free, and sleeps when they are not. Patience is the number of looks that a thread may
   * still take in vain during this run: who is waited for may have lost its core to another process, for milliseconds.
   */
  readonly wait: FunctionBuilder
}

/** Adds the functions to a module. */
export function addMeeting(module: ModuleBuilder): Meeting {
  return { claim: addClaim(module), arrive: addArrive(module), wait: addWait(module) }
}

function addClaim(module: ModuleBuilder): FunctionBuilder {
  const f = module.function(['i32', 'i32', 'i32'], ['i32'])
  const [thread, threads, target] = [0, 1, 2]
  const [tried, share, address, seen] = f.localArray('i32', 4)
  f.get(thread).set(share)
  f.loop(again => {
    f.get(share).times(claims.stride).tee(address)
    f.atomic('i32.atomic.load', claims.address).tee(seen)
    // Counters go round: what is later has a positive difference.
    f.get(target).op('i32.sub').i32(0).op('i32.lt_s')
    f.if(() => {
      f.get(address).get(seen).get(target).atomic('i32.atomic.rmw.cmpxchg', claims.address)
      f.get(seen).op('i32.eq')
      f.if(() => {
        f.get(share).op('return')
      })
    })
    f.get(share).offset(1).tee(share)
    f.get(threads).op('i32.eq')
    f.if(() => {
      f.i32(0).set(share)
    })
    f.get(tried).offset(1).tee(tried).get(threads).op('i32.lt_s').branchIf(again)
  })
  f.i32(-1)
  return f
}

function addArrive(module: ModuleBuilder): FunctionBuilder {
  const f = module.function(['i32'], [])
  const target = 0
  f.i32(0).i32(1).atomic('i32.atomic.rmw.add', control.arrivals)
  f.offset(1).get(target).op('i32.eq')
  f.if(() => {
    f.i32(0).atomic('i32.atomic.load', control.sleepers)
    f.if(() => {
      f.i32(0).i32(0x7fffffff).atomic('memory.atomic.notify', control.arrivals).op('drop')
    })
  })
  return f
}

/**
 * (A sleeper cannot be missed: who counts himself among them after the last to arrive has looked finds that the arrivals are no
 * longer as he saw them, and does not sleep.)
 */
function addWait(module: ModuleBuilder): FunctionBuilder {
  const f = module.function(['i32', 'i32'], ['i32'])
  const [target, patience] = [0, 1]
  const [seen, looks, naps, limit] = f.localArray('i32', 4)
  pushLarger(f, patience, fewestLooks)
  f.tee(limit).i32(mostLooks).get(limit).i32(mostLooks).op('i32.lt_s', 'select').set(limit)
  f.block(arrived => {
    f.loop(again => {
      f.i32(0).atomic('i32.atomic.load', control.arrivals).tee(seen)
      f.get(target).op('i32.sub').i32(0).op('i32.ge_s').branchIf(arrived)
      f.i32(0).atomic('i32.atomic.load', control.failed)
      f.if(() => {
        f.i32(failures.failed).op('return')
      })
      f.get(looks).offset(1).tee(looks).get(limit).op('i32.lt_s').branchIf(again)
      f.get(looks).get(limit).op('i32.eq')
      f.if(() => {
        f.get(patience).get(limit).op('i32.sub').set(patience)
        pushLarger(f, patience, 0)
        f.set(patience)
      })
      f.i32(0).i32(1).atomic('i32.atomic.rmw.add', control.sleepers).op('drop')
      f.i32(0).get(seen).i64(napNanoseconds).atomic('memory.atomic.wait32', control.arrivals).op('drop')
      f.i32(0).i32(-1).atomic('i32.atomic.rmw.add', control.sleepers).op('drop')
      f.get(naps).offset(1).tee(naps).i32(mostNaps).op('i32.lt_s').branchIf(again)
      f.i32(failures.lost).op('return')
    })
  })
  f.get(patience)
  return f
}

/** Pushes max(local, least). */
function pushLarger(f: FunctionBuilder, local: Local, least: number): void {
  f.larger(local, { value: least })
}

/** Emits the end of a kernel that found a number out of range in the lanes of `found`: notes it and traps. */
export function trapOutOfRange(f: FunctionBuilder, found: Local, limit: number): void {
  f.i32(0).get(found).memory('v128.store', control.found)
  f.i32(0).i32(limit).memory('i32.store', control.limit)
  f.op('unreachable')
}

/** Says in words why a computation in this memory ended with `message`. */
export function explainTrap(memory: ArrayBufferLike, message: string): string {
  const found = new Int32Array(memory, control.found, 4)
  const [limit] = new Int32Array(memory, control.limit, 1)
  const offender = found.find(value => value < 0 || value >= limit)
  if (!message.includes('unreachable') || limit === 0 || offender === undefined) return message
  return `an index or a label (=${offender}) is out of range: expected 0 … ${limit - 1}`
}
