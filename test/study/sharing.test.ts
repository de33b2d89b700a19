/** Several processes that work on one study, without processes: what is saved is shared, and so are the claims. */
import { describe, expect, it } from 'vitest'
import { type SearchRunner, type SearchTrial, type StrategyOptions, searchSpace } from '../../src/study/search.ts'
import { isSettled, type TrialProgress, trainAll } from '../../src/study/sharing.ts'
import { type Axis, type Point, valueNear } from '../../src/study/space.ts'

const axis: Axis = { kind: 'uniform', low: 0, high: 1 }
const space = new Map([['rate', axis]])
const epochs = 9

interface Trial extends SearchTrial {
  readonly index: number
  readonly epochs: number
}

/** A folder: what is saved of each trial, who has it, and every epoch that was ever trained. */
class Folder {
  readonly saved = new Map<number, TrialProgress>()
  readonly claims = new Map<number, string>()
  readonly trained: string[] = []

  progressOf(index: number): TrialProgress {
    return this.saved.get(index) ?? { scores: [], finished: false }
  }

  /** A process. @param killedAt epochs of all that it trains before it loses a trial once */
  process(name: string, killedAt = Number.POSITIVE_INFINITY): SearchRunner<Trial> & { told: number[] } {
    let count = 0
    const told: number[] = []
    const pause = () => new Promise(resolve => setImmediate(resolve))
    return {
      told,
      epochs,
      make: async (index, point, fewer = epochs) => {
        return { index, point, epochs: fewer, progress: this.progressOf(index), busy: false }
      },
      take: async trial => {
        await pause()
        if (this.claims.has(trial.index)) return false
        this.claims.set(trial.index, name)
        await pause()
        trial.progress = this.progressOf(trial.index)
        return true
      },
      leave: async ({ index }) => {
        this.claims.delete(index)
      },
      look: async trial => {
        trial.busy = this.claims.has(trial.index) && 'elsewhere'
        await pause()
        if (!trial.busy) trial.progress = this.progressOf(trial.index)
      },
      train: async (trial, until = trial.epochs) => {
        const { index, point } = trial
        expect(this.claims.get(index)).toBe(name)
        for (let epoch = this.progressOf(index).scores.length + 1; epoch <= until; epoch++) {
          await pause()
          if (++count === killedAt) break
          this.trained.push(`${index}.${epoch}`)
          const score = { epoch, accuracy: goodnessOf(point) * (1 - 0.5 ** epoch), loss: 1 }
          const { scores } = this.progressOf(index)
          this.saved.set(index, { scores: [...scores, score], finished: epoch === trial.epochs })
        }
        this.claims.delete(index)
        return this.progressOf(index)
      },
      onTrained: ({ index }) => told.push(index),
    }
  }
}

const goodnessOf = (point: Point): number => 1 - Math.abs((point.rate as number) - 0.3)

const options: StrategyOptions = {
  strategy: 'random',
  trials: 12,
  points: 7,
  factor: 3,
  minEpochs: 1,
  stages: 2,
  searchSeed: 0,
  metric: 'accuracy',
  jobs: 2,
}

const resultOf = (trials: readonly Trial[]) => trials.map(({ point, progress }) => ({ point, progress }))

describe.each(['random', 'grid', 'coarse-to-fine', 'asha'] as const)('%s', strategy => {
  it('by three processes trains no epoch twice, and all come to the same', async () => {
    const folder = new Folder()
    const runs = ['a', 'b', 'c'].map(name => searchSpace(space, folder.process(name), { ...options, strategy }, 12))
    const [first, ...others] = (await Promise.all(runs)).map(resultOf)
    expect(new Set(folder.trained).size).toBe(folder.trained.length)
    expect(folder.claims.size).toBe(0)
    for (const other of others) expect(other).toEqual(first)
    if (strategy === 'asha') return
    // Only for successive halving does it matter what is known when a trial is chosen.
    const alone = await searchSpace(space, new Folder().process('a'), { ...options, strategy }, 12)
    expect(first).toEqual(resultOf(alone))
  })

  it('goes on with trials whose process was killed', async () => {
    const folder = new Folder()
    const runs = [7, 3].map((killedAt, k) =>
      searchSpace(space, folder.process(`${k}`, killedAt), { ...options, strategy }, 12),
    )
    const [first, other] = (await Promise.all(runs)).map(resultOf)
    expect(first).toEqual(other)
    expect(new Set(folder.trained).size).toBe(folder.trained.length)
    if (strategy === 'asha') expect(first!.some(({ progress }) => progress.finished)).toBe(true)
    else expect(first!.every(({ progress }) => progress.finished)).toBe(true)
  })
})

it('successive halving passes over trials that early stopping has ended', async () => {
  const folder = new Folder()
  for (let index = 0; index < 12; index++) {
    folder.saved.set(index, { scores: [{ epoch: 1, accuracy: 0.9, loss: 1 }], finished: true })
  }
  await searchSpace(space, folder.process('a'), { ...options, strategy: 'asha' }, 12)
  expect(folder.trained).toEqual([])
})

it('a trial that another process has trained is told of, not trained', async () => {
  const folder = new Folder()
  const runner = folder.process('a')
  const trials = await Promise.all([0, 1].map(index => runner.make(index, { rate: valueNear(axis, 0.5) })))
  folder.saved.set(0, { scores: [], finished: false, failed: 'broken' })
  await trainAll(trials, runner, 1)
  expect(trials.every(isSettled)).toBe(true)
  expect(runner.told).toEqual([0, 1])
  expect(folder.trained.every(epoch => epoch.startsWith('1.'))).toBe(true)
})
