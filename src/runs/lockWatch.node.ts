/**
 * What a process sees of another's lock file: whether its holder lives. On this machine that is known at once, by the
 * process's number and start. A holder on another machine touches its lock at intervals, and has promised how long it
 * may be silent; a lock that has not moved for that time is left. Only changes count, by the clock of the one who looks:
 * the clocks of machines may differ.
 */
import { readFileSync } from 'node:fs'
import { link, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { isRecord } from '../rules/record.ts'
import { fromJson } from '../train/json.ts'

/** What is known of a lock. */
export type LockSight =
  | { readonly state: 'free' }
  /** The holder is gone. */
  | { readonly state: 'left'; readonly contents: string }
  | {
      readonly state: 'held'
      readonly contents: string
      /** The holder, in words. */
      readonly who: string
      /** False for a holder on another machine that has not moved its lock since the first look. */
      readonly isSure: boolean
    }

/** Looks at one lock file, again and again. */
export class LockWatch {
  readonly path: string
  #seen: string | undefined
  #since = 0
  #hasMoved = false
  readonly #turn: Turn

  constructor(path: string) {
    this.path = path
    this.#turn = new Turn(`${path}-takeover`)
  }

  /** Looks once. */
  async look(): Promise<LockSight> {
    const found = await readLock(this.path)
    if (!found) {
      this.#seen = undefined
      return { state: 'free' }
    }
    const { contents } = found
    const holder = whoHolds(contents, this.path)
    if (!holder) return { state: 'left', contents }
    if (holder.isHere) return { state: 'held', contents, who: holder.who, isSure: true }
    const now = performance.now()
    const seen = `${found.moved} ${contents}`
    if (seen !== this.#seen) {
      // Another holder, or a beat of the same one.
      this.#hasMoved = this.#seen?.endsWith(` ${contents}`) ?? false
      this.#seen = seen
      this.#since = now
    }
    if (holder.timeout !== undefined && now - this.#since > 1000 * holder.timeout) return { state: 'left', contents }
    return { state: 'held', contents, who: holder.who, isSure: this.#hasMoved || holder.timeout === undefined }
  }

  /**
   * Replaces a lock that is left by a file of this process, unless another process was faster. Processes take turns at
   * this: otherwise one that saw the old lock could replace the living lock of a faster process.
   */
  async replace(left: string, mine: string): Promise<boolean> {
    if (!(await this.#turn.take(mine))) return false
    try {
      if ((await readLock(this.path))?.contents !== left) return false
      await rename(mine, this.path)
      return true
    } finally {
      await this.#turn.end()
    }
  }
}

/** The right to replace a lock, by a second file. It takes milliseconds; one that lasts longer was cut by a crash. */
class Turn {
  readonly #path: string
  #seen = ''
  #since = 0

  constructor(path: string) {
    this.#path = path
  }

  async take(mine: string): Promise<boolean> {
    if (await tryLink(mine, this.#path)) return true
    const found = await readLock(this.#path)
    if (found && found.contents !== this.#seen) {
      this.#seen = found.contents
      this.#since = performance.now()
    } else if (found && performance.now() - this.#since > abandonedMilliseconds) await this.end()
    return false
  }

  end(): Promise<void> {
    return rm(this.#path, { force: true })
  }
}

const abandonedMilliseconds = 5_000

/** A hard link appears with its contents or fails because the name is taken: a half-written lock is never visible. */
export async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A server's answer may be lost, and the link made at the first try: then the file has two names.
    if (code === 'EEXIST') return (await stat(from)).nlink > 1
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

/** A lock's contents, and when it was touched; opening it shows its present state, also where files are shared. */
export async function readLock(path: string): Promise<{ contents: string; moved: bigint } | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const { mtimeNs } = await file.stat({ bigint: true })
      return { contents: await file.readFile('utf8'), moved: mtimeNs }
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Stale: another machine has put another file in its place just now.
    if (code === 'ENOENT' || code === 'ESTALE') return undefined
    throw error
  }
}

/** The holder of a lock. */
interface Holder {
  /** In words. */
  readonly who: string
  readonly isHere: boolean
  /** Seconds for which it may be silent, when it says so. */
  readonly timeout: number | undefined
}

/** The fields of a lock; undefined for one that a crash has cut. */
export function lockFields(contents: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const lock = fromJson(contents)
    return isRecord(lock) ? lock : undefined
  } catch {
    return undefined
  }
}

/**
 * Who holds a lock, unless the holder is known to be gone. An unreadable lock file was truncated by a crash, so its
 * holder is gone.
 */
export function whoHolds(contents: string, path: string): Holder | undefined {
  const lock = lockFields(contents)
  if (!lock || typeof lock.pid !== 'number' || !Number.isSafeInteger(lock.pid) || lock.pid <= 0) return undefined
  const { pid, host, started } = lock
  const timeout = typeof lock.timeout === 'number' && lock.timeout > 0 ? lock.timeout : undefined
  if (host !== hostname()) {
    const who = `${dirname(path)}: process ${pid} on ${String(host)} is training in this folder`
    // A version that did not touch its locks may be silent for ever.
    return { who: timeout === undefined ? `${who}; if it is gone, delete ${path}` : who, isHere: false, timeout }
  }
  if (!isAlive(pid)) return undefined
  // Process numbers are reused, in containers after every restart: an equal number with another start time is another
  // process.
  const start = startOf(pid)
  if (start === 'dead' || (start !== undefined && typeof started === 'string' && start !== started)) return undefined
  return { who: `${dirname(path)}: process ${pid} is training in this folder`, isHere: true, timeout }
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
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : fields[19]
  } catch {
    return undefined
  }
}
