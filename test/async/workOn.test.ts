/** Jobs that run at once, where other processes may bring some. */
import { expect, it, vi } from 'vitest'
import { later, workOn } from '../../src/async/workOn.ts'

it('runs all jobs, no more than a number of them at once', async () => {
  const left = [1, 2, 3, 4, 5]
  const done: number[] = []
  let [running, most] = [0, 0]
  await workOn(
    2,
    () => left.shift(),
    async job => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setImmediate(resolve))
      running--
      done.push(job)
    },
  )
  expect(done).toEqual([1, 2, 3, 4, 5])
  expect(most).toBe(2)
})

it('asks again later, also while no job of its own runs', async () => {
  vi.useFakeTimers()
  try {
    const answers = [later, 'a', later, later, 'b', undefined] as const
    let asked = 0
    const done: string[] = []
    const over = workOn(
      1,
      async () => answers[asked++],
      async job => {
        done.push(job)
      },
    )
    await vi.runAllTimersAsync()
    await over
    expect(done).toEqual(['a', 'b'])
    expect(asked).toBe(answers.length)
  } finally {
    vi.useRealTimers()
  }
})

it('throws the first error, of a job or of what brings them, after the others have ended', async () => {
  const done: number[] = []
  const left = [1, 2, 3]
  const failing = workOn(
    2,
    () => left.shift(),
    async job => {
      if (job === 1) throw new Error('one')
      await Promise.resolve()
      done.push(job)
    },
  )
  await expect(failing).rejects.toThrow('one')
  expect(done).toEqual([2])
  const next = async (): Promise<number> => {
    throw new Error('none')
  }
  await expect(workOn(1, next, async () => undefined)).rejects.toThrow('none')
})
