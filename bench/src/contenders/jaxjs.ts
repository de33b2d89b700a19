/** jax-js on its WebAssembly device: the LeNet-5 training step, jitted. In Node it has no worker pool: one thread. */
import type { numpy } from '@jax-js/jax'
import { lenetTraining, type Parameters } from '../jaxLenet.ts'
import { type Contender, row, serve } from '../protocol.ts'
import { batches } from '../work.ts'

const { batch: batchSize, batches: batchCount, classes, side } = row

async function open(): Promise<Contender> {
  // jax-js reads navigator.userAgent, which Node has only since version 21.
  if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: {} })
  const jax = await import('@jax-js/jax')
  const { defaultDevice, init, numpy: np, random, tree } = jax
  await init('wasm')
  defaultDevice('wasm')

  let seed = 0
  const uniform = (shape: number[], fanIn: number): numpy.Array => {
    const bound = 1 / Math.sqrt(fanIn)
    return random.uniform(random.key(seed++), shape, { minval: -bound, maxval: bound })
  }
  let parameters: Parameters = {
    conv1: uniform([6, 1, 5, 5], 25),
    conv1Bias: np.zeros([6, 1, 1]),
    conv2: uniform([16, 6, 5, 5], 150),
    conv2Bias: np.zeros([16, 1, 1]),
    fc1: uniform([400, 120], 400),
    fc1Bias: np.zeros([120]),
    fc2: uniform([120, 84], 120),
    fc2Bias: np.zeros([84]),
    fc3: uniform([84, classes], 84),
    fc3Bias: np.zeros([classes]),
  }
  let velocity: Parameters = tree.map((p: numpy.Array) => np.zerosLike(p), tree.ref(parameters))
  const train = lenetTraining(jax, row)
  const work = batches(row).map(({ images, labels }) => ({
    images: np.array(images).reshape([batchSize, 1, side, side]),
    labels: np.array(labels),
  }))
  return {
    version: '0.1.25',
    async step(index) {
      const { images, labels } = work[index % batchCount]
      const result = train(parameters, velocity, images.ref, labels.ref)
      parameters = result.next
      velocity = result.nextVelocity
      await Promise.all([...Object.values(parameters), ...Object.values(velocity)].map(p => p.blockUntilReady()))
      return (await result.value.data())[0]
    },
  }
}

await serve(open)
