/**
 * A network of the rows in TensorFlow.js. Bias and activation are fused into convolutions and products, and at inference
 * batch normalization is folded into them, as TensorFlow.js' converter does with trained networks.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Net, Node } from './nets.ts'

/** The framework: the same functions whatever its backend is. */
export type Tfjs = typeof import('@tensorflow/tfjs-core')

/** The nodes that have weights. */
export type ConvNode = Extract<Node, { op: 'conv' }>
export type LinearNode = Extract<Node, { op: 'linear' }>
export type BatchNormNode = Extract<Node, { op: 'batchNorm' }>

/** Where the numbers of a network come from; asked in the order of its nodes. */
export interface Weights {
  /**
   * Filter `[k, k, in, out]`, `[k, k, in, 1]` where every map has its own, and bias `[out]`.
   * @param norm the batch normalization that is folded into it
   */
  conv(node: ConvNode, norm: BatchNormNode | undefined): { readonly filter: Tensor4D; readonly bias?: Tensor1D }
  /** Matrix `[in, out]` and bias `[out]`. @param from `[channels, height, width]` of what was flattened */
  linear(node: LinearNode, from: Node['shape']): { readonly matrix: Tensor2D; readonly bias: Tensor1D }
  /** Batch normalization of its own, for training; where it is absent, all of it is folded. */
  batchNorm?(node: BatchNormNode): (x: Tensor) => Tensor
}

type Call = (operands: readonly Tensor[]) => Tensor

/** The forward pass: images `[N, H, W, C]` → logits `[N, classes]`. */
export function tfjsNet(tf: Tfjs, { nodes }: Net, weights: Weights): (images: Tensor) => Tensor {
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
  /** Lets a node do what its only reader does, and says which one that is. */
  const fuse = (index: number, last: number, ...ops: string[]): number | undefined => {
    const next = onlyReader(last, ...ops)
    if (next === undefined) return undefined
    fused.add(next)
    place[next] = index
    return next
  }
  const activationAfter = (index: number, last = index): 'linear' | 'relu' | 'relu6' => {
    const next = fuse(index, last, 'relu', 'relu6')
    return next === undefined ? 'linear' : (nodes[next].op as 'relu' | 'relu6')
  }
  nodes.forEach((node, index) => {
    calls.push(fused.has(index) || node.op === 'input' ? undefined : callOf(node, index))
  })

  function callOf(node: Node, index: number): Call {
    switch (node.op) {
      case 'conv': {
        const { stride, pad, groups } = node
        const norm = weights.batchNorm ? undefined : fuse(index, index, 'batchNorm')
        const { filter, bias } = weights.conv(node, norm === undefined ? undefined : (nodes[norm] as BatchNormNode))
        const activation = activationAfter(index, norm)
        const options = { filter, strides: stride, pad, dimRoundingMode: 'floor' as const, activation }
        const layer = bias ? { ...options, bias } : options
        return groups > 1
          ? ([x]) => tf.fused.depthwiseConv2d({ x: x as Tensor4D, ...layer })
          : ([x]) => tf.fused.conv2d({ x: x as Tensor4D, ...layer })
      }
      case 'linear': {
        const before = nodes[node.inputs[0]]
        const from = before.op === 'flatten' ? nodes[before.inputs[0]].shape : before.shape
        const { matrix: b, bias } = weights.linear(node, from)
        const activation = activationAfter(index)
        return ([x]) => tf.fused.matMul({ a: x as Tensor2D, b, bias, activation })
      }
      case 'batchNorm': {
        const normalize = weights.batchNorm?.(node)
        if (!normalize) throw new Error('batch normalization behind something else than a convolution')
        return ([x]) => normalize(x)
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
        return ([x]) => tf.maxPool(x as Tensor4D, kernel, stride, pad === 0 && padEnd === 0 ? 'valid' : padding)
      }
      case 'globalPool':
        return ([x]) => tf.mean(x, [1, 2], true)
      case 'flatten':
        return ([x]) => tf.reshape(x, [x.shape[0], -1])
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
        // Even rows and columns as a part of another shape: a strided slice has no gradient.
        return ([x]) => {
          const pairs = tf.reshape(x, [(x.shape[0] * height) / 2, 2, width / 2, 2 * channels])
          const kept = tf.slice(pairs, [0, 0, 0, 0], [-1, 1, -1, channels])
          return tf.pad(tf.reshape(kept, [x.shape[0], height / 2, width / 2, channels]), [
            [0, 0],
            [0, 0],
            [0, 0],
            [half, half],
          ])
        }
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

  return images => {
    const values: Tensor[] = [images]
    calls.forEach((call, at) => {
      if (call) values[at] = call(nodes[at].inputs.map(input => values[place[input]]))
    })
    return values[place[nodes.length - 1]]
  }
}
