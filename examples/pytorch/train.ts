import { createEngine } from 'fovea'
import { mnist, splitDataset, subsetOf } from 'fovea/data'
import { lenet5 } from 'fovea/models'
import { crossEntropy, ImageClassifier, normalize } from 'fovea/nn'
import { oneCycle, sgd } from 'fovea/optim'
import { Trainer } from 'fovea/train'

const { train } = await mnist()
const engine = createEngine()
const trainer = new Trainer({
  engine,
  model: new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(0),
  ...splitDataset(subsetOf(train, 12_000), { validation: 2000, seed: 0 }),
  loss: crossEntropy({ labelSmoothing: 0.1 }),
  optimizer: sgd({ lr: 0.05, momentum: 0.9, weightDecay: 5e-4 }),
  schedule: oneCycle(),
  epochs: 3,
  batchSize: 64,
})
for await (const event of trainer.run()) {
  if (event.type === 'validation') console.log(`epoch ${event.epoch}: ${(100 * event.accuracy).toFixed(1)} %`)
}
await engine.close()
