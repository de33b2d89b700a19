import { createEngine } from 'fovea'
import { mnist, splitDataset, subsetOf } from 'fovea/data'
import { lenet5 } from 'fovea/models'
import { ImageClassifier, normalize } from 'fovea/nn'
import { centralize, chain, clipByMedianNorm, ema, lion, oneCycle, oneCycleMomentum, sgd } from 'fovea/optim'
import { Trainer } from 'fovea/train'

const { train } = await mnist()
const split = splitDataset(subsetOf(train, 3000), { validation: 1000, seed: 0 })
const run = { ...split, epochs: 2, batchSize: 32, schedule: oneCycle() }

const recipes = {
  SGD: { optimizer: sgd({ lr: 0.05, momentum: 0.9 }) },
  'SGD, clipped, no decay on biases, momentum cycled, averaged': {
    optimizer: chain(
      centralize(),
      clipByMedianNorm({ factor: 2 }),
      sgd({ lr: 0.05, momentum: 0.9, weightDecay: 5e-4, decay: 'weights' }),
    ),
    momentum: oneCycleMomentum(),
    average: ema({ decay: 0.98 }),
  },
  'Lion, batches of 16 accumulated to 64': {
    optimizer: lion({ lr: 1e-3, weightDecay: 0.1 }),
    batchSize: 16,
    accumulate: 4,
  },
  'SGD, convolutions frozen': {
    optimizer: sgd({ lr: 0.05, momentum: 0.9, groups: [{ match: 'conv*', frozen: true }] }),
  },
}

for (const [name, recipe] of Object.entries(recipes)) {
  const engine = createEngine()
  const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(0)
  let accuracy = 0
  for await (const event of new Trainer({ model, engine, ...run, ...recipe }).run()) {
    if (event.type === 'validation') accuracy = event.accuracy
  }
  console.log(`${name}: ${(100 * accuracy).toFixed(1)} %`)
  await engine.close()
}
