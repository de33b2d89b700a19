/**
 * Worker threads over one shared memory. Workers run jobs that are announced through control words. Where the calling
 * thread may wait (in Node, and in workers of a page) it is one of the threads and computes its share; on a page it
 * only waits for the workers, so that the page stays alive while a step runs.
 */
import { commands, control, explainTrap } from './control.ts'
import { mayWait, nodeModules } from './features.ts'

/** The few things we need of a worker, in Node or a browser. */
interface Port {
  post(message: unknown): void
  /** Keeps the process alive (or not) while the worker exists. Only Node has this. */
  hold(alive: boolean): void
  stop(): Promise<unknown>
}

/**
 * The worker's program, the same in Node and browsers. It gets modules by message and then stays in a loop that waits
 * for jobs in shared memory; the job `toEventLoop` makes it leave that loop to receive messages again.
 * Kept as text: bundlers then have no file to lose, and no import to resolve.
 */
const workerSource = `
const node = typeof process === 'object' && process.versions && process.versions.node
const port = node ? require('node:worker_threads').parentPort : self
const on = handle => node ? port.on('message', handle) : port.addEventListener('message', event => handle(event.data))
let words, thread, threads, seen = 0
const programs = []
const C = ${JSON.stringify(Object.fromEntries(Object.entries(control).map(([name, address]) => [name, address / 4])))}
function work() {
  for (;;) {
    let turns = 0
    while (Atomics.load(words, C.job) === seen) if (++turns > 20000) Atomics.wait(words, C.job, seen, 1000)
    seen = Atomics.load(words, C.job)
    const program = Atomics.load(words, C.program)
    if (program === ${commands.toEventLoop}) return
    try {
      const outcome = programs[program](thread, threads, Atomics.load(words, C.base), Atomics.load(words, C.arena), Atomics.load(words, C.scratch), Atomics.load(words, C.prepare))
      if (outcome === 2) throw new Error('another thread did not answer')
      if (outcome !== 0) return
    } catch (error) {
      Atomics.store(words, C.failed, 1)
      Atomics.notify(words, C.arrivals)
      port.postMessage({ type: 'failed', message: String(error && error.message || error) })
      return
    }
    // Everyone has passed the last barrier, so one thread may speak for all.
    if (thread === 0) {
      Atomics.store(words, C.done, seen)
      Atomics.notify(words, C.done)
    }
  }
}
// A worker that dies takes nobody with it: whoever waits for it at a barrier is let go.
if (node) process.on('exit', () => {
  if (!words) return
  Atomics.store(words, C.failed, 1)
  Atomics.notify(words, C.arrivals)
})
on(message => {
  if (message.type === 'start') {
    words = new Int32Array(message.memory.buffer)
    thread = message.thread
    threads = message.threads
    globalThis.memory = message.memory
  } else if (message.type === 'program') {
    programs[message.index] = new WebAssembly.Instance(message.module, { env: { memory: globalThis.memory } }).exports.run
    port.postMessage({ type: 'ready' })
  } else if (message.type === 'work') {
    seen = message.seen
    work()
  } else if (message.type === 'crash') {
    Atomics.wait(words, C.failed, 0, message.delay)
    if (message.exit !== undefined) process.exit(message.exit)
    throw new Error('crashed on request')
  }
})
`

/** Signature of a program's `run`; see `codegen.ts`. */
type Run = (thread: number, threads: number, base: number, arena: number, scratch: number, prepare: number) => number

/** What a worker's error event without a message means. */
const refusedWorker =
  'a worker thread could not start: does the Content-Security-Policy of the page allow `worker-src blob:`?'

/** How long the message that explains a failure may take, in milliseconds. */
const explanationTime = 30_000

/** Threads that run the same program together. */
export class ThreadPool {
  readonly threads: number
  /** True when the calling thread computes a share; it is then the last thread, and workers are the others. */
  private readonly takesPart: boolean
  private readonly memory: WebAssembly.Memory
  private readonly words: Int32Array
  private readonly ports: Port[] = []
  private readonly own: Run[] = []
  private ready = 0
  private whenReady: (() => void) | undefined
  private failure: Error | undefined
  private rejectPending: ((error: Error) => void) | undefined
  private inLoop = false

  constructor(threads: number, memory: WebAssembly.Memory, takesPart = mayWait()) {
    this.threads = threads
    this.takesPart = takesPart
    this.memory = memory
    this.words = new Int32Array(memory.buffer)
    for (let thread = 0; thread < (takesPart ? threads - 1 : threads); thread++) {
      const port = startWorker(
        message => this.receive(message as { type: string; message?: string }),
        error => this.fail(error),
      )
      port.post({ type: 'start', memory, thread, threads })
      port.hold(false)
      this.ports.push(port)
    }
  }

  /** Gives every thread a program, known by `index` from then on. */
  async load(index: number, module: WebAssembly.Module): Promise<void> {
    this.check()
    this.leaveLoop()
    this.ready = 0
    const allReady = new Promise<void>((resolve, reject) => {
      this.whenReady = resolve
      this.rejectPending = reject
    })
    this.hold(true)
    try {
      for (const port of this.ports) port.post({ type: 'program', index, module })
      const own = this.takesPart && WebAssembly.instantiate(module, { env: { memory: this.memory } })
      const [instance] = await Promise.all([own, allReady])
      if (instance) this.own[index] = instance.exports.run as Run
    } finally {
      this.hold(false)
    }
  }

  /**
   * Runs a program on all threads, with its preparation or without: within the call where the calling thread takes part,
   * else until the promise settles.
   */
  run(index: number, arena: number, scratch: number, prepare: boolean): Promise<void> | undefined {
    this.check()
    const { words } = this
    const job = this.word('job') + 1
    const base = this.word('arrivals')
    if (!this.inLoop) {
      for (const port of this.ports) port.post({ type: 'work', seen: this.word('job') })
      this.inLoop = true
    }
    Atomics.store(words, control.program / 4, index)
    Atomics.store(words, control.base / 4, base)
    Atomics.store(words, control.arena / 4, arena)
    Atomics.store(words, control.scratch / 4, scratch)
    Atomics.store(words, control.prepare / 4, Number(prepare))
    const before = this.word('done')
    Atomics.store(words, control.job / 4, job)
    Atomics.notify(words, control.job / 4)
    if (this.takesPart) {
      return this.runShare(index, base, arena, scratch, prepare) === 0 ? undefined : this.explain()
    }
    this.hold(true)
    return this.waitForDone(before).finally(() => this.hold(false))
  }

  /** Stops all workers. What is under way is rejected. */
  async close(): Promise<void> {
    this.failure ??= new Error('the engine is closed')
    this.rejectPending?.(this.failure)
    await Promise.all(this.ports.map(port => port.stop()))
  }

  /** Computes the calling thread's share. @throws what the program throws, after telling the others. */
  private runShare(index: number, base: number, arena: number, scratch: number, prepare: boolean): number {
    try {
      return this.own[index](this.threads - 1, this.threads, base, arena, scratch, Number(prepare))
    } catch (error) {
      this.fail(this.computationError(error instanceof Error ? error.message : String(error)))
      throw this.failure
    }
  }

  /** Rejects with the reason why a run gave up, once the worker's message has come. */
  private async explain(): Promise<never> {
    const until = performance.now() + explanationTime
    while (!this.failure && performance.now() < until) await new Promise(resolve => setTimeout(resolve, 5))
    this.fail(new Error('a worker thread does not answer'))
    throw this.failure
  }

  private word(name: keyof typeof control): number {
    return Atomics.load(this.words, control[name] / 4)
  }

  private hold(alive: boolean): void {
    for (const port of this.ports) port.hold(alive)
  }

  private check(): void {
    if (this.failure) throw this.failure
  }

  private waitForDone(before: number): Promise<void> {
    const waiting = (Atomics as unknown as WithWaitAsync).waitAsync(this.words, control.done / 4, before)
    if (!waiting.async) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.rejectPending = reject
      void waiting.value.then(() => resolve())
    })
  }

  /** Makes the workers return to their event loops, so that they see messages. */
  private leaveLoop(): void {
    if (!this.inLoop) return
    Atomics.store(this.words, control.program / 4, commands.toEventLoop)
    Atomics.add(this.words, control.job / 4, 1)
    Atomics.notify(this.words, control.job / 4)
    this.inLoop = false
  }

  private receive(message: { type: string; message?: string }): void {
    if (message.type === 'failed') this.fail(this.computationError(message.message ?? ''))
    else if (message.type === 'ready' && ++this.ready === this.ports.length) this.whenReady?.()
  }

  private computationError(message: string): Error {
    return new Error(`a computation failed: ${explainTrap(this.words.buffer, message)}`)
  }

  private fail(error: Error): void {
    if (this.failure) return
    this.failure = error
    // The others may be waiting for the lost one at a barrier.
    Atomics.store(this.words, control.failed / 4, 1)
    Atomics.notify(this.words, control.arrivals / 4)
    this.rejectPending?.(error)
    void this.close()
  }

  /** For tests: makes one worker throw, or exit with a code, `delay` milliseconds after it has left its loop. */
  crash(worker: number, exit?: number, delay = 0): void {
    this.leaveLoop()
    this.ports[worker].post({ type: 'crash', exit, delay })
  }
}

/** Atomics.waitAsync, which TypeScript's library does not declare for the targets we support. */
interface WithWaitAsync {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
  ): { async: false; value: string } | { async: true; value: Promise<string> }
}

function startWorker(onMessage: (message: unknown) => void, onError: (error: Error) => void): Port {
  const node = nodeModules()
  if (node) {
    const worker = new node.threads.Worker(workerSource, { eval: true, name: 'fovea' })
    let stopping = false
    worker.on('message', onMessage)
    worker.on('error', error => onError(new Error(`a worker thread crashed: ${error.message}`)))
    worker.on('exit', code => {
      if (!stopping) onError(new Error(`a worker thread exited with code ${code}`))
    })
    return {
      post: message => worker.postMessage(message),
      hold: alive => (alive ? worker.ref() : worker.unref()),
      stop: () => {
        stopping = true
        return worker.terminate()
      },
    }
  }
  const url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }))
  const worker = new Worker(url, { name: 'fovea' })
  worker.addEventListener('message', event => onMessage(event.data))
  worker.addEventListener('error', event => {
    // The page learns of it as a rejected promise; without this it would also see an uncaught error.
    event.preventDefault()
    onError(new Error(event.message ? `a worker thread crashed: ${event.message}` : refusedWorker))
  })
  return {
    post: message => worker.postMessage(message),
    hold: () => undefined,
    stop: async () => {
      worker.terminate()
      URL.revokeObjectURL(url)
    },
  }
}
