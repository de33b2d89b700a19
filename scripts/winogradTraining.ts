/**
 * Whether Winograd's rounding shows in training: ResNet-20 on CIFAR-10 for a few epochs (SGD 0.1, one cycle, crop and flip), with
 * Winograd's algorithm and without, from several seeds. Prints the table of docs/rounding.md.
 *
 *     npx tsx scripts/winogradTraining.ts [--epochs 3] [--seeds 2] [--threads N] [--wide off]
 */
import { parseArgs } from 'node:util'
import { compose, horizontalFlip, randomCrop } from '../src/augment/index.ts'
import { createEngine } from '../src/backends/createEngine.ts'
import type { WideChoice } from '../src/backends/wasm/runtime/wideChoice.ts'
import { cifar10 } from '../src/data/cifar.node.ts'
import { splitDataset, subsetOf } from '../src/data/split.ts'
import { findModel } from '../src/models/index.ts'
import { ImageClassifier } from '../src/nn/imageClassifier.ts'
import { normalize } from '../src/nn/index.ts'
import { oneCycle, sgd } from '../src/optim/index.ts'
import { Trainer } from '../src/train/trainer.ts'

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '3' },
    seeds: { type: 'string', default: '2' },
    threads: { type: 'string' },
    wide: { type: 'string', default: 'off' },
  },
})
const { train } = await cifar10()
const split = splitDataset(subsetOf(train), { validation: 5000, seed: 0 })
const colors = normalize({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] })

console.log('| seed | Winograd | training loss, last epoch | validation loss | validation accuracy | training, s |')
console.log('|---|---|---|---|---|---|')
for (let seed = 0; seed < Number(values.seeds); seed++) {
  for (const winograd of [true, false]) {
    const engine = createEngine({
      winograd,
      wide: values.wide as WideChoice,
      ...(values.threads !== undefined && { threads: Number(values.threads) }),
    })
    const trainer = new Trainer({
      model: new ImageClassifier(colors, findModel('resnet20-cifar').create()).initialize(seed),
      engine,
      ...split,
      augment: compose([randomCrop({ size: 32, padding: 4 }), horizontalFlip()]),
      optimizer: sgd({ lr: 0.1, momentum: 0.9, weightDecay: 1e-4 }),
      schedule: oneCycle(),
      epochs: Number(values.epochs),
      seed,
    })
    let trained = 0
    let score = { loss: 0, accuracy: 0 }
    let seconds = 0
    for await (const event of trainer.run()) {
      if (event.type === 'epoch') trained = event.loss
      if (event.type === 'validation') score = event
      if (event.type === 'done') seconds = event.seconds
    }
    await engine.close()
    const accuracy = (100 * score.accuracy).toFixed(2)
    const losses = `${trained.toFixed(4)} | ${score.loss.toFixed(4)}`
    console.log(`| ${seed} | ${winograd ? 'yes' : 'no'} | ${losses} | ${accuracy} % | ${seconds.toFixed(0)} |`)
  }
}
