/** Runs jobs concurrently, a limited number at a time. */

/**
 * Runs jobs concurrently until there are no more. `next` is called again whenever a job ends.
 * @param jobs the most jobs that run at the same time
 * @throws the first error of a job, after all running jobs have ended
 */
export async function workOn<J>(
  jobs: number,
  next: () => J | undefined,
  work: (job: J) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  const errors: unknown[] = []
  for (;;) {
    while (running.size < jobs && errors.length === 0) {
      const job = next()
      if (job === undefined) break
      const task: Promise<void> = work(job)
        .catch(error => {
          errors.push(error)
        })
        .finally(() => running.delete(task))
      running.add(task)
    }
    if (running.size === 0) break
    await Promise.race(running)
  }
  if (errors.length > 0) throw errors[0]
}
