/**
 * Keeps the times of lock files moving, so that other machines see that their holder lives. This is the work of a thread
 * of its own: a step of training may keep the main thread busy for minutes.
 */
import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'

/**
 * Each beat opens the file again: a file system that is shared shows its present state only to those who open it. Time and
 * contents are those of one open file, so that a file that has taken the name meanwhile is never touched.
 */
const source = `
const { closeSync, futimesSync, openSync, readFileSync } = require('node:fs')
const beats = new Map()
function beat(path, contents) {
  let file
  try {
    file = openSync(path, 'r+')
    const now = new Date()
    if (readFileSync(file, 'utf8') === contents) futimesSync(file, now, now)
  } catch {
    // The lock is gone, or the network is for a while: its holder sees to that, and the next beat tries again.
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
require('node:worker_threads').parentPort.on('message', ({ path, contents, every }) => {
  clearInterval(beats.get(path))
  if (every === undefined) beats.delete(path)
  else beats.set(path, setInterval(beat, every, path, contents))
})
`

let worker: Worker | undefined

/**
 * Touches a file at intervals as long as it has these contents.
 * @param every milliseconds
 * @returns what ends it
 */
export function beat(path: string, contents: string, every: number): () => void {
  const file = resolve(path)
  worker ??= startWorker()
  worker.postMessage({ path: file, contents, every })
  return () => worker?.postMessage({ path: file })
}

/** The one thread of this process. It keeps no process alive, and ends with it. */
function startWorker(): Worker {
  const started = new Worker(source, { eval: true, name: 'fovea locks', execArgv: [] })
  started.unref()
  // Without beats a lock looks left after a while, which its holder notices before it writes.
  started.on('error', () => {
    worker = undefined
  })
  return started
}
