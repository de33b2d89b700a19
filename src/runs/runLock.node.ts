/**
 * One process at a time trains in a run folder: a lock file says which. The lock of a process that no longer exists,
 * because it was killed or its machine crashed, is taken over.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writing } from '../data/fileError.node.ts'
import { isRecord } from '../rules/record.ts'
import { fromJson } from '../train/json.ts'

/** Thrown when another process holds the lock, or this one has lost it. */
export class RunLockError extends Error {
  override readonly name = 'RunLockError'
}

/** A lock held by this process. */
export class RunLock {
  readonly #path: string
  readonly #contents: string

  private constructor(path: string, contents: string) {
    this.#path = path
    this.#contents = contents
  }

  /**
   * Takes the lock.
   *
   * @param path of the lock file
   * @param patience how long to wait for a living process to release it, in milliseconds; 0 by default
   * @throws RunLockError when a living process, or one on another machine, holds it; FileError when it cannot be
   * written.
   */
  static async acquire(path: string, patience = 0): Promise<RunLock> {
    const token = randomBytes(8).toString('hex')
    const contents = `${JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid), token })}\n`
    const mine = `${path}-${token}`
    await writing(path, () => writeFile(mine, contents, { flag: 'wx' }))
    const started = performance.now()
    const waited = () => performance.now() - started
    try {
      while (waited() < patience + mostMilliseconds) {
        if (await tryLink(mine, path)) return new RunLock(path, contents)
        const holder = await read(path)
        if (holder === undefined) continue
        const living = livingHolder(holder, path)
        if (living !== undefined && waited() >= patience) throw new RunLockError(living)
        if (living === undefined && (await replaceDead(path, holder, mine))) return new RunLock(path, contents)
        await sleep(turnMilliseconds)
      }
      throw new RunLockError(`${path}: several processes want this lock at once, try again`)
    } finally {
      await rm(mine, { force: true })
      await removeAbandoned(path)
    }
  }

  /** @throws RunLockError when the lock file no longer belongs to this process. */
  async verify(): Promise<void> {
    if ((await read(this.#path)) !== this.#contents) {
      throw new RunLockError(`${this.#path}: was removed or taken over by another process; this one stops writing`)
    }
  }

  /** Releases the lock. */
  async release(): Promise<void> {
    if ((await read(this.#path)) === this.#contents) await rm(this.#path, { force: true })
  }
}

/** Whether a process trains in a folder: `held` by one that lives or is on another machine, `left` behind by one that is gone. */
export async function lockState(path: string): Promise<'free' | 'held' | 'left'> {
  const holder = await read(path)
  if (holder === undefined) return 'free'
  return livingHolder(holder, path) === undefined ? 'left' : 'held'
}

const turnMilliseconds = 10
const abandonedMilliseconds = 5_000
/** Long enough to outlast an abandoned turn. */
const mostMilliseconds = 10_000

/** A hard link appears with its contents or fails because the name is taken: a half-written lock is never visible. */
async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    // Without hard links, exclusive creation is the next best.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EOPNOTSUPP') throw error
    try {
      await writeFile(to, await readFile(from), { flag: 'wx' })
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    }
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Replaces a dead lock by ours, unless another process was faster. Processes take turns at this, by a second file:
 * otherwise one that saw the dead lock could replace the live lock of a faster process.
 */
async function replaceDead(path: string, dead: string, mine: string): Promise<boolean> {
  const turn = `${path}-takeover`
  if (!(await tryLink(mine, turn))) {
    // A turn takes milliseconds; one that lasts longer was interrupted by a crash.
    const since = await stat(turn).catch(() => undefined)
    if (since && Date.now() - since.ctimeMs > abandonedMilliseconds) await rm(turn, { force: true })
    return false
  }
  try {
    if ((await read(path)) !== dead) return false
    await rename(mine, path)
    return true
  } finally {
    await rm(turn, { force: true })
  }
}

/** Removes the files left beside the lock by processes that were killed while waiting for it. */
async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path)
  const prefix = `${basename(path)}-`
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{16}$/.test(name.slice(prefix.length))) continue
    const file = join(folder, name)
    const contents = await read(file)
    // An empty one may be about to be written.
    if (contents && livingHolder(contents, path) === undefined) await rm(file, { force: true })
  }
}

/**
 * Who holds the lock, in words, unless the holder is known to be gone. An unreadable lock file was truncated by a
 * crash, so its holder is gone.
 */
function livingHolder(holder: string, path: string): string | undefined {
  let lock: unknown
  try {
    lock = fromJson(holder)
  } catch {
    return undefined
  }
  if (!isRecord(lock) || typeof lock.pid !== 'number' || !Number.isSafeInteger(lock.pid) || lock.pid <= 0) {
    return undefined
  }
  const { pid, host, started } = lock
  if (host !== hostname()) {
    return `${dirname(path)}: process ${pid} on ${String(host)} is training in this folder; if it is gone, delete ${path}`
  }
  if (!isAlive(pid)) return undefined
  // Process numbers are reused, in containers after every restart: an equal number with another start time is another
  // process.
  const start = startOf(pid)
  if (start === 'dead' || (start !== undefined && typeof started === 'string' && start !== started)) return undefined
  return `${dirname(path)}: process ${pid} is training in this folder`
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * When a process started, in the system's own units; `dead` for one that has ended but is still listed because its
 * parent has not waited for it; undefined when this cannot be known. Fields 3 and 22 of /proc/PID/stat, see proc(5).
 */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : fields[19]
  } catch {
    return undefined
  }
}
