/** TensorFlow.js on WebGPU: inference, and training with its own optimizer. */
import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-webgpu'
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import * as tf from '@tensorflow/tfjs-core'
import type { Row } from '../rows.ts'
import { type BatchNormNode, tfjsNet, type Weights } from '../tfjsNet.ts'
import { byteBatches, type PageContender } from './contender.ts'

type Values = Float32Array

/** A variable of the network, as Fovea has it. */
export interface HostValue {
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
}

/** @param state weights and statistics in the order of the row's nodes */
export async function openTfjs(row: Row, state: readonly HostValue[]): Promise<PageContender> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js has not started its backend webgpu')
  const training = row.task === 'train'
  const forward = tfjsNet(tf, row.net, new FoveaWeights(state, training))
  const { batch, side, channels, classes, learningRate, momentum } = row
  const shape: [number, number, number, number] = [batch, side, side, channels]
  const optimizer = tf.train.momentum(learningRate, momentum)
  const work = byteBatches(row).map(({ images, labels }) => ({ images, targets: oneHot(labels, classes) }))
  const infer = (images: Values): Tensor => tf.tidy(() => forward(tf.tensor4d(images, shape)))
  const train = (images: Values, targets: Values): Tensor =>
    tf.tidy(() => {
      const [x, y] = [tf.tensor4d(images, shape), tf.tensor2d(targets, [batch, classes])]
      const loss = (): Scalar => tf.losses.softmaxCrossEntropy(y, forward(x))
      return optimizer.minimize(loss, true) as Scalar
    })
  return {
    version: tf.version_core,
    async step(index) {
      const { images, targets } = work[index % work.length]
      const result = training ? train(images, targets) : infer(images)
      const values = await result.data<'float32'>()
      result.dispose()
      return values
    },
  }
}

function oneHot(labels: ArrayLike<number>, classes: number): Values {
  const rows = new Float32Array(labels.length * classes)
  for (let n = 0; n < labels.length; n++) rows[n * classes + labels[n]] = 1
  return rows
}

/** Fovea's weights in TensorFlow.js' layouts: variables when they are trained, with batch normalization folded otherwise. */
class FoveaWeights implements Weights {
  readonly batchNorm?: (node: BatchNormNode) => (x: Tensor) => Tensor
  readonly #state: readonly HostValue[]
  readonly #training: boolean
  #next = 0

  constructor(state: readonly HostValue[], training: boolean) {
    this.#state = state
    this.#training = training
    if (training) this.batchNorm = node => this.#normalization(node)
  }

  conv(
    { in: inputs, out, kernel, groups, bias }: Parameters<Weights['conv']>[0],
    norm: BatchNormNode | undefined,
  ): ReturnType<Weights['conv']> {
    const inEach = inputs / groups
    const filter = this.#take([out, inEach, kernel, kernel])
    const own = bias ? this.#take([out]) : undefined
    // Of a depthwise convolution, [k, k, out, 1]: its maps are inputs.
    const shape: [number, number, number, number] =
      groups > 1 ? [kernel, kernel, out, inEach] : [kernel, kernel, inEach, out]
    const window = kernel * kernel
    const toLast = (values: Values): Values => {
      const moved = new Float32Array(values.length)
      values.forEach((value, at) => {
        const [o, i, k] = [Math.floor(at / (inEach * window)), Math.floor(at / window) % inEach, at % window]
        moved[groups > 1 ? (k * out + o) * inEach + i : (k * inEach + i) * out + o] = value
      })
      return moved
    }
    if (!norm) {
      return {
        filter: this.#tensor<Tensor4D>(toLast(filter), shape),
        ...(own && { bias: this.#tensor<Tensor1D>(own, [out]) }),
      }
    }
    const { weight, offset, mean, variance } = this.#statistics(norm)
    const scale = weight.map((value, o) => value / Math.sqrt(variance[o] + norm.epsilon))
    const folded = filter.map((value, at) => value * scale[Math.floor(at / (inEach * window))])
    const shift = offset.map((value, o) => value + scale[o] * ((own?.[o] ?? 0) - mean[o]))
    return {
      filter: this.#tensor<Tensor4D>(toLast(folded), shape),
      bias: this.#tensor<Tensor1D>(shift, [out]),
    }
  }

  linear(node: Parameters<Weights['linear']>[0], from: readonly number[]): ReturnType<Weights['linear']> {
    const [channels, height, width] = from
    const matrix = this.#take([node.out, node.in])
    const positions = height * width
    const moved = new Float32Array(matrix.length)
    matrix.forEach((value, at) => {
      const [o, i] = [Math.floor(at / node.in), at % node.in]
      // What was flattened is [channels, height, width] to Fovea, and [height, width, channels] here.
      moved[((i % positions) * channels + Math.floor(i / positions)) * node.out + o] = value
    })
    return {
      matrix: this.#tensor<Tensor2D>(moved, [node.in, node.out]),
      bias: this.#tensor<Tensor1D>(this.#take([node.out]), [node.out]),
    }
  }

  /** By the batch's own moments, while the running ones follow. */
  #normalization(node: BatchNormNode): (x: Tensor) => Tensor {
    const { channels, epsilon } = node
    const { weight, offset, mean, variance } = this.#statistics(node)
    const [scale, shift] = [this.#tensor(weight, [channels]), this.#tensor(offset, [channels])]
    const running = [mean, variance].map(values => tf.variable(tf.tensor1d(values), false))
    return x => {
      const moments = tf.moments(x, [0, 1, 2])
      const values = [moments.mean, moments.variance]
      running.forEach((old, k) => {
        old.assign(tf.add(tf.mul(old, 0.9), tf.mul(values[k], 0.1)))
      })
      return tf.batchNorm(
        x,
        moments.mean as Tensor1D,
        moments.variance as Tensor1D,
        shift as Tensor1D,
        scale as Tensor1D,
        epsilon,
      )
    }
  }

  #statistics({ channels }: BatchNormNode) {
    const [weight, offset, mean, variance] = Array.from({ length: 4 }, () => this.#take([channels]))
    // The number of batches that were seen.
    this.#take([])
    return { weight, offset, mean, variance }
  }

  #tensor<T extends Tensor>(values: Values, shape: number[]): T {
    const tensor = tf.tensor(values, shape)
    return (this.#training ? tf.variable(tensor) : tensor) as T
  }

  /** The next of Fovea's variables. @throws Error when it has another shape: the networks are not the same. */
  #take(shape: readonly number[]): Values {
    const value = this.#state[this.#next++]
    if (value?.shape.join() !== shape.join()) {
      throw new Error(`has another network: weight ${this.#next} is [${value?.shape}], expected [${shape}]`)
    }
    return Float32Array.from(value.data)
  }
}
