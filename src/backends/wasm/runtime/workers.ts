/**
 * Workers of Node and of browsers behind one small interface, and the code they run. A browser may refuse to start a
 * worker, because of its Content-Security-Policy or Trusted Types, or because it has no workers here.
 */
import { commands, control, failures } from './control.ts'
import { nodeModules } from './features.ts'

/** The few things we need from a worker. */
export interface Port {
  post(message: unknown): void
  /** Keeps the process alive (or not) while the worker exists. Only Node has this. */
  hold(alive: boolean): void
  stop(): Promise<unknown>
}

/** Message of a worker: it has started or has a program (`ready`), a job is done, or a computation failed. */
export interface WorkerMessage {
  readonly type: 'ready' | 'done' | 'failed'
  readonly message?: string
}

/**
 * The worker's code, the same in Node and browsers. A worker receives modules by message and then stays in a loop that
 * waits for jobs in shared memory; the job `toEventLoop` makes it leave that loop to receive messages again. A worker
 * may come late to a job, or miss it when the others have done everything. The words that it reads of a job are
 * consistent if the job's number is the same before and after. The first worker to see that everything is done
 * announces it. When a worker fails, it first releases the threads that wait for it. The code is kept as text, so that
 * bundlers have no file to lose and no import to resolve.
 */
export const workerSource = `
const node = typeof process === 'object' && process.versions && process.versions.node
const port = node ? require('node:worker_threads').parentPort : self
const on = handle => node ? port.on('message', handle) : port.addEventListener('message', event => handle(event.data))
let memory, words, thread, threads, announces, seen = 0
const programs = []
const C = ${JSON.stringify(Object.fromEntries(Object.entries(control).map(([name, address]) => [name, address / 4])))}
const word = name => Atomics.load(words, C[name])
function work() {
  for (;;) {
    let looks = 0
    while (word('job') === seen) if (++looks > 20000) Atomics.wait(words, C.job, seen, 1000)
    const job = word('job')
    const program = word('program')
    const work = [word('base'), word('arena'), word('scratch'), word('prepare'), word('from'), word('to')]
    if (job & 1 || word('job') !== job) continue
    seen = job
    if (program === ${commands.toEventLoop}) return
    try {
      const outcome = programs[program](thread, threads, ...work)
      if (outcome === ${failures.lost}) throw new Error('another thread did not answer')
      if (outcome < 0) return
    } catch (error) {
      Atomics.store(words, C.failed, 1)
      Atomics.notify(words, C.arrivals)
      port.postMessage({ type: 'failed', message: String(error && error.message || error) })
      return
    }
    const done = word('done')
    if ((done - seen | 0) < 0 && Atomics.compareExchange(words, C.done, done, seen) === done && announces)
      port.postMessage({ type: 'done' })
  }
}
if (node) process.on('exit', () => {
  if (!words) return
  Atomics.store(words, C.failed, 1)
  Atomics.notify(words, C.arrivals)
})
on(message => {
  if (message.type === 'start') {
    ({ memory, thread, threads, announces } = message)
    words = new Int32Array(memory.buffer)
    port.postMessage({ type: 'ready' })
  } else if (message.type === 'program') {
    const { native } = message
    const env = native ? { memory, native: eval(native.source)(require, native.given, memory) } : { memory }
    programs[message.program] = new WebAssembly.Instance(message.module, { env }).exports.together
    port.postMessage({ type: 'ready' })
  } else if (message.type === 'work') {
    seen = message.seen
    work()
  }
})
`

/** What an error event without a message means: the worker's script was not loaded. */
const refused = 'does the Content-Security-Policy allow `worker-src blob:`?'

/** Callbacks for a worker's events. */
export interface WorkerListeners {
  readonly onMessage: (message: WorkerMessage) => void
  readonly onError: (error: Error) => void
}

/** Starts a worker. @throws whatever the runtime throws when it refuses. */
export function startWorker(listeners: WorkerListeners, source = workerSource): Port {
  const node = nodeModules()
  return node ? startInNode(node.threads.Worker, source, listeners) : startInBrowser(source, listeners)
}

function startInNode(
  Worker: typeof import('node:worker_threads').Worker,
  source: string,
  { onMessage, onError }: WorkerListeners,
): Port {
  const worker = new Worker(source, { eval: true, name: 'fovea' })
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

function startInBrowser(source: string, { onMessage, onError }: WorkerListeners): Port {
  const worker = new Worker(trusted(urlOf(source)), { name: 'fovea' })
  worker.addEventListener('message', event => onMessage(event.data))
  worker.addEventListener('error', event => {
    // The page learns of it from a rejected promise; without this it would also see an uncaught error.
    event.preventDefault()
    onError(new Error(event.message ? `a worker thread crashed: ${event.message}` : refused))
  })
  return {
    post: message => worker.postMessage(message),
    hold: () => undefined,
    stop: async () => worker.terminate(),
  }
}

/** Addresses of scripts: each takes a page a call to another process, so all workers share one. */
const urls = new Map<string, string>()

function urlOf(source: string): string {
  const url = urls.get(source) ?? URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  urls.set(source, url)
  return url
}

/** Trusted Types, which TypeScript's library does not declare. */
interface WithTrustedTypes {
  readonly trustedTypes?: {
    createPolicy(name: string, rules: { createScriptURL(url: string): string }): ScriptUrls
  }
}
interface ScriptUrls {
  createScriptURL(url: string): string
}

/** The policy `fovea`: created only once, since a page may allow each name only once. */
let policy: ScriptUrls | undefined

/** A URL of one of our scripts, in the form required by pages with `require-trusted-types-for 'script'`. */
function trusted(url: string): string {
  const { trustedTypes } = globalThis as WithTrustedTypes
  if (!trustedTypes) return url
  try {
    policy ??= trustedTypes.createPolicy('fovea', { createScriptURL: own => own })
  } catch {
    throw new Error('does the Content-Security-Policy allow `trusted-types fovea`?')
  }
  return policy.createScriptURL(url)
}
