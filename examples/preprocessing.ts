// npx tsx examples/preprocessing.ts: digits as 40 whitened numbers, and a model that brings its preprocessing along.
import { createEngine } from 'fovea'
import { fitWhitening, mnist, splitDataset, subsetOf } from 'fovea/data'
import { linear, relu, sequential, whiten } from 'fovea/nn'
import { adamW, oneCycle } from 'fovea/optim'
import { Evaluator, Trainer } from 'fovea/train'

const { train, test } = await mnist()
const split = splitDataset(subsetOf(train, 5000), { validation: 1000, seed: 0 })
const layers = () => [linear(40, 100), relu(), linear(100, 10)] as const

// Fitted on the training split alone: the 40 directions of largest variance, each with variance 1.
const fitted = await fitWhitening(split.train, { kind: 'pca-whitening', components: 40 })
const model = sequential(whiten(fitted), ...layers()).initialize(0) // bytes → N × 40 → N × 10
const engine = createEngine()
const optimizer = adamW({ lr: 0.003, weightDecay: 0.1 })
const trainer = new Trainer({ model, engine, ...split, optimizer, schedule: oneCycle(), epochs: 5, batchSize: 64 })
for await (const event of trainer.run()) {
  if (event.type === 'validation') console.log(`epoch ${event.epoch}: ${(100 * event.accuracy).toFixed(1)} %`)
}
const { accuracy } = await trainer.evaluator.evaluate(subsetOf(test))

// Whoever takes the weights has the numbers too: mean and directions are buffers of the first layer.
const same = sequential(whiten({ kind: 'pca-whitening', shape: [1, 28, 28], components: 40 }), ...layers())
for (const [path, variable] of same.variables()) variable.value.set(model.variables().get(path)!.value)
const again = await new Evaluator(engine, same, [28, 28, 1]).evaluate(subsetOf(test))
console.log(`test accuracy ${accuracy}, with the weights alone ${again.accuracy}`)
await engine.close()
