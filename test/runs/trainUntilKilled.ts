/**
 * A process for tests that kill it: makes or resumes the run folder `root/run`, and saves a checkpoint after every second
 * step for minutes if nobody ends it. The state is a function of the step, so that the test knows what a checkpoint must hold.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { RunFolder } from '../../src/runs/runFolder.node.ts'

const root = process.argv[2]!
const path = join(root, 'run')
let step = 0
let folder: RunFolder
if (existsSync(join(path, 'recipe.json'))) {
  folder = await RunFolder.open(path)
  step = (await folder.resume()).checkpoint?.progress.step ?? 0
} else {
  folder = await RunFolder.create(root, 'run', { model: 'test' })
}
while (step < 100_000) {
  step++
  folder.log({ type: 'step', step, epoch: 1, loss: 1 / step, accuracy: 0, learningRate: 0.1, imagesPerSecond: 1 })
  if (step % 2 === 0) {
    const tensors = new Map([['model.weight', { shape: [20_000], values: new Float32Array(20_000).fill(step) }]])
    await folder.save({ tensors, progress: { epoch: 1, batch: step, step }, recipe: { model: 'test' } })
    process.stdout.write(`${step}\n`)
  }
}
await folder.close()
