/**
 * One process at a time trains in a run folder: a lock file says which. The lock of a process that no longer exists,
 * because it was killed or its machine crashed, is taken over; `lockWatch.node.ts` says how that is known.
 */
import { randomBytes } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writing } from '../data/fileError.node.ts'
import { beat } from './heartbeat.node.ts'
import { LockWatch, readLock, startOf, tryLink, whoHolds } from './lockWatch.node.ts'

/** Thrown when another process holds the lock, or this one has lost it. */
export class RunLockError extends Error {
  override readonly name = 'RunLockError'
}

/** Options of {@link RunLock.acquire}. */
export interface LockOptions {
  /** How long to wait for a living process to release it, in milliseconds; 0 by default. */
  readonly patience?: number
  /** What the lock is held for; stored in it. */
  readonly purpose?: string
  /**
   * What has been seen of the lock so far. With it, a holder on another machine of which nothing is known yet counts as
   * living; without it, `acquire` waits until it is known.
   */
  readonly watch?: LockWatch
}

/** A lock held by this process. */
export class RunLock {
  /** Random: no other lock has it. */
  readonly token: string
  readonly #path: string
  readonly #contents: string
  readonly #endBeats: () => void

  private constructor(path: string, token: string, contents: string, timeout: number) {
    this.token = token
    this.#path = path
    this.#contents = contents
    this.#endBeats = beat(path, contents, (1000 * timeout) / beatsPerTimeout)
  }

  /**
   * Takes the lock.
   *
   * @param path of the lock file
   * @throws RunLockError when a living process holds it, or one on another machine that does not say how long it may be
   * silent; FileError when it cannot be written.
   */
  static async acquire(path: string, options: LockOptions = {}): Promise<RunLock> {
    const { patience = 0, purpose, watch = new LockWatch(path) } = options
    const token = randomBytes(8).toString('hex')
    const timeout = lockTimeout()
    const holder = { pid: process.pid, host: hostname(), started: startOf(process.pid), token, timeout, purpose }
    const contents = `${JSON.stringify(holder)}\n`
    const mine = `${path}-${token}`
    const started = performance.now()
    /** Since when nobody holds it. */
    let free = started
    try {
      for (;;) {
        const sight = await watch.look()
        const now = performance.now()
        if (sight.state === 'held') {
          const isKnown = sight.isSure || options.watch !== undefined
          if (isKnown && now - started >= patience) throw new RunLockError(sight.who)
          await sleep(lookMilliseconds)
          free = performance.now()
          continue
        }
        await writing(path, () => writeOnce(mine, contents))
        const isTaken = sight.state === 'free' ? await tryLink(mine, path) : await watch.replace(sight.contents, mine)
        if (isTaken) return new RunLock(path, token, contents, timeout)
        if (now - free > mostMilliseconds) {
          throw new RunLockError(`${path}: several processes want this lock at once, try again`)
        }
        await sleep(turnMilliseconds)
      }
    } finally {
      await rm(mine, { force: true })
      await removeAbandoned(path)
    }
  }

  /** @throws RunLockError when the lock file no longer belongs to this process. */
  async verify(): Promise<void> {
    if ((await readLock(this.#path))?.contents !== this.#contents) {
      throw new RunLockError(`${this.#path}: was removed or taken over by another process; this one stops writing`)
    }
  }

  /** Releases the lock. */
  async release(): Promise<void> {
    this.#endBeats()
    if ((await readLock(this.#path))?.contents === this.#contents) await rm(this.#path, { force: true })
  }
}

/** Whether a process trains in a folder: `held` by one that lives or is on another machine, `left` behind by one that is gone. */
export const lockState = async (path: string): Promise<'free' | 'held' | 'left'> =>
  (await new LockWatch(path).look()).state

const turnMilliseconds = 10
const lookMilliseconds = 50
/** Long enough to outlast an abandoned turn. */
const mostMilliseconds = 10_000
/** A network may lose some. */
const beatsPerTimeout = 9

/** Seconds for which the locks of this process may stand still before others take it for gone: FOVEA_LOCK_TIMEOUT, or 90. */
function lockTimeout(): number {
  const given = process.env.FOVEA_LOCK_TIMEOUT ?? ''
  const seconds = given === '' ? 90 : Number(given)
  if (seconds >= 1 && seconds <= 86_400) return seconds
  throw new RunLockError(`FOVEA_LOCK_TIMEOUT (=${given}) must be a number of seconds from 1 to 86400`)
}

async function writeOnce(path: string, contents: string): Promise<void> {
  await writeFile(path, contents, { flag: 'wx' }).catch(error => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  })
}

/** Removes the files left beside the lock by processes that were killed while waiting for it. */
async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path)
  const prefix = `${basename(path)}-`
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{16}$/.test(name.slice(prefix.length))) continue
    const file = join(folder, name)
    const found = await readLock(file)
    // An empty one may be about to be written.
    if (found?.contents && whoHolds(found.contents, path) === undefined) await rm(file, { force: true })
  }
}
