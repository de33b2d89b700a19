// npx tsx examples/study.ts: a learning rate by successive halving, judged by cross-validation, and its folds as an ensemble.
import { createEngine } from 'fovea'
import { mnist, splitDataset, subsetOf, type TrainValidation } from 'fovea/data'
import { lenet5 } from 'fovea/models'
import { ImageClassifier, normalize } from 'fovea/nn'
import { constant, sgd } from 'fovea/optim'
import {
  averageOf,
  foldSplit,
  meanAndSpread,
  nextJob,
  parseAxis,
  randomPoint,
  rungEpochs,
  scoreProbabilities,
} from 'fovea/study'
import { Trainer } from 'fovea/train'

const { train, test } = await mnist()
const digits = subsetOf(train, 1500)
const engine = createEngine()

function trainerOf(split: TrainValidation, lr: number, seed: number): Trainer {
  const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(seed)
  const optimizer = sgd({ lr, momentum: 0.9 })
  return new Trainer({ model, engine, optimizer, schedule: constant(), ...split, epochs: 4, batchSize: 32, seed })
}

/** Trains, or goes on training, to the end of an epoch. Returns the accuracy on the images held back. */
async function trainTo(trainer: Trainer, epoch: number): Promise<number> {
  for await (const event of trainer.run())
    if (event.type === 'validation' && event.epoch === epoch) return event.accuracy
  throw new Error(`the run ended before epoch ${epoch}`)
}

// Eight rates: all train for one epoch, the better half of those so far for two, and the best of these for four.
const space = new Map([['lr', parseAxis('log(1e-3, 1)')]])
const rungs = rungEpochs(1, 4, 2)
const split = splitDataset(digits, { validation: 500, seed: 0 })
const trials: { lr: number; trainer: Trainer; scores: number[]; busy: boolean }[] = []
for (;;) {
  const job = nextJob(trials, { rungs: rungs.length, factor: 2, most: 8 })
  if (!job) break
  if (job.trial === trials.length) {
    const lr = Number(randomPoint(space, 0, job.trial).lr)
    trials.push({ lr, trainer: trainerOf(split, lr, 0), scores: [], busy: false })
  }
  const { lr, trainer, scores } = trials[job.trial]!
  const epoch = rungs[job.rung]!
  scores.push(await trainTo(trainer, epoch))
  console.log(`rate ${lr}, epoch ${epoch}: ${(100 * scores.at(-1)!).toFixed(1)} %`)
}
const most = Math.max(...trials.map(({ scores }) => scores.length))
const finalists = trials.filter(({ scores }) => scores.length === most)
const best = finalists.reduce((a, b) => (b.scores.at(-1)! > a.scores.at(-1)! ? b : a))
console.log(`best rate: ${best.lr}`)

// How good it is: every third of the images is held back once.
const look = subsetOf(test, 1000)
const labels = look.indices.map(index => look.dataset.labels[index]!)
const accuracies: number[] = []
const members: { probabilities: Float32Array }[] = []
for (let index = 0; index < 3; index++) {
  const trainer = trainerOf(foldSplit(digits, { of: 3, index, seed: 0 }), best.lr, index)
  accuracies.push(await trainTo(trainer, 4))
  members.push({ probabilities: await trainer.evaluator.probabilities(look) })
}
const { mean, std } = meanAndSpread(accuracies)
console.log(`cross-validated: ${(100 * mean).toFixed(1)} ± ${(100 * std).toFixed(1)} %`)

// The last act: the three networks of the folds, alone and as one, on test images.
for (const [name, probabilities] of [
  ...members.map((member, k) => [`member ${k + 1}`, member.probabilities] as const),
  ['together', averageOf(members)] as const,
]) {
  console.log(
    `${name}: ${(100 * scoreProbabilities(probabilities, labels).accuracy).toFixed(1)} % of 1,000 test images`,
  )
}
await engine.close()
