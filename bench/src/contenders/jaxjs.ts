/** jax-js on its WebAssembly device: the LeNet-5 training step, jitted. In Node it has no worker pool: one thread. */
import type { numpy } from '@jax-js/jax'
import { type Contender, row, serve } from '../protocol.ts'
import { batches } from '../work.ts'

const { batch: batchSize, batches: batchCount, classes, learningRate, momentum, side } = row

type Parameters = Record<string, numpy.Array>

async function open(): Promise<Contender> {
  // jax-js reads navigator.userAgent, which Node has only since version 21.
  if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: {} })
  const { defaultDevice, init, jit, lax, nn, numpy: np, random, tree, valueAndGrad } = await import('@jax-js/jax')
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

  // Non-overlapping 2×2 windows: a maximum over two reshaped axes.
  const pool = (x: numpy.Array): numpy.Array => {
    const [n, c, h, w] = x.shape
    return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5])
  }
  // Parameters arrive as references that every use consumes.
  const loss = (p: Parameters, x: numpy.Array, y: numpy.Array): numpy.Array => {
    let h = pool(
      nn.relu(
        lax
          .conv(
            x,
            p.conv1,
            [1, 1],
            [
              [2, 2],
              [2, 2],
            ],
          )
          .add(p.conv1Bias),
      ),
    )
    h = pool(nn.relu(lax.conv(h, p.conv2, [1, 1], 'VALID').add(p.conv2Bias))).reshape([batchSize, 400])
    h = nn.relu(np.matmul(h, p.fc1).add(p.fc1Bias))
    h = nn.relu(np.matmul(h, p.fc2).add(p.fc2Bias))
    h = np.matmul(h, p.fc3).add(p.fc3Bias)
    return nn
      .logSoftmax(h)
      .mul(nn.oneHot(y, classes))
      .sum()
      .mul(-1 / batchSize)
  }
  const train = jit((p: Parameters, v: Parameters, x: numpy.Array, y: numpy.Array) => {
    const [value, gradient] = valueAndGrad(loss)(tree.ref(p), x, y)
    const nextVelocity: Parameters = tree.map(
      (old: numpy.Array, g: numpy.Array) => old.mul(momentum).add(g),
      v,
      gradient,
    )
    const next: Parameters = tree.map(
      (old: numpy.Array, dv: numpy.Array) => old.sub(dv.mul(learningRate)),
      p,
      tree.ref(nextVelocity),
    )
    return { next, nextVelocity, value }
  })
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
