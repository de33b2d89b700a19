/**
 * A process for tests of the built package, started with `--expose-gc`: trains on a folder of pictures and prints, after every tenth of the epoch, what
 * it holds in memory, as JSON. Arguments: the folder, and the number of worker threads, 0 for none.
 */
import { createEngine } from 'fovea'
import { imageFolder, subsetOf, workerLoader } from 'fovea/data'
import { averagePool2d, flatten, linear, normalize, sequential } from 'fovea/nn'
import { sgd } from 'fovea/optim'
import { Trainer } from 'fovea/train'

const [, , folder = '', workers = '0'] = process.argv
const collect = (globalThis as unknown as { gc: () => void }).gc

const data = await imageFolder(folder, { shape: [112, 112, 3] })
const engine = createEngine({ threads: 1 })
const trainer = new Trainer({
  model: sequential(
    normalize({ mean: [0.5, 0.5, 0.5], std: [0.3, 0.3, 0.3] }),
    averagePool2d(28),
    flatten(),
    linear(48, data.classes.length),
  ).initialize(0),
  train: subsetOf(data),
  ...(workers === '0' ? {} : { loader: workerLoader({ workers: Number(workers) }) }),
  engine,
  optimizer: sgd({ lr: 0.001 }),
  epochs: 1,
  batchSize: 32,
})

const held: { resident: number; arrays: number; heap: number }[] = []
let waitShare: number | undefined
let steps = 0
for await (const event of trainer.run()) {
  if (event.type === 'start') steps = event.stepsPerEpoch
  if (event.type === 'epoch') waitShare = event.waitShare
  if (event.type !== 'step' || event.step % Math.floor(steps / 10) !== 0) continue
  collect()
  const { rss, arrayBuffers, heapUsed } = process.memoryUsage()
  held.push({ resident: rss, arrays: arrayBuffers, heap: heapUsed })
}
await engine.close()
console.log(JSON.stringify({ files: data.files.length, held, waitShare }))
