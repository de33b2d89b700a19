/**
 * A process for tests, started with `--expose-gc`: trains LeNet-5 on noise for 2,000 steps and prints what it holds in
 * memory every 250 steps, from step 500 on, as JSON. Its argument is the number of threads.
 */
import { createEngine } from '../../src/backends/createEngine.ts'
import { subsetOf } from '../../src/data/split.ts'
import { lenet5 } from '../../src/models/lenet.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { sgd } from '../../src/optim/sgd.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { Trainer } from '../../src/train/trainer.ts'

const collect = (globalThis as unknown as { gc: () => void }).gc
const random = new RandomSequence(1, 'noise')
const count = 800
const dataset = {
  name: 'noise',
  images: Uint8Array.from({ length: count * 784 }, () => random.integer(256)),
  labels: Int32Array.from({ length: count }, () => random.integer(10)),
  shape: [28, 28, 1] as const,
  classes: Array.from({ length: 10 }, (_, k) => String(k)),
}
const engine = createEngine({ threads: Number(process.argv[2]) })
const trainer = new Trainer({
  model: sequential(normalize({ mean: [0.5], std: [0.3] }), lenet5()).initialize(0),
  train: subsetOf(dataset),
  engine,
  optimizer: sgd({ lr: 0.01, momentum: 0.9 }),
  epochs: 40,
  batchSize: 16,
})

/** What is held, once garbage is gone. Weak references and finalizers need turns of the event loop. */
async function holdings(): Promise<Record<string, number>> {
  for (let round = 0; round < 4; round++) {
    collect()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return { heapUsed, external, arrayBuffers, engine: engine.memoryBytes }
}

const measured: Record<string, number>[] = []
for await (const event of trainer.run()) {
  if (event.type === 'step' && event.step >= 500 && event.step % 250 === 0) measured.push(await holdings())
}
console.log(JSON.stringify(measured))
