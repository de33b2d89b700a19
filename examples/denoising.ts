/**
 * A denoising autoencoder (Vincent et al. 2008) on MNIST: the network sees digits under Gaussian noise and learns to give
 * the digits without. Its training step is written out, to show how one of one's own is made. Prints the peak
 * signal-to-noise ratio before and after for digits it has not seen, and writes denoising.svg: noisy, denoised, clean.
 *
 * npx tsx examples/denoising.ts [folder] [training images]
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  add,
  clamp,
  createEngine,
  gradients,
  input,
  mean,
  mul,
  type RunOutputs,
  randomNormal,
  type Scalar,
  square,
  sub,
  type Tensor,
  transpose,
  type Vector,
} from 'fovea'
import { createLoader, mnist, subsetOf } from 'fovea/data'
import { batchNorm2d, conv2d, convTranspose2d, type ForwardContext, inference, relu, sequential } from 'fovea/nn'
import { adam, oneCycle } from 'fovea/optim'
import { contactSheet } from 'fovea/plot'

const [folder = '.', images = '12800'] = process.argv.slice(2)
const [batch, epochs, sigma] = [64, 4, 0.5]

// biome-ignore format: one line a stage
const network = sequential(
  conv2d(1, 16, 3, { stride: 2, padding: 1 }), batchNorm2d(16), relu(), // N × 16 × 14 × 14
  conv2d(16, 32, 3, { stride: 2, padding: 1 }), batchNorm2d(32), relu(), // N × 32 × 7 × 7
  conv2d(32, 64, 3, { stride: 2, padding: 1 }), batchNorm2d(64), relu(), // N × 64 × 4 × 4
  convTranspose2d(64, 32, 3, { stride: 2, padding: 1 }), batchNorm2d(32), relu(), // N × 32 × 7 × 7
  convTranspose2d(32, 16, 4, { stride: 2, padding: 1 }), batchNorm2d(16), relu(), // N × 16 × 14 × 14
  convTranspose2d(16, 1, 4, { stride: 2, padding: 1 }), // N × 1 × 28 × 28
).initialize(0)

/** The digits of a batch from 0 to 1, the same with noise, and what the network makes of those. */
function trace(context: ForwardContext): { clean: Tensor; noisy: Tensor; denoised: Tensor } {
  const bytes = input('images', [batch, 28, 28, 1], { dtype: 'u8', batched: true })
  const key = input('key', [2], { dtype: 'i32' }) as Vector // (seed, step) of the noise
  const clean = mul(transpose(bytes, [0, 3, 1, 2]), 1 / 255) // N × 1 × 28 × 28
  const noisy = add(clean, mul(randomNormal(key, clean.shape, 'noise'), sigma))
  return { clean, noisy, denoised: network.forward(noisy, context) }
}

// The training step: the loss, its gradient, and what becomes of parameters and running statistics.
const context: ForwardContext = { training: true, updates: new Map() }
const { clean, denoised } = trace(context)
const loss = mean(square(sub(denoised, clean))) as Scalar
const parameters = network.parameters()
const slopes = gradients(
  loss,
  [...parameters.values()].map(({ tensor }) => tensor),
)
const named = new Map([...parameters.keys()].map((path, k) => [path, slopes[k]]))
const optimizer = adam({ lr: 0.01 })
const engine = createEngine()
const step = await engine.compile({
  outputs: { loss },
  updates: new Map([...optimizer.update(parameters, named, input('learningRate', [])), ...context.updates]),
})

const { train, test } = await mnist()
// Whole batches only: the step is made for one size.
const loader = createLoader(subsetOf(train, batch * Math.ceil(Number(images) / batch)), { batchSize: batch, seed: 0 })
const schedule = oneCycle()
const digits = new Uint8Array(batch * 28 * 28)
const labels = new Int32Array(batch) // not used: the digits are what is to come out
for (let epoch = 0; epoch < epochs; epoch++) {
  loader.startEpoch(epoch + 1)
  let sum = 0
  for (let k = 0; k < loader.batches; k++) {
    const done = epoch * loader.batches + k
    await loader.fill(k, digits, labels)
    const learningRate = optimizer.defaults.lr * schedule(done, epochs * loader.batches)
    const results = await step.run({ images: digits, key: [0, done], learningRate })
    sum += results.loss[0]
  }
  console.log(`epoch ${epoch + 1}: mean squared error ${(sum / loader.batches).toFixed(4)}`)
}

// Digits that the network has not seen, and noise it has not seen either. What is shown and scored is cut to 0 … 1.
const traced = Object.entries(trace(inference()))
const outputs = Object.fromEntries(traced.map(([name, value]) => [name, clamp(value, 0, 1)]))
const look = await engine.compile({ outputs, updates: new Map() })
const held = createLoader(subsetOf(test, 1024), { batchSize: batch, shuffle: false })
const ratios = { noisy: 0, denoised: 0 }
let seen: RunOutputs = {} // of the last batch looked at, 0 … 1
for (let k = held.batches - 1; k >= 0; k--) {
  await held.fill(k, digits, labels)
  seen = await look.run({ images: digits, key: [1, k] })
  for (const name of ['noisy', 'denoised'] as const) {
    for (let n = 0; n < batch; n++) ratios[name] += signalToNoise(imageOf('clean', n), imageOf(name, n)) / held.samples
  }
}
const { noisy: before, denoised: after } = ratios
console.log(`${held.samples} test digits: ${before.toFixed(2)} dB with noise, ${after.toFixed(2)} dB denoised`)

const rows = ['noisy', 'denoised', 'clean'].map(title => ({
  title,
  pictures: Array.from({ length: 10 }, (_, n) => ({
    pixels: Uint8Array.from(imageOf(title, n), value => Math.round(255 * value)),
    shape: [28, 28, 1] as const,
  })),
}))
const file = join(folder, 'denoising.svg')
await writeFile(file, contactSheet(rows, { description: 'Ten test digits: under noise, denoised, and as they are' }))
console.log(`wrote ${file}`)
await engine.close()

/** The pixels of one image of the last batch looked at. */
function imageOf(name: string, n: number): Float32Array {
  return seen[name].subarray(784 * n, 784 * (n + 1)) as Float32Array
}

/** 10 log₁₀(1 / mean squared error), in decibels: pixels are at most 1. */
function signalToNoise(clean: Float32Array, image: Float32Array): number {
  const error = image.reduce((sum, value, i) => sum + (value - clean[i]) ** 2, 0) / image.length
  return -10 * Math.log10(error)
}
