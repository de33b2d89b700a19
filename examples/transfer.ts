/**
 * Transfer learning with a frozen trunk: a ResNet-20 trained on CIFAR-10 looks at every photograph a few times, once and for
 * all; what it sees, 64 numbers a look, is kept. Training a new last layer on those takes seconds, so the weight decay is
 * chosen by cross-validation. The test photographs are read once, at the end.
 *
 * npx tsx examples/transfer.ts WEIGHTS FOLDER [seed]
 *
 * WEIGHTS is resnet20-12fca82f.th of github.com/akamaster/pytorch_resnet_cifar10, or any file with that network's weights;
 * FOLDER has the folders train and test, with a sub-folder of pictures for each class. Writes
 * transfer.safetensors there: all weights of the network, to be read by loadWeights.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createEngine, gradients, input, type Matrix, type Scalar, type Vector } from 'fovea'
import { compose, horizontalFlip, randomResizedCrop } from 'fovea/augment'
import { createLoader, imageFolder, type Subset, subsetOf } from 'fovea/data'
import { writeSafetensors } from 'fovea/formats'
import { cifarResnet } from 'fovea/models'
import { crossEntropy, ImageClassifier, inference, linear, normalize, replaceHead, sequential } from 'fovea/nn'
import { adamW } from 'fovea/optim'
import { Evaluator, loadWeights } from 'fovea/train'

const [weights = 'resnet20-12fca82f.th', folder = 'hymenoptera', seed = '0'] = process.argv.slice(2)
const shape = [64, 64, 3] as const
const width = 64 // what the trunk sees of a picture: the means of its 64 last maps
const looks = 4

const started = performance.now()
const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`
const photos = await imageFolder(join(folder, 'train'), { shape })
const { classes } = photos
const network = cifarResnet(20)
await loadWeights(network, weights)
replaceHead(network, classes.length, { seed: Number(seed) })
const { linear: head, ...trunk } = network.layers
// The numbers that the weights were trained with.
const model = new ImageClassifier(normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }), network)
const engine = createEngine()

/** What the trunk sees of each picture in each of its looks, and the labels. Looks differ as in training with augmentation. */
async function look(pictures: Subset<typeof photos>): Promise<Seen> {
  const augment = compose([randomResizedCrop({ size: 64, scale: [0.5, 1] }), horizontalFlip()])
  const batch = 32
  const images = input('images', [batch, ...shape], { dtype: 'u8', batched: true })
  const features = sequential(trunk).forward(model.normalize.forward(images, inference()), inference())
  const program = await engine.compile({ outputs: { features }, updates: new Map() })
  const loader = createLoader(pictures, { batchSize: batch, shuffle: false, seed: Number(seed), augment })
  const count = pictures.indices.length
  const seen = { features: new Float32Array(looks * count * width), labels: new Int32Array(looks * count) }
  const bytes = new Uint8Array(batch * shape[0] * shape[1] * shape[2])
  const labels = new Int32Array(batch)
  for (let epoch = 0, done = 0; epoch < looks; epoch++) {
    loader.startEpoch(epoch + 1)
    for (let k = 0; k < loader.batches; k++) {
      const size = await loader.fill(k, bytes, labels)
      const results = await program.run({ images: bytes })
      seen.features.set(results.features.subarray(0, size * width), done * width)
      seen.labels.set(labels.subarray(0, size), done)
      done += size
    }
  }
  return seen
}

/** Features `[N, 64]` and labels `[N]`, the looks one after another. */
interface Seen {
  readonly features: Float32Array
  readonly labels: Int32Array
}

/** The rows of pictures for which a test holds, in all looks. */
function rowsOf({ features, labels }: Seen, isIn: (picture: number) => boolean): Seen {
  const count = labels.length / looks
  const rows = [...labels.keys()].filter(row => isIn(row % count))
  return {
    features: Float32Array.from(rows.flatMap(row => [...features.subarray(row * width, (row + 1) * width)])),
    labels: Int32Array.from(rows, row => labels[row]),
  }
}

/** A last layer, trained on all rows at once; AdamW with the weight decay given. */
async function trainHead({ features, labels }: Seen, weightDecay: number): Promise<typeof head> {
  const layer = linear(width, classes.length).initialize(Number(seed))
  const x = input('features', [labels.length, width]) as Matrix
  const y = input('labels', [labels.length], { dtype: 'i32' }) as Vector
  const loss = crossEntropy().forward(layer.forward(x, inference()), y) as Scalar
  const parameters = layer.parameters()
  const paths = [...parameters.keys()]
  const slopes = gradients(
    loss,
    [...parameters.values()].map(({ tensor }) => tensor),
  )
  const optimizer = adamW({ lr: 0.02, weightDecay, decay: 'weights' })
  const named = new Map(paths.map((path, k) => [path, slopes[k]]))
  const updates = optimizer.update(parameters, named, input('learningRate', []))
  const step = await engine.compile({ outputs: { loss }, updates })
  const steps = 300
  for (let k = 0; k < steps; k++) await step.run({ features, labels, learningRate: 0.02 * (1 - k / steps) })
  for (const parameter of parameters.values()) parameter.setValue(await engine.read(parameter))
  return layer
}

/** Share of rows that a last layer gets right. */
function accuracyOf(layer: typeof head, { features, labels }: Seen): number {
  const [w, b] = [layer.weight.value, layer.bias?.value ?? []]
  const right = labels.filter((label, row) => {
    const scores = classes.map((_, c) =>
      features
        .subarray(row * width, (row + 1) * width)
        .reduce((sum, value, i) => sum + value * w[c * width + i], Number(b[c])),
    )
    return scores.indexOf(Math.max(...scores)) === label
  })
  return right.length / labels.length
}

const seen = await look(subsetOf(photos))
console.log(
  `${photos.files.length} pictures, ${looks} looks each: ${seen.features.length} numbers kept after ${seconds()}`,
)

// Five folds by the pictures' numbers, which are sorted by class: each has its share of every class.
const scores: { weightDecay: number; accuracy: number }[] = []
for (const weightDecay of [0.03, 0.3, 1, 3, 10]) {
  let accuracy = 0
  for (let fold = 0; fold < 5; fold++) {
    const layer = await trainHead(
      rowsOf(seen, picture => picture % 5 !== fold),
      weightDecay,
    )
    accuracy +=
      accuracyOf(
        layer,
        rowsOf(seen, picture => picture % 5 === fold),
      ) / 5
  }
  scores.push({ weightDecay, accuracy })
  console.log(`weight decay ${weightDecay}: ${(100 * accuracy).toFixed(1)} % of the held back`)
}
const best = scores.reduce((a, b) => (b.accuracy > a.accuracy ? b : a))
const layer = await trainHead(seen, best.weightDecay)
for (const [path, parameter] of head.parameters()) parameter.value.set(layer.parameters().get(path)?.value ?? [])
console.log(`the new last layer is trained after ${seconds()}`)

const test = await imageFolder(join(folder, 'test'), { shape, classes })
const { accuracy, samples } = await new Evaluator(engine, model, shape).evaluate(subsetOf(test))
console.log(`test accuracy ${(100 * accuracy).toFixed(2)} % of ${samples} pictures`)
const state = [...model.variables()].map(([name, { shape, value }]) => [name, { shape, values: value }] as const)
const file = join(folder, 'transfer.safetensors')
await writeFile(file, writeSafetensors(new Map(state)))
console.log(`wrote ${file}`)
await engine.close()
