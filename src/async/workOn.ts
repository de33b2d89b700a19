/** Runs jobs concurrently, a limited number at a time. */

/** What `next` of {@link workOn} returns when there is no job now, and there may be one that no running job brings. */
export const later = Symbol('later')

/** Milliseconds until `next` is asked again after it said `later`. */
const pause = 1000

/**
 * Runs jobs concurrently until there are no more. `next` is called again whenever a job ends, and after a second when it
 * said {@link later}.
 * @param jobs the most jobs that run at the same time
 * @throws the first error of a job or of `next`, after all running jobs have ended
 */
export async function workOn<J>(
  jobs: number,
  next: () => J | undefined | typeof later | Promise<J | undefined | typeof later>,
  work: (job: J) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  const errors: unknown[] = []
  for (;;) {
    let isWaiting = false
    while (running.size < jobs && errors.length === 0) {
      const job = await Promise.resolve()
        .then(next)
        .catch(error => {
          errors.push(error)
        })
      isWaiting = job === later
      if (job === undefined || job === later) break
      const task: Promise<void> = work(job)
        .catch(error => {
          errors.push(error)
        })
        .finally(() => running.delete(task))
      running.add(task)
    }
    if (running.size === 0 && !isWaiting) break
    await waitFor(running, isWaiting && errors.length === 0)
  }
  if (errors.length > 0) throw errors[0]
}

/** Waits until one of some jobs ends, or also for a pause. */
async function waitFor(running: ReadonlySet<Promise<void>>, withPause: boolean): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const paused = new Promise<void>(resolve => {
    if (withPause) timer = setTimeout(resolve, pause)
  })
  await Promise.race([...running, paused])
  clearTimeout(timer)
}
