import { describe, expect, it } from 'vitest'
import { bootstrapIndices, foldSplit } from '../../src/study/folds.ts'
import { averageOf, meanAndSpread, scoreAnswers, scoreProbabilities, voteOf } from '../../src/study/vote.ts'

const member = (...probabilities: number[]) => ({ probabilities: Float32Array.from(probabilities) })

describe('an ensemble', () => {
  // Two images, three classes.
  const members = [
    member(0.6, 0.3, 0.1, 0.1, 0.5, 0.4),
    member(0.6, 0.4, 0.0, 0.1, 0.1, 0.8),
    member(0.0, 1.0, 0.0, 0.4, 0.5, 0.1),
  ]
  it('averages probabilities', () => {
    const mean = averageOf(members)
    const expected = [0.4, 1.7 / 3, 0.1 / 3, 0.2, 1.1 / 3, 1.3 / 3]
    expected.forEach((value, i) => {
      expect(mean[i]).toBeCloseTo(value, 6)
    })
  })
  it('votes: the majority, against the mean', () => {
    expect([...voteOf(members, 3)]).toEqual([0, 1])
  })
  it('breaks ties by the mean', () => {
    expect([...voteOf([member(0.6, 0.4), member(0.1, 0.9)], 2)]).toEqual([1])
  })
  it('is scored by cross-entropy and right answers', () => {
    const score = scoreProbabilities(Float32Array.from([0.5, 0.5, 0.25, 0.75]), [0, 1])
    expect(score).toMatchObject({ accuracy: 1, right: 2 })
    expect(score.loss).toBeCloseTo(-(Math.log(0.5) + Math.log(0.75)) / 2, 6)
    expect(scoreAnswers([1, 2, 3], [1, 0, 3])).toEqual({ accuracy: 2 / 3, right: 2 })
  })
  it('refuses members with answers to other images', () => {
    expect(() => averageOf([member(1), member(0.5, 0.5)])).toThrow('the same images')
    expect(() => averageOf([])).toThrow(RangeError)
  })
})

it('meanAndSpread: n − 1', () => {
  expect(meanAndSpread([1, 2, 3, 4])).toEqual({ mean: 2.5, std: Math.sqrt(5 / 3) })
  expect(meanAndSpread([7])).toEqual({ mean: 7, std: 0 })
})

describe('foldSplit', () => {
  const labels = Int32Array.from({ length: 103 }, (_, k) => (k < 20 ? 1 : 0))
  const dataset = { name: 'numbers', labels, shape: [1, 1, 1] as const, classes: ['a', 'b'] }
  const whole = { dataset, indices: Int32Array.from({ length: 103 }, (_, k) => k) }
  const folds = Array.from({ length: 5 }, (_, index) => foldSplit(whole, { of: 5, index, seed: 0 }))
  it('holds every image back exactly once', () => {
    const held = folds.flatMap(({ validation }) => [...validation.indices]).sort((a, b) => a - b)
    expect(held).toEqual([...whole.indices])
    for (const { train, validation } of folds) {
      expect(train.indices.length + validation.indices.length).toBe(103)
      expect(validation.indices.length).toBeGreaterThanOrEqual(20)
      expect(validation.indices.length).toBeLessThanOrEqual(21)
    }
  })
  it('gives every fold its share of every class', () => {
    for (const { validation } of folds) {
      expect(validation.indices.filter(index => labels[index] === 1).length).toBe(4)
    }
  })
  it('refuses folds that are none', () => {
    expect(() => foldSplit(whole, { of: 5, index: 5, seed: 0 })).toThrow('numbers: there is no fold 5 of 5')
    expect(() => foldSplit(whole, { of: 104, index: 0, seed: 0 })).toThrow('expected 2 to as many as images')
  })
})

it('bootstrapIndices draws with replacement: 1 − 1/e of the images', () => {
  const indices = Int32Array.from({ length: 5000 }, (_, k) => k + 10)
  const drawn = bootstrapIndices(indices, 3)
  expect(drawn).toHaveLength(5000)
  // Standard deviation of the share about 0.44 %.
  expect(Math.abs(new Set(drawn).size / 5000 - (1 - 1 / Math.E))).toBeLessThan(0.02)
  expect(drawn).toEqual(bootstrapIndices(indices, 3))
  expect(drawn).not.toEqual(bootstrapIndices(indices, 4))
})
