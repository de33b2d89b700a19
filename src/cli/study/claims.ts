/**
 * The trials that this process has taken. Several processes may work on one study, on any machines that share its folder:
 * each takes a trial before it trains it. A claim is a lock, so that of a process that is gone is taken over.
 */
import { LockWatch } from '../../runs/lockWatch.node.ts'
import { RunLock, RunLockError } from '../../runs/runLock.node.ts'
import { claimOf } from './trialFiles.ts'

/** Claims of this process, by the run folders of the trials. */
export class Claims {
  readonly #held = new Map<string, RunLock>()
  readonly #watches = new Map<string, LockWatch>()

  /** Takes a trial. @returns false while another process has it */
  async take(run: string): Promise<boolean> {
    const watch = this.#watchOf(run)
    if ((await watch.look()).state === 'held') return false
    try {
      this.#held.set(run, await RunLock.acquire(claimOf(run), { watch }))
      return true
    } catch (error) {
      if (error instanceof RunLockError) return false
      throw error
    }
  }

  /** Gives a trial back. */
  async leave(run: string): Promise<void> {
    const claim = this.#held.get(run)
    this.#held.delete(run)
    await claim?.release()
  }

  /** Whether a trial that was taken still is: another machine takes it over when this one has been silent for too long. */
  async isHeld(run: string): Promise<boolean> {
    return this.#held
      .get(run)!
      .verify()
      .then(
        () => true,
        () => false,
      )
  }

  /** Whether another process has taken a trial. */
  async isElsewhere(run: string): Promise<boolean> {
    return !this.#held.has(run) && (await this.#watchOf(run).look()).state === 'held'
  }

  /** The token of the claim on a trial that was taken. */
  tokenOf(run: string): string {
    return this.#held.get(run)!.token
  }

  /** One for each trial: it takes several looks to know that a process on another machine is gone. */
  #watchOf(run: string): LockWatch {
    const watch = this.#watches.get(run) ?? new LockWatch(claimOf(run))
    this.#watches.set(run, watch)
    return watch
  }
}
