/**
 * How threads share the work of a run and synchronize: a few words at the start of the shared memory, and the functions
 * that work on them.
 *
 * Every group of a plan has as many shares as the engine has threads. A thread takes its own share first and then
 * shares that nobody has taken yet. So no run waits for a thread that sleeps or has no core: the others do its work
 * until it arrives, and a thread that arrives too late finds everything taken. A thread then waits until all shares are
 * done, when the next group may begin. It makes no difference to the result which thread computes a share, not even in
 * a single bit.
 */
import type { FunctionBuilder, Local } from '../emit/assembler.ts'
import type { ModuleBuilder } from '../emit/module.ts'

/** Byte addresses of the control words, each on its own cache line. */
export const control = {
  /** Counts the shares that are done; never reset. */
  arrivals: 64,
  /** Threads that sleep until a group is done, or are about to. */
  sleepers: 384,
  /** Not 0 once a thread has failed; all others then leave. */
  failed: 128,
  /**
   * Increases by two with every job; workers wait for it to change. Odd while the words of the next job are written.
   */
  job: 192,
  /** What to do: index of the program, or one of {@link commands}. */
  program: 256,
  /** Value of `arrivals` when the job began. */
  base: 320,
  /** The last completed job. */
  done: 448,
  /** Arguments of the job: address of the arena, of the scratch areas. (More of them below.) */
  arena: 512,
  scratch: 576,
  /** Not 0 when the program's preparation must run first. */
  prepare: 768,
  /** The groups to run: `from … to − 1`. */
  from: 896,
  to: 960,
  /** Numbers that a kernel found out of range: four, of which at least one is not in 0 … limit − 1. */
  found: 640,
  limit: 704,
  /** Not 0 once native code has come to an instruction that cannot be executed. */
  trapped: 832,
} as const

/**
 * Where threads claim shares. Each share has a word on its own cache line: the value that `arrivals` will have when the
 * last group in which the share was taken is done.
 */
const claims = { address: 1024, stride: 64 }

/**
 * Where threads call native code from: a context each, which holds the address of this memory, and then the arguments of
 * a call, 4 bytes each.
 */
export const contexts = { address: 5120, stride: 64, arguments: 8 } as const

/** First free address for data. The gap lets addresses run a little below their value (see `RegisterTile.steps`). */
export const controlBytes = 12288

/** Values of `control.program` that are not programs. */
export const commands = { toEventLoop: -1 } as const

/** Polls per nanosecond by a waiting thread: the cost of spinning. */
export const looksPerNanosecond = 1.2

/**
 * Polls before a waiting thread sleeps: about 50 µs of spinning, as long as it takes to wake up. (ResNet-18, one image,
 * two threads on free cores: 28.3 ms with 4,000 polls, 26.9 ms with 60,000 and no less with more. On busy cores, which
 * the waiting thread keeps from others, 2 to 3 % more.)
 */
export const mostLooks = 60_000

/** Polls before a sleep that are always worth it: about half a microsecond. */
const fewestLooks = 600

/** Longest sleep before polling again, in nanoseconds, in case a thread dies silently. */
const napNanoseconds = 1_000_000

/** Naps before giving up on a thread whose share is not done: about a minute. */
const mostNaps = 60_000

/**
 * What `wait` returns when a thread has failed, and when one does not finish; otherwise it returns the patience left.
 */
export const failures = { failed: -1, lost: -2 } as const

/** The functions by which threads synchronize. */
export interface Meeting {
  /**
   * `(thread, threads, target) → share`: takes a share of the group after which `arrivals` is `target`, preferably the
   * thread's own; −1 when all are taken. A thread that asks late finds no shares left in a finished group.
   */
  readonly claim: FunctionBuilder
  /**
   * `(target)`: records that one more share is done. The thread that finishes a group's last share wakes the sleepers.
   */
  readonly arrive: FunctionBuilder
  /**
   * `(target, patience) → patience`: waits until a group is done; negative when that is in vain ({@link failures}).
   * Spins first, since waits are short when cores are free, and sleeps when they are not. Patience is the number of
   * polls that a thread may still spend in vain during this run: the other thread may have lost its core to another
   * process, for milliseconds.
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
    // Counters wrap around; a later value has a positive difference.
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
 * (No sleeper is missed: a thread that joins the sleepers after the last arrival has checked for them finds that
 * `arrivals` has changed, and does not sleep.)
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

/** Emits the end of a kernel that found a number out of range in the lanes of `found`: records it and traps. */
export function trapOutOfRange(f: FunctionBuilder, found: Local, limit: number): void {
  f.i32(0).get(found).memory('v128.store', control.found)
  f.i32(0).i32(limit).memory('i32.store', control.limit)
  f.op('unreachable')
}

/** Explains in words why a computation in this memory ended with `message`. */
export function explainTrap(memory: ArrayBufferLike, message: string): string {
  const found = new Int32Array(memory, control.found, 4)
  const [limit] = new Int32Array(memory, control.limit, 1)
  const offender = found.find(value => value < 0 || value >= limit)
  if (!message.includes('unreachable') || limit === 0 || offender === undefined) return message
  return `an index or a label (=${offender}) is out of range: expected 0 … ${limit - 1}`
}
