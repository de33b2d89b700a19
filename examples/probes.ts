/**
 * How well does each layer of LeNet-5 tell digits apart by a linear classifier alone? `npx tsx examples/probes.ts` trains the network on
 * digits and fits a probe to each of its layers (Alain and Bengio 2016).
 */
import { createEngine } from 'fovea'
import { mnist, subsetOf } from 'fovea/data'
import { Inspector, probeLayers } from 'fovea/inspect'
import { lenet5 } from 'fovea/models'
import { ImageClassifier, normalize } from 'fovea/nn'
import { adam } from 'fovea/optim'
import { Trainer } from 'fovea/train'

const count = Number(process.argv[2] ?? 1000)
const { train, test } = await mnist()
const engine = createEngine({ threads: 1 })
const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(0)
const trainer = new Trainer({
  engine,
  model,
  train: subsetOf(train, 20 * count),
  optimizer: adam(),
  epochs: 2,
  batchSize: 64,
})
for await (const _ of trainer.run());

const labeled = (data: typeof train, from: number) => ({
  images: data.images.subarray(784 * from, 784 * (from + count)),
  labels: data.labels.subarray(from, from + count),
})
const inspector = new Inspector(engine, model, [28, 28, 1])
// Digits that the network was not trained on, and others to judge by.
const [fitted, judged] = [labeled(train, 30_000), labeled(test, 0)]
console.log('layer   numbers  read  fitted   held out')
for (const probe of await probeLayers(inspector, fitted, judged, ['input', 'conv*', 'relu*', 'pool*', 'fc*'], {
  ridge: 0.01,
  mostFeatures: 300,
  tolerance: 1e-4,
})) {
  const { layer, size, features, trainAccuracy, accuracy } = probe
  const [fit, held] = [trainAccuracy, accuracy].map(share => `${(100 * share).toFixed(1)} %`.padStart(7))
  console.log(`${layer.padEnd(10)} ${String(size).padStart(4)}  ${String(features).padStart(4)} ${fit}    ${held}`)
}
await engine.close()
