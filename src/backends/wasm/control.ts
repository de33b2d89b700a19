/**
 * How threads meet: a few words at the start of the shared memory, and the barrier that every thread passes between
 * two groups of a plan.
 */
import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.ts'

/** Byte addresses of the control words, each on a cache line of its own. */
export const control = {
  /** Counts arrivals at barriers; never reset. */
  arrivals: 64,
  /** Threads that sleep at a barrier, or are about to. */
  sleepers: 384,
  /** Not 0 once a thread has failed: everyone else leaves. */
  failed: 128,
  /** Increases with every job; workers wait for it to change. */
  job: 192,
  /** What to do: index of the program, or one of {@link commands}. */
  program: 256,
  /** Value of `arrivals` when the job began. */
  base: 320,
  /** Number of the last job that is complete. */
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

/** First address free for data. The gap lets addresses run a little below their value (see `RegisterTile.steps`). */
export const controlBytes = 4096

/** Values of `control.program` that are not programs. */
export const commands = { toEventLoop: -1 } as const

/**
 * Checks of a barrier before it sleeps: about 50 µs of spinning, as long as it takes to be woken. (ResNet-18, one image, two
 * threads on free cores: 28.3 ms with 4,000 checks, 26.9 with 60,000 and no less with more; on busy cores, which the waiting thread
 * keeps from others, 2 to 3 % more.)
 */
const spins = 60_000

/** Longest sleep at a barrier before looking again, in nanoseconds: for the case that a thread dies without a word. */
const napNanoseconds = 1_000_000

/** Naps until a thread that has not arrived is given up: about a minute. */
const mostNaps = 60_000

/**
 * Adds the barrier: `(target) → i32`. A thread adds one arrival and waits until `target` arrivals are in; the result
 * is 0, 1 when a thread has failed, and 2 when one does not come. Spins first, for waits are short when cores are free, and sleeps
 * when they are not; the last to arrive wakes those asleep. (It cannot miss one: who counts himself among the sleepers after
 * it has looked finds that the arrivals are no longer as he saw them, and does not sleep.)
 */
export function addBarrier(module: ModuleBuilder): FunctionBuilder {
  const f = module.function(['i32'], ['i32'])
  const target = 0
  const [seen, turns, naps] = f.localArray('i32', 3)
  f.i32(0).i32(1).atomic('i32.atomic.rmw.add', control.arrivals)
  f.i32(1).op('i32.add').get(target).op('i32.sub', 'i32.eqz')
  f.if(() => {
    f.i32(0).atomic('i32.atomic.load', control.sleepers)
    f.if(() => {
      f.i32(0).i32(0x7fffffff).atomic('memory.atomic.notify', control.arrivals).op('drop')
    })
    f.i32(0).op('return')
  })
  f.block(arrived => {
    f.loop(again => {
      f.i32(0).atomic('i32.atomic.load', control.arrivals).tee(seen)
      f.get(target).op('i32.sub').i32(0).op('i32.ge_s').branchIf(arrived)
      f.i32(0).atomic('i32.atomic.load', control.failed)
      f.if(() => {
        f.i32(1).op('return')
      })
      f.get(turns).i32(1).op('i32.add').tee(turns).i32(spins).op('i32.lt_s').branchIf(again)
      f.i32(0).i32(1).atomic('i32.atomic.rmw.add', control.sleepers).op('drop')
      f.i32(0).get(seen).i64(napNanoseconds).atomic('memory.atomic.wait32', control.arrivals).op('drop')
      f.i32(0).i32(-1).atomic('i32.atomic.rmw.add', control.sleepers).op('drop')
      f.get(naps).i32(1).op('i32.add').tee(naps).i32(mostNaps).op('i32.lt_s').branchIf(again)
      f.i32(2).op('return')
    })
  })
  f.i32(0)
  return f
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
