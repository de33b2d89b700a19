/** Jobs that are worked on some at a time. */

/**
 * Works on jobs, some at the same time, until none is left. `next` is asked again after every job that ends.
 * @param jobs most jobs at the same time
 * @throws the first error of a job, when the others have ended
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
