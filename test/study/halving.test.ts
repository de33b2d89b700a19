import { describe, expect, it } from 'vitest'
import { nextJob, type RungJob, rungEpochs, type TrialState } from '../../src/study/halving.ts'

it('rungs grow by the factor and end with all epochs', () => {
  expect(rungEpochs(1, 9, 3)).toEqual([1, 3, 9])
  expect(rungEpochs(2, 10, 2)).toEqual([2, 4, 8, 10])
  expect(rungEpochs(5, 5, 3)).toEqual([5])
})

describe('nextJob', () => {
  const options = { rungs: 3, factor: 3, most: 9 }
  const at = (...scores: number[]): TrialState => ({ scores, busy: false })
  it('begins trials as long as nothing is to be promoted', () => {
    expect(nextJob([], options)).toEqual({ trial: 0, rung: 0 })
    expect(nextJob([at(0.5), at(0.6)], options)).toEqual({ trial: 2, rung: 0 })
  })
  it('promotes the best third of a rung, and the higher rung first', () => {
    expect(nextJob([at(0.5), at(0.6), at(0.1)], options)).toEqual({ trial: 1, rung: 1 })
    expect(nextJob([at(0.5), at(0.6, 0.7), at(0.1)], options)).toEqual({ trial: 3, rung: 0 })
    const many = [at(0.9, 0.8), at(0.8, 0.9), at(0.7, 0.7), at(0.6), at(0.5), at(0.4), at(0.3), at(0.2), at(0.1)]
    expect(nextJob(many, options)).toEqual({ trial: 1, rung: 2 })
  })
  it('waits for who is busy, and ends', () => {
    const busy: TrialState = { scores: [0.6], busy: true }
    expect(nextJob([at(0.5), busy, at(0.1)], { ...options, most: 3 })).toBeUndefined()
  })
  it('trains n trials for little, and few for long: a whole search', () => {
    const truth = [0.3, 0.9, 0.1, 0.5, 0.7, 0.2, 0.8, 0.4, 0.6]
    const scores: number[][] = truth.map(() => [])
    const jobs: RungJob[] = []
    for (;;) {
      const states = scores.map(list => ({ scores: list, busy: false }))
      const job = nextJob(states, options)
      if (!job) break
      jobs.push(job)
      scores[job.trial]!.push(truth[job.trial]!)
    }
    expect(jobs.filter(({ rung }) => rung === 0)).toHaveLength(9)
    // Nobody waits, so a trial may be promoted that is later overtaken: at least a third, and the best.
    expect(jobs.filter(({ rung }) => rung === 1).length).toBeGreaterThanOrEqual(3)
    expect(jobs.filter(({ rung }) => rung === 2).map(({ trial }) => trial)).toContain(1)
    expect(jobs.length).toBeLessThan(9 + 5 + 3)
  })
})
