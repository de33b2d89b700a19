/**
 * What happens when all weights begin at zero? Every neuron of a layer computes the same, so every neuron gets the same
 * gradient, and they stay equal forever: a layer is worth one neuron. Under ReLU even that one never leaves zero, and the
 * network only learns how frequent the classes are. Random weights break the tie.
 */
import { createEngine } from 'fovea'
import { mnist, subsetOf } from 'fovea/data'
import { flatten, heNormal, linear, normalize, relu, sequential, sigmoid, zeros } from 'fovea/nn'
import { sgd } from 'fovea/optim'
import { Trainer } from 'fovea/train'

const { train, test } = await mnist()
const [learned, scored] = [subsetOf(train, 3000), subsetOf(test, 1000)]
const engine = createEngine({ threads: 1 })
const activations = { relu, sigmoid }
const digits = Array.from(scored.indices, index => test.labels[index])
const mostFrequent = Math.max(...digits.map(digit => digits.filter(other => other === digit).length))
console.log(`always the most frequent digit: ${((100 * mostFrequent) / digits.length).toFixed(1)} % right\n`)
console.log('weights  activation  accuracy  largest difference between hidden neurons')

for (const init of [zeros(), heNormal()]) {
  for (const [name, activation] of Object.entries(activations)) {
    const hidden = linear(784, 50, { init })
    // biome-ignore format: one line
    const model = sequential(
      normalize({ mean: [0.1307], std: [0.3081] }), flatten(), hidden, activation(), linear(50, 10, { init }),
    ).initialize(0)
    const optimizer = sgd({ lr: 0.05, momentum: 0.9 })
    const trainer = new Trainer({ model, engine, optimizer, train: learned, epochs: 2, batchSize: 50 })
    for await (const _ of trainer.run());
    const { accuracy } = await trainer.evaluator.evaluate(scored)
    const difference = spread(hidden.weight.value as Float32Array, 784).toFixed(3)
    const cells = [init.name.padEnd(7), name.padEnd(10), `${(100 * accuracy).toFixed(1)} %`.padStart(8), difference]
    console.log(cells.join('  '))
  }
}
await engine.close()

/** How far apart the weights of two rows of a matrix are at most. */
function spread(weights: Float32Array, columns: number): number {
  return weights.reduce((most, weight, i) => Math.max(most, Math.abs(weight - weights[i % columns])), 0)
}
