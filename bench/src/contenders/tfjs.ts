/**
 * TensorFlow.js on its WebAssembly backend: inference. In Node the backend has one thread.
 */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { Tensor } from '@tensorflow/tfjs-core'
import { type Contender, row, serve } from '../protocol.ts'
import { tfjsNet } from '../tfjsNet.ts'
import { batches } from '../work.ts'

async function open(): Promise<Contender> {
  const tf = await import('@tensorflow/tfjs-core')
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  await tf.setBackend('wasm')

  const random = <T extends Tensor>(shape: number[], fanIn: number): T =>
    tf.randomNormal(shape, 0, Math.sqrt(2 / fanIn)) as Tensor as T
  const forward = tfjsNet(tf, row.net, {
    conv: ({ in: inputs, out, kernel, groups }) => ({
      filter:
        groups > 1
          ? random([kernel, kernel, inputs, 1], kernel * kernel)
          : random([kernel, kernel, inputs, out], kernel * kernel * inputs),
      bias: tf.zeros([out]),
    }),
    linear: node => ({ matrix: random([node.in, node.out], node.in), bias: tf.zeros([node.out]) }),
  })
  const inputs = batches(row).map(({ images }) => tf.tensor4d(images, [row.batch, row.side, row.side, row.channels]))
  return {
    version: tf.version_core,
    async step(index) {
      const logits = tf.tidy(() => forward(inputs[index % inputs.length]))
      const [first] = await logits.data()
      logits.dispose()
      return first
    },
  }
}

await serve(open)
