/**
 * The networks of the rows, as lists of nodes that the contenders build with their own framework's operations
 * (`contenders/torch_net.py`, `contenders/tensorflow_net.py`, `contenders/tfjs.ts`). Fovea has models of its own; that
 * they are the same networks is checked by their numbers of parameters.
 */

/** `[channels, height, width]` of one sample; `[features, 1, 1]` of vectors. */
export type Shape = readonly [number, number, number]

/** What a node does. Sizes are those of square windows; `pad` rows before and `padEnd` rows behind. */
export type Operation =
  | { readonly op: 'input' }
  | {
      readonly op: 'conv'
      readonly in: number
      readonly out: number
      readonly kernel: number
      readonly stride: number
      readonly pad: number
      readonly groups: number
      readonly bias: boolean
    }
  | { readonly op: 'batchNorm'; readonly channels: number; readonly epsilon: number }
  | { readonly op: 'relu' | 'relu6' | 'sigmoid' }
  | {
      readonly op: 'maxPool'
      readonly kernel: number
      readonly stride: number
      readonly pad: number
      readonly padEnd: number
    }
  /** Mean of each map, `[C, 1, 1]`. */
  | { readonly op: 'globalPool' }
  | { readonly op: 'flatten' }
  | { readonly op: 'linear'; readonly in: number; readonly out: number }
  | { readonly op: 'dropout'; readonly probability: number }
  /** Sum of two values; the first is read by no one else. */
  | { readonly op: 'add' }
  /** Maps of the first value times the factors `[C, 1, 1]` of the second. */
  | { readonly op: 'scale' }
  | { readonly op: 'concat' }
  /** Every second row and column, with `extra` maps of zeros, half before and half behind (ResNet's shortcut A). */
  | { readonly op: 'subsample'; readonly extra: number }

/** An operation with its operands: indices of earlier nodes. */
export type Node = Operation & { readonly inputs: readonly number[]; readonly shape: Shape }

/** A network; its first node is the input, its last one the logits. */
export interface Net {
  readonly name: NetName
  readonly nodes: readonly Node[]
}

/** Names of the networks: those of Fovea's catalog of models. */
export type NetName =
  | 'lenet5'
  | 'resnet20-cifar'
  | 'resnet18'
  | 'resnet50'
  | 'se-resnet50'
  | 'vgg16'
  | 'alexnet'
  | 'googlenet'
  | 'mobilenet_v2'

/** Trainable numbers of a network. */
export function parameterCount({ nodes }: Net): number {
  return nodes.reduce((sum, node) => {
    if (node.op === 'conv')
      return sum + (node.in / node.groups) * node.kernel ** 2 * node.out + (node.bias ? node.out : 0)
    if (node.op === 'linear') return sum + node.in * node.out + node.out
    return node.op === 'batchNorm' ? sum + 2 * node.channels : sum
  }, 0)
}

/**
 * Multiply-adds of the convolutions and matrix products of one sample, as the definition has them: padding included,
 * Winograd not. A training step has the gradient to the weights of every layer, and the gradient to the input of all but
 * those that read the images.
 */
export function multiplyAdds({ nodes }: Net, task: 'train' | 'inference'): number {
  return nodes.reduce((sum, node) => {
    const passes = task === 'inference' ? 1 : node.inputs[0] === 0 ? 2 : 3
    if (node.op === 'linear') return sum + passes * node.in * node.out
    if (node.op !== 'conv') return sum
    const [maps, height, width] = node.shape
    return sum + passes * maps * height * width * (node.in / node.groups) * node.kernel ** 2
  }, 0)
}

/** Puts nodes together; every method adds one and returns its index. */
export class Builder {
  readonly nodes: Node[]

  constructor(shape: Shape) {
    this.nodes = [{ op: 'input', inputs: [], shape }]
  }

  conv(
    x: number,
    out: number,
    kernel: number,
    { stride = 1, pad = kernel >> 1, groups = 1, bias = false } = {},
  ): number {
    const [channels, height, width] = this.shapeOf(x)
    const side = (size: number): number => Math.floor((size + 2 * pad - kernel) / stride) + 1
    const operation = { op: 'conv', in: channels, out, kernel, stride, pad, groups, bias } as const
    return this.push(operation, [x], [out, side(height), side(width)])
  }

  batchNorm(x: number, epsilon = 1e-5): number {
    return this.push({ op: 'batchNorm', channels: this.shapeOf(x)[0], epsilon }, [x])
  }

  activation(op: 'relu' | 'relu6' | 'sigmoid', x: number): number {
    return this.push({ op }, [x])
  }

  relu(x: number): number {
    return this.activation('relu', x)
  }

  maxPool(x: number, kernel: number, { stride = kernel, pad = 0, ceil = false } = {}): number {
    const [channels, height] = this.shapeOf(x)
    const side = (ceil ? Math.ceil : Math.floor)((height + 2 * pad - kernel) / stride) + 1
    const padEnd = Math.max(pad, (side - 1) * stride + kernel - height - pad)
    return this.push({ op: 'maxPool', kernel, stride, pad, padEnd: ceil ? padEnd : pad }, [x], [channels, side, side])
  }

  globalPool(x: number): number {
    return this.push({ op: 'globalPool' }, [x], [this.shapeOf(x)[0], 1, 1])
  }

  flatten(x: number): number {
    return this.push({ op: 'flatten' }, [x], [this.shapeOf(x).reduce((product, size) => product * size, 1), 1, 1])
  }

  linear(x: number, out: number): number {
    return this.push({ op: 'linear', in: this.shapeOf(x)[0], out }, [x], [out, 1, 1])
  }

  dropout(x: number, probability: number): number {
    return this.push({ op: 'dropout', probability }, [x])
  }

  add(x: number, y: number): number {
    return this.push({ op: 'add' }, [x, y])
  }

  scale(x: number, factors: number): number {
    return this.push({ op: 'scale' }, [x, factors])
  }

  concat(xs: readonly number[]): number {
    const [, height, width] = this.shapeOf(xs[0])
    return this.push({ op: 'concat' }, xs, [xs.reduce((sum, x) => sum + this.shapeOf(x)[0], 0), height, width])
  }

  subsample(x: number, extra: number): number {
    const [channels, height, width] = this.shapeOf(x)
    return this.push({ op: 'subsample', extra }, [x], [channels + extra, Math.ceil(height / 2), Math.ceil(width / 2)])
  }

  shapeOf(x: number): Shape {
    return this.nodes[x].shape
  }

  /** Convolution without bias and batch normalization. */
  normalized(x: number, out: number, kernel: number, stride = 1): number {
    return this.batchNorm(this.conv(x, out, kernel, { stride }))
  }

  private push(operation: Operation, inputs: readonly number[], shape = this.shapeOf(inputs[0])): number {
    this.nodes.push({ ...operation, inputs, shape })
    return this.nodes.length - 1
  }
}
