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
