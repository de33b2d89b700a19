/**
 * Worker threads over one shared memory. Workers run jobs that are announced through control words. Where the calling
 * thread may wait (in Node, and in workers of a page), it is one of the threads and computes its share. On a page it
 * only waits for the workers, so that the page stays responsive while a step runs.
 */
import { commands, control, explainTrap } from './control.ts'
import type { NativeGroups, NativeImport, Pool, Start, Work } from './crewTools.ts'
import { mayWait } from './features.ts'
import { type Port, startWorker, type WorkerMessage } from './workers.ts'

/** Functions of a program's module; see `codegen.ts`. */
interface ProgramExports {
  alone(...rest: Rest): undefined
  together(thread: number, threads: number, base: number, ...rest: Rest): number
}

/** Last arguments of both. */
type Rest = readonly [arena: number, scratch: number, prepare: number, from: number, to: number]

const restOf = (arena: number, scratch: number, { prepare, from, to }: Work): Rest => [
  arena,
  scratch,
  Number(prepare),
  from,
  to,
]

/** Readies a program for the calling thread alone. */
export async function loadAlone(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  native?: NativeGroups,
): Promise<Start> {
  const { alone } = await instantiate(module, memory, native?.import(memory, 0))
  let prepared: ArrayBufferLike | undefined
  return (arena, scratch, work) => {
    // A memory that is not shared may move when it grows.
    if (native && prepared !== memory.buffer) {
      native.prepare(memory, 1)
      prepared = memory.buffer
    }
    return alone(...restOf(arena, scratch, work))
  }
}

async function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  native?: NativeImport,
): Promise<ProgramExports> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory, ...(native && { native }) } })
  return exports as unknown as ProgramExports
}

/** Longest wait for the message that explains a failure, in milliseconds. */
const explanationTime = 30_000

/** Longest time that workers may take to start, in milliseconds. */
const startingTime = 30_000

/** Threads that run the same program together. */
export class ThreadPool implements Pool {
  readonly threads: number
  /** True when the calling thread computes too; it is then the last thread, and the workers are the others. */
  readonly takesPart: boolean
  readonly #memory: WebAssembly.Memory
  readonly #words: Int32Array
  readonly #ports: Port[] = []
  #programs = 0
  readonly #begin: () => Promise<void>
  #begun: Promise<void> | undefined
  #ready = 0
  /** Resolves the current wait: for workers to be ready, or for a job to be done. */
  #resolvePending: (() => void) | undefined
  #failure: Error | undefined
  #rejectPending: ((error: Error) => void) | undefined
  #inLoop = false

  /** @param takesPart see the field; false on a page, which must not wait */
  constructor(threads: number, memory: WebAssembly.Memory, takesPart = mayWait(), start = startWorker) {
    this.threads = threads
    this.takesPart = takesPart
    this.#memory = memory
    this.#words = new Int32Array(memory.buffer)
    this.#begin = () => this.#start(takesPart ? threads - 1 : threads, start)
    // A page has more urgent things to do before, such as a download.
    if (takesPart) void this.#starting
  }

  /** Waits for the workers to start. @returns the reason if one is refused or does not start */
  async refusal(): Promise<string | undefined> {
    this.#hold(true)
    const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))
    return this.#starting.then(() => undefined, message).finally(() => this.#hold(false))
  }

  /** Resolves when the workers have started, which this begins. */
  get #starting(): Promise<void> {
    this.#begun ??= this.#begin()
    // A failure is reported to whoever uses the pool, which may be nobody.
    this.#begun.catch(() => undefined)
    return this.#begun
  }

  async #start(workers: number, start: typeof startWorker): Promise<void> {
    this.#check()
    const threads = this.threads
    const memory = this.#memory
    for (let thread = 0; thread < workers; thread++) {
      const port = start({
        onMessage: message => this.#receive(message),
        onError: error => this.#fail(error),
      })
      this.#ports.push(port)
      port.post({ type: 'start', memory, thread, threads, announces: !this.takesPart })
      port.hold(false)
    }
    const late = new Error(`nothing was heard of a worker for ${startingTime / 1000} s`)
    const timer = setTimeout(() => this.#fail(late), startingTime)
    ;(timer as { unref?(): void }).unref?.()
    await this.#allReady().finally(() => clearTimeout(timer))
  }

  /** Readies a program for all threads. */
  async load(module: WebAssembly.Module, native?: NativeGroups): Promise<Start> {
    await this.#starting
    this.#check()
    this.#leaveLoop()
    this.#hold(true)
    try {
      const program = this.#programs++
      const allReady = this.#allReady()
      const memory = this.#memory
      native?.prepare(memory, this.threads)
      this.#ports.forEach((port, thread) => {
        port.post({ type: 'program', program, module, native: native?.message(memory, thread) })
      })
      const loaded = this.takesPart && instantiate(module, memory, native?.import(memory, this.threads - 1))
      const [own] = await Promise.all([loaded || undefined, allReady])
      return (arena, scratch, work) => this.#run(program, own, restOf(arena, scratch, work))
    } finally {
      this.#hold(false)
    }
  }

  /** Resolves when every worker has said that it is ready. */
  #allReady(): Promise<void> {
    this.#ready = 0
    return this.#pending()
  }

  /**
   * Runs a program on all threads: within the call if the calling thread takes part, else until the promise settles.
   */
  #run(program: number, own: ProgramExports | undefined, rest: Rest): Promise<void> | undefined {
    this.#check()
    if (!this.#inLoop) {
      for (const port of this.#ports) port.post({ type: 'work', seen: this.#word('job') })
      this.#inLoop = true
    }
    const base = this.#word('arrivals')
    const [arena, scratch, prepare, from, to] = rest
    const done = own ? undefined : this.#pending()
    this.#announce({ program, base, arena, scratch, prepare, from, to })
    if (own) return this.#takeShares(own, base, rest) < 0 ? this.#explain() : undefined
    this.#hold(true)
    return done?.finally(() => this.#hold(false))
  }

  /** Stops all workers. Runs in progress are rejected. */
  async close(): Promise<void> {
    this.#failure ??= new Error('the engine is closed')
    this.#rejectPending?.(this.#failure)
    await Promise.all(this.#ports.map(port => port.stop()))
  }

  /** Computes the calling thread's part. @throws whatever the program throws, after telling the other threads. */
  #takeShares({ together }: ProgramExports, base: number, rest: Rest): number {
    try {
      return together(this.threads - 1, this.threads, base, ...rest)
    } catch (error) {
      this.#fail(this.#computationError(error instanceof Error ? error.message : String(error)))
      throw this.#failure
    }
  }

  /** Rejects with the reason why a run gave up, once the worker's message has arrived. */
  async #explain(): Promise<never> {
    const until = performance.now() + explanationTime
    while (!this.#failure && performance.now() < until) await new Promise(resolve => setTimeout(resolve, 5))
    this.#fail(new Error('a worker thread does not answer'))
    throw this.#failure
  }

  #word(name: keyof typeof control): number {
    return Atomics.load(this.#words, control[name] / 4)
  }

  #hold(alive: boolean): void {
    for (const port of this.#ports) port.hold(alive)
  }

  #check(): void {
    if (this.#failure) throw this.#failure
  }

  /** Resolves at the next message that ends a wait; rejects when the pool fails. */
  #pending(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolvePending = resolve
      this.#rejectPending = reject
    })
  }

  /** Announces a job to the workers. Its number is odd while its words are written. */
  #announce(job: Partial<Record<keyof typeof control, number>> & { program: number }): void {
    Atomics.add(this.#words, control.job / 4, 1)
    for (const [name, value] of Object.entries(job)) {
      Atomics.store(this.#words, control[name as keyof typeof control] / 4, value)
    }
    Atomics.add(this.#words, control.job / 4, 1)
    Atomics.notify(this.#words, control.job / 4)
  }

  /** Makes the workers return to their event loops, so that they see messages. */
  #leaveLoop(): void {
    if (!this.#inLoop) return
    this.#announce({ program: commands.toEventLoop })
    this.#inLoop = false
  }

  #receive({ type, message }: WorkerMessage): void {
    if (type === 'failed') this.#fail(this.#computationError(message ?? ''))
    else if (type === 'done' || ++this.#ready === this.#ports.length) this.#resolvePending?.()
  }

  #computationError(message: string): Error {
    return new Error(`a computation failed: ${explainTrap(this.#words.buffer, message)}`)
  }

  #fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    // Other threads may be waiting for the lost one.
    Atomics.store(this.#words, control.failed / 4, 1)
    Atomics.notify(this.#words, control.arrivals / 4)
    this.#rejectPending?.(error)
    void this.close()
  }
}
