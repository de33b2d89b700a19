/**
 * A network with a layer of one's own on a data set of one's own: `npx tsx examples/extend/train.ts` prints what it gets
 * right of 200 new pictures.
 */
import { createEngine } from 'fovea'
import { subsetOf } from 'fovea/data'
import { conv2d, flatten, linear, maxPool2d, normalize, relu, sequential } from 'fovea/nn'
import { adam } from 'fovea/optim'
import { Evaluator, Trainer } from 'fovea/train'
import { layerScale } from './layerScale.ts'
import { shapes } from './shapes.ts'

const engine = createEngine()
const model = sequential(
  normalize({ mean: [0.25], std: [0.3] }),
  conv2d(1, 8, 5),
  relu(),
  layerScale(8, 0.5),
  maxPool2d(4),
  flatten(),
  linear(8 * 4 * 4, 2),
).initialize(0)

const train = shapes(800, 0)
const trainer = new Trainer({
  engine,
  model,
  train: subsetOf(train),
  optimizer: adam({ lr: 3e-3 }),
  epochs: 6,
  batchSize: 32,
})
for await (const event of trainer.run()) {
  if (event.type === 'step' && event.step % 50 === 0) console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`)
}
const { accuracy } = await new Evaluator(engine, model, train.shape).evaluate(subsetOf(shapes(200, 1)))
console.log(`right: ${(100 * accuracy).toFixed(1)} % of 200 new pictures`)
await engine.close()
