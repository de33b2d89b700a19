/**
 * What each piece of the lectures' advice is worth, measured: one small network on 10,000 images of CIFAR-10, trained with
 * everything, then with one thing changed at a time, from several seeds. Judged on 5,000 other images of the training set; the
 * test set is not read. Prints a table; what is done is kept in ablation.jsonl, and the same command goes on with it.
 *
 * npx tsx examples/ablation.ts [folder] [images] [epochs] [seeds] [folder of CIFAR-10's binary files]
 */
import { existsSync } from 'node:fs'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createEngine } from 'fovea'
import { type BatchTransform, compose, cutout, horizontalFlip, mixup, randomCrop, type Transform } from 'fovea/augment'
import { cifar10, splitDataset, subsetOf } from 'fovea/data'
import {
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  gaussian,
  heNormal,
  ImageClassifier,
  type Initializer,
  linear,
  type Module,
  maxPool2d,
  normalize,
  relu,
  sequential,
} from 'fovea/nn'
import { oneCycle, sgd } from 'fovea/optim'
import { meanAndSpread } from 'fovea/study'
import { Trainer } from 'fovea/train'

const [folder = '.', images = '10000', epochs = '10', seeds = '3', directory] = process.argv.slice(2)

/** What can be changed. */
interface Advice {
  readonly batchNorm: boolean
  readonly init: Initializer
  readonly dropout: number
  readonly augment: readonly (Transform | BatchTransform)[]
  readonly lr: number
  readonly momentum: number
  readonly weightDecay: number
}

const moved = [randomCrop({ size: 32, padding: 4 }), horizontalFlip()]
// biome-ignore format: one line for all
const all: Advice = { batchNorm: true, init: heNormal(), dropout: 0, augment: moved, lr: 0.1, momentum: 0.9, weightDecay: 5e-4 }
const small = gaussian(0.01)
const variants: Readonly<Record<string, Partial<Advice>>> = {
  'everything: batch norm, He, crop and flip, momentum, L2': {},
  'without batch norm, same rate 0.1': { batchNorm: false },
  'without batch norm, rate 0.01': { batchNorm: false, lr: 0.01 },
  'without batch norm, rate 0.01, N(0, 0.01²) in place of He': { batchNorm: false, lr: 0.01, init: small },
  'N(0, 0.01²) in place of He': { init: small },
  'without augmentation': { augment: [] },
  'without augmentation, with dropout 0.5': { augment: [], dropout: 0.5 },
  'with dropout 0.5': { dropout: 0.5 },
  'with mixup 0.2': { augment: [...moved, mixup({ alpha: 0.2 })] },
  'with cutout 12': { augment: [...moved, cutout({ size: 12 })] },
  'without L2': { weightDecay: 0 },
  'without momentum, same rate 0.1': { momentum: 0 },
  'without momentum, rate 1': { momentum: 0, lr: 1 },
  'without batch norm, He, augmentation and L2, rate 0.01': {
    batchNorm: false,
    lr: 0.01,
    init: small,
    augment: [],
    weightDecay: 0,
  },
}

/** Six 3×3 convolutions in three stages, 80,000 weights and biases. */
function network({ batchNorm, init, dropout: share }: Advice): Module {
  const block = (inputs: number, outputs: number): Module[] => [
    conv2d(inputs, outputs, 3, { padding: 1, init, bias: !batchNorm }),
    ...(batchNorm ? [batchNorm2d(outputs)] : []),
    relu(),
  ]
  // biome-ignore format: one line a stage
  return sequential(
    ...block(3, 16), ...block(16, 16), maxPool2d(2),
    ...block(16, 32), ...block(32, 32), maxPool2d(2),
    ...block(32, 64), ...block(64, 64), maxPool2d(2),
    flatten(), ...(share > 0 ? [dropout(share)] : []), linear(1024, 10),
  )
}

/** One training from one seed. */
interface Outcome {
  readonly variant: string
  readonly seed: number
  /** Of the last epoch, on the images trained on, as they were augmented. */
  readonly trained: number
  /** After the last epoch, on the other images. */
  readonly accuracy: number
}

const { train } = await cifar10(directory === undefined ? {} : { directory })
const held = Math.ceil(Number(images) / 2)
const split = splitDataset(subsetOf(train, Number(images) + held), { validation: held, seed: 0 })
const engine = createEngine({ wide: 'auto' })

async function outcomeOf(variant: string, seed: number): Promise<Outcome> {
  const advice = { ...all, ...variants[variant] }
  const colors = normalize({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] })
  const trainer = new Trainer({
    model: new ImageClassifier(colors, network(advice)).initialize(seed),
    engine,
    ...split,
    ...(advice.augment.length > 0 && { augment: compose(advice.augment) }),
    optimizer: sgd({ ...advice, decay: 'weights' }),
    schedule: oneCycle(),
    epochs: Number(epochs),
    batchSize: 64,
    seed,
  })
  let [trained, accuracy] = [0, 0]
  for await (const event of trainer.run()) {
    if (event.type === 'epoch') trained = event.accuracy
    if (event.type === 'validation') accuracy = event.accuracy
  }
  return { variant, seed, trained, accuracy }
}

const file = join(folder, 'ablation.jsonl')
const known = existsSync(file) ? (await readFile(file, 'utf8')).trim().split('\n') : []
const outcomes = known.map(line => JSON.parse(line) as Outcome)
for (let seed = 0; seed < Number(seeds); seed++) {
  for (const variant of Object.keys(variants)) {
    if (outcomes.some(known => known.variant === variant && known.seed === seed)) continue
    const started = performance.now()
    const outcome = await outcomeOf(variant, seed)
    outcomes.push(outcome)
    await appendFile(file, `${JSON.stringify(outcome)}\n`)
    const seconds = ((performance.now() - started) / 1000).toFixed(0)
    console.error(`seed ${seed}: ${variant}: ${(100 * outcome.accuracy).toFixed(2)} % in ${seconds} s`)
  }
}
await engine.close()

console.log('| | training accuracy | validation accuracy | standard deviation | against everything |')
console.log('|---|---|---|---|---|')
const percent = (share: number): string => (100 * share).toFixed(2)
let best = 0
for (const variant of Object.keys(variants)) {
  const own = outcomes.filter(outcome => outcome.variant === variant)
  const { mean, std } = meanAndSpread(own.map(({ accuracy }) => accuracy))
  best ||= mean
  const trained = percent(meanAndSpread(own.map(outcome => outcome.trained)).mean)
  console.log(`| ${variant} | ${trained} | ${percent(mean)} | ${percent(std)} | ${percent(mean - best)} |`)
}
