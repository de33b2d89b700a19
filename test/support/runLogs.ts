/** Run folders with made-up logs. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { TrainEvent } from '../../src/train/events.ts'
import { toJson } from '../../src/train/json.ts'

const origin = Date.UTC(2026, 5, 3, 12)

/** The line of an event that was logged so many milliseconds after a run began. */
export const logLine = (event: TrainEvent, after: number): string =>
  `${toJson({ time: new Date(origin + after).toISOString(), ...event })}\n`

/** The first line. */
export const startLine = (epochs = 2, stepsPerEpoch = 100): string =>
  logLine(
    {
      type: 'start',
      epochs,
      stepsPerEpoch,
      step: 0,
      trainSamples: 1000,
      validationSamples: 100,
      parameters: 10,
      engine: { backend: 'wasm', detail: '2 threads' },
      arenaBytes: 1000,
    },
    0,
  )

/** The loss and the accuracy of a step: a fall with a saw in it, other ones for other runs. */
export const lossOf = (step: number, run = 0): number => 2.3 / (1 + step / (40 + 10 * run)) + (step % 7) / 100
export const accuracyOf = (step: number, run = 0): number => Math.round(64 * (1 - lossOf(step, run) / 2.5)) / 64

/** The lines of steps from one to another, a tenth of a second each. */
export function stepLines(from: number, to: number, run = 0, stepsPerEpoch = 100): string {
  let text = ''
  for (let step = from; step <= to; step++) {
    const epoch = Math.ceil(step / stepsPerEpoch)
    const [loss, accuracy] = [lossOf(step, run), accuracyOf(step, run)]
    text += logLine({ type: 'step', step, epoch, loss, accuracy, learningRate: 0.05, imagesPerSecond: 640 }, 100 * step)
  }
  return text
}

/** The line of a score after an epoch. */
export const scoreLine = (epoch: number, accuracy: number, stepsPerEpoch = 100): string =>
  logLine(
    { type: 'validation', epoch, step: epoch * stepsPerEpoch, loss: 1 - accuracy, accuracy, samples: 100 },
    100 * epoch * stepsPerEpoch + 50,
  )

/** A run's recipe, as far as the Lab reads it. */
export const recipe = (more: object = {}): object => ({
  fovea: '0.1.0',
  model: { name: 'lenet5' },
  data: { name: 'mnist' },
  seed: 0,
  optimizer: { name: 'sgd', lr: 0.05, momentum: 0.9 },
  ...more,
})

/** Makes a run folder. @returns its path */
export function makeRun(root: string, name: string, log: string, ownRecipe: object = recipe()): string {
  const path = join(root, name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'events.jsonl'), log)
  writeFileSync(join(path, 'recipe.json'), JSON.stringify(ownRecipe))
  return path
}

/** Appends to a run's log. */
export const appendLog = (path: string, text: string): void => appendFileSync(join(path, 'events.jsonl'), text)

/** Marks a run as one that this process trains. */
export const lockRun = (path: string, pid = process.pid, host: string | undefined = undefined): void =>
  writeFileSync(join(path, 'lock'), JSON.stringify({ pid, host: host ?? hostname(), token: 'test' }))

/** Fields that {@link makeSearch} searches. */
const space = {
  'optimizer.lr': { kind: 'log', low: 1e-4, high: 1 },
  batchSize: { kind: 'choice', values: [32, 64, 128] },
  'optimizer.weightDecay': { kind: 'log', low: 1e-6, high: 1e-2 },
  'model.dropout': { kind: 'uniform', low: 0, high: 0.5 },
}

/** The point of a trial of {@link makeSearch}, and its accuracy: highest near a rate of 0.03. */
export function madeTrial(k: number) {
  // Multiples of irrational numbers are spread evenly.
  const share = (factor: number): number => (k * factor) % 1
  const lr = 10 ** (-4 + 4 * share(0.618034))
  const [decay, dropout] = [10 ** (-6 + 4 * share(0.414214)), 0.5 * share(0.732051)]
  const accuracy = 0.99 - 0.06 * (Math.log10(lr) + 1.5) ** 2 - 0.1 * (dropout - 0.2) ** 2
  return { lr, batchSize: [32, 64, 128][k % 3]!, decay, dropout, accuracy }
}

/** Makes a search with trials that have ended, each a run of one epoch of ten steps. @returns the path of trial k, from 1 */
export function makeSearch(root: string, name: string, trials: number, metric = 'accuracy'): (k: number) => string {
  mkdirSync(join(root, name, 'trials'), { recursive: true })
  const study = { kind: 'search', recipe: recipe(), space, strategy: 'random', metric, searchSeed: 0, trials }
  writeFileSync(join(root, name, 'study.json'), JSON.stringify(study))
  const nameOf = (k: number): string => `${name}/trials/t${String(k).padStart(3, '0')}`
  for (let k = 1; k <= trials; k++) {
    const { lr, batchSize, decay, dropout, accuracy } = madeTrial(k)
    const own = recipe({
      model: { name: 'lenet5', dropout },
      batchSize,
      optimizer: { name: 'sgd', lr, momentum: 0.9, weightDecay: decay },
    })
    makeRun(root, nameOf(k), startLine(1, 10) + stepLines(1, 10, k % 5, 10) + scoreLine(1, accuracy, 10), own)
  }
  return k => join(root, nameOf(k))
}
