/** jax-js on WebGPU: LeNet-5, jitted, with Fovea's weights. */
import * as jax from '@jax-js/jax'
import { lenetLogits, lenetTraining, type Parameters } from '../jaxLenet.ts'
import type { Row } from '../rows.ts'
import { byteBatches, type PageContender } from './contender.ts'
import type { HostValue } from './tfjs.ts'

const { defaultDevice, init, jit, numpy: np, tree } = jax

/**
 * @param state weights in the order of LeNet-5's layers, each before its bias
 * @throws Error for another network: it computes less than a GFLOP/s, and has no batch normalization
 */
export async function openJaxjs(row: Row, state: readonly HostValue[]): Promise<PageContender> {
  if (row.net.name !== 'lenet5') throw new Error('LeNet-5 only')
  const devices = await init('webgpu')
  if (!devices.includes('webgpu')) throw new Error('jax-js has not started its device webgpu')
  defaultDevice('webgpu')
  let parameters = parametersOf(state)
  let velocity: Parameters = tree.map((p: jax.Array) => np.zerosLike(p), tree.ref(parameters))
  const infer = jit((p: Parameters, x: jax.Array) => lenetLogits(jax, p, x))
  const train = lenetTraining(jax, row)
  const { batch, side } = row
  const work = byteBatches(row)
  return {
    version: '0.1.25',
    async step(index) {
      const { images, labels } = work[index % work.length]
      const x = np.array(images).reshape([batch, 1, side, side])
      if (row.task === 'inference') return (await infer(tree.ref(parameters), x).data()) as Float32Array
      const { next, nextVelocity, value } = train(parameters, velocity, x, np.array(labels))
      parameters = next
      velocity = nextVelocity
      return (await value.data()) as Float32Array
    },
  }
}

/** Biases of filters are columns of planes; Fovea's matrices are `[out, in]`. */
function parametersOf(state: readonly HostValue[]): Parameters {
  const names = ['conv1', 'conv2', 'fc1', 'fc2', 'fc3']
  return Object.fromEntries(
    names.flatMap((name, k) => {
      const [weight, bias] = state.slice(2 * k, 2 * k + 2).map(({ shape, data }) => {
        return np.array(Float32Array.from(data)).reshape([...shape])
      })
      const isFilter = name.startsWith('conv')
      return [
        [name, isFilter ? weight : weight.transpose()],
        [`${name}Bias`, isFilter ? bias.reshape([bias.size, 1, 1]) : bias],
      ]
    }),
  )
}
