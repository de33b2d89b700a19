import { createEngine } from 'fovea'
import { mnist, splitDataset, subsetOf } from 'fovea/data'
import { conv2d, flatten, linear, maxPool2d, normalize, relu, sequential } from 'fovea/nn'
import { oneCycle, sgd } from 'fovea/optim'
import { Trainer } from 'fovea/train'

const { train, test } = await mnist()
const split = splitDataset(subsetOf(train, 6000), { validation: 1000, seed: 0 })
// biome-ignore format: one line a stage
const model = sequential(
  normalize({ mean: [0.1307], std: [0.3081] }), // bytes → N × 1 × 28 × 28
  conv2d(1, 6, 5, { padding: 2 }), relu(), maxPool2d(2), // N × 6 × 14 × 14
  conv2d(6, 16, 5), relu(), maxPool2d(2), flatten(), // N × 400
  linear(400, 120), relu(), linear(120, 84), relu(), linear(84, 10),
).initialize(0)

const engine = createEngine()
const optimizer = sgd({ lr: 0.05, momentum: 0.9 })
const trainer = new Trainer({ model, engine, optimizer, schedule: oneCycle(), ...split, epochs: 3, batchSize: 64 })
for await (const event of trainer.run()) if (event.type === 'validation') console.log(event.epoch, event.accuracy)
console.log('test accuracy', (await trainer.evaluator.evaluate(subsetOf(test))).accuracy)
await engine.close()
