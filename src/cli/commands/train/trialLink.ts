/**
 * The process of a trial, and how it knows that its study wants it: by the claim beside its run folder. It trains as long
 * as the claim is the one that it was started with and is held by a process that lives. This works behind any launcher,
 * and on any machine that shares the folder; signals and open channels do not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { LockWatch, lockFields, readLock } from '../../../runs/lockWatch.node.ts'
import { RunLock, RunLockError } from '../../../runs/runLock.node.ts'
import { claimOf, failureOf, processOf } from '../../study/trialFiles.ts'
import { describeError, exitCodes, InterruptError, UsageError } from '../../terminal/errors.ts'

/** Milliseconds between two looks at the claim. */
const lookEvery = 1000
/** Longest time that a trial waits for an earlier process of it to save and end, in milliseconds. */
const patience = 600_000

/**
 * Trains a trial as long as its study wants it; an error of the training is stored for the study.
 * @param run the trial's run folder
 * @param token of the claim
 * @returns the exit code
 * @throws UsageError when a launcher has started several processes for one trial.
 */
export async function asTrial(run: string, token: string, train: () => Promise<number>): Promise<number> {
  const claim = new LockWatch(claimOf(run))
  const isWanted = async (): Promise<boolean> => {
    const sight = await claim.look()
    return sight.state === 'held' && lockFields(sight.contents)?.token === token
  }
  if (!(await isWanted())) return exitCodes.SIGHUP
  const over = new AbortController()
  const watching = watch(isWanted, over.signal)
  try {
    const lock = await onlyProcess(run, token)
    try {
      return await train()
    } catch (error) {
      // Who stops it, or trains in its folder, is not the trial's failure.
      const isOwn = !(error instanceof InterruptError || error instanceof RunLockError)
      if (isOwn && (await isWanted())) {
        await writeAtomic(failureOf(run), `${describeError(error, false)}\n`)
      }
      throw error
    } finally {
      await lock.release()
    }
  } finally {
    over.abort()
    await watching
  }
}

/** Looks at the claim until it is no longer wanted: then the run is saved, as if a terminal had hung up. */
async function watch(isWanted: () => Promise<boolean>, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await sleep(lookEvery, undefined, { signal: over }).catch(() => undefined)
    // A network may fail for a while; the claim is then as it was.
    if (over.aborted || (await isWanted().catch(() => true))) continue
    // What listens saves and ends; before there is something to save, nothing does.
    if (!process.emit('disconnect')) process.exit(exitCodes.SIGHUP)
    return
  }
}

/** Makes this the only process of a trial, after an earlier one, of a study that was killed, has saved and ended. */
async function onlyProcess(run: string, token: string): Promise<RunLock> {
  const path = processOf(run)
  const started = performance.now()
  for (;;) {
    try {
      return await RunLock.acquire(path, { purpose: token })
    } catch (error) {
      if (!(error instanceof RunLockError)) throw error
      const other = await readLock(path)
      if (other && lockFields(other.contents)?.purpose === token) {
        throw new UsageError(
          `${run}: the launcher started several processes for one trial; it must start one (srun -n1)`,
        )
      }
      if (performance.now() - started > patience) throw error
      await sleep(lookEvery)
    }
  }
}
