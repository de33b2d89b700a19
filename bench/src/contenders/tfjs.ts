/**
 * TensorFlow.js on its WebAssembly backend: inference. Batch normalization is folded, and bias and activation are fused into
 * the convolutions, as TensorFlow.js' converter does with trained networks. In Node the backend has one thread.
 */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Node } from '../nets.ts'
import { type Contender, row, serve } from '../protocol.ts'
import { batches } from '../work.ts'

/** A node after folding: convolutions and matrix products carry the activation that follows them. */
type Call = (operands: readonly Tensor[]) => Tensor

async function open(): Promise<Contender> {
  const tf = await import('@tensorflow/tfjs-core')
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  await tf.setBackend('wasm')
  const { nodes } = row.net

  const random = (shape: number[], fanIn: number): Tensor => tf.randomNormal(shape, 0, Math.sqrt(2 / fanIn))
  const readers = nodes.map((_, index) => nodes.flatMap((node, at) => (node.inputs.includes(index) ? [at] : [])))
  /** The only reader of a value, if it does what `op` says. */
  const onlyReader = (index: number, ...ops: string[]): number | undefined => {
    const [reader, ...others] = readers[index]
    return others.length === 0 && reader !== undefined && ops.includes(nodes[reader].op) ? reader : undefined
  }

  /** What each node does; `undefined` for those that a convolution or product before them does. */
  const calls: (Call | undefined)[] = []
  /** Where the value of a node is found. */
  const place = nodes.map((_, index) => index)
  const fused = new Set<number>()
  const activationAfter = (index: number): 'linear' | 'relu' | 'relu6' => {
    let last = index
    for (const ops of [['batchNorm'], ['relu', 'relu6']]) {
      const next = onlyReader(last, ...ops)
      if (next === undefined) continue
      fused.add(next)
      place[next] = index
      last = next
    }
    const { op } = nodes[last]
    return op === 'relu' || op === 'relu6' ? op : 'linear'
  }
  nodes.forEach((node, index) => {
    calls.push(fused.has(index) || node.op === 'input' ? undefined : callOf(node, index))
  })

  function callOf(node: Node, index: number): Call {
    switch (node.op) {
      case 'conv': {
        const { in: inputs, out, kernel, stride, pad, groups } = node
        const activation = activationAfter(index)
        const bias = tf.zeros([out])
        const options = { strides: stride, pad, dimRoundingMode: 'floor' as const, bias, activation }
        if (groups > 1) {
          const filter = random([kernel, kernel, inputs, 1], kernel * kernel) as Tensor4D
          return ([x]) => tf.fused.depthwiseConv2d({ x: x as Tensor4D, filter, ...options })
        }
        const filter = random([kernel, kernel, inputs, out], kernel * kernel * inputs) as Tensor4D
        return ([x]) => tf.fused.conv2d({ x: x as Tensor4D, filter, ...options })
      }
      case 'linear': {
        const b = random([node.in, node.out], node.in) as Tensor2D
        const bias = tf.zeros([node.out])
        const activation = activationAfter(index)
        return ([x]) => tf.fused.matMul({ a: x as Tensor2D, b, bias, activation })
      }
      case 'maxPool': {
        const { kernel, stride, pad, padEnd } = node
        const around: [number, number] = [pad, padEnd]
        const padding: [[number, number], [number, number], [number, number], [number, number]] = [
          [0, 0],
          around,
          around,
          [0, 0],
        ]
        return ([x]) => tf.maxPool(x as Tensor4D, kernel, stride, padding)
      }
      case 'globalPool':
        return ([x]) => tf.mean(x, [1, 2], true)
      case 'flatten':
        return ([x]) => tf.reshape(x, [row.batch, -1])
      case 'dropout':
        return ([x]) => x
      case 'add':
        return ([x, y]) => tf.add(x, y)
      case 'scale':
        return ([x, y]) => tf.mul(x, y)
      case 'concat':
        return operands => tf.concat([...operands], 3)
      case 'subsample': {
        const half = node.extra / 2
        const [channels, height, width] = nodes[node.inputs[0]].shape
        return ([x]) =>
          tf.pad(tf.stridedSlice(x, [0, 0, 0, 0], [row.batch, height, width, channels], [1, 2, 2, 1]), [
            [0, 0],
            [0, 0],
            [0, 0],
            [half, half],
          ])
      }
      case 'relu':
        return ([x]) => tf.relu(x)
      case 'relu6':
        return ([x]) => tf.relu6(x)
      case 'sigmoid':
        return ([x]) => tf.sigmoid(x)
      default:
        throw new Error(`no operation for '${node.op}'`)
    }
  }

  const inputs = batches(row).map(({ images }) => tf.tensor4d(images, [row.batch, row.side, row.side, row.channels]))
  return {
    version: tf.version_core,
    async step(index) {
      const logits = tf.tidy(() => {
        const values: Tensor[] = [inputs[index % inputs.length]]
        calls.forEach((call, at) => {
          if (call) values[at] = call(nodes[at].inputs.map(input => values[place[input]]))
        })
        return values[place[nodes.length - 1]]
      })
      const [first] = await logits.data()
      logits.dispose()
      return first
    },
  }
}

await serve(open)
