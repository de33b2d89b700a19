/** Branches side by side: the same input to several modules, their outputs joined along the channels. */
import { concat } from '../graph/ops/concat.ts'
import type { Tensor } from '../graph/tensor.ts'
import { relu } from './activations.ts'
import { conv2d } from './convolution.ts'
import { type ForwardContext, Module } from './module.ts'
import { maxPool2d } from './pooling.ts'
import { type Layers, type Sequential, sequential } from './sequential.ts'

/** Modules whose outputs are joined along axis 1; see {@link parallel}. */
export class Parallel<L extends Layers = Layers> extends Module {
  /** The branches by name, in order. */
  readonly branches: L

  /** @throws Error when there is no branch, or a name is empty or holds a dot. */
  constructor(branches: L) {
    super()
    const names = Object.keys(branches)
    if (names.length === 0) throw new Error('parallel: expected at least one branch')
    for (const name of names) {
      if (name === '' || name.includes('.')) {
        throw new Error(`parallel: the name '${name}' must not be empty or contain a dot`)
      }
    }
    this.branches = branches
  }

  override children(): Map<string, Module> {
    return new Map(Object.entries(this.branches))
  }

  /**
   * `[N, C, …] → [N, C₁ + C₂ + …, …]`.
   * @throws ShapeError when the branches' outputs differ in more than their channels.
   */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const outputs = Object.values(this.branches).map(branch => branch.forward(x, context))
    return this.label(this.located(() => concat(outputs, 1)))
  }
}

/** Number of feature maps of each branch of a {@link naiveInception}. */
export interface NaiveInceptionWidths {
  /** #1×1 */
  readonly ones: number
  /** #3×3 */
  readonly threes: number
  /** #5×5 */
  readonly fives: number
}

/** The branches of a {@link naiveInception}. */
export type NaiveInception = Parallel<{
  readonly branch1: Sequential
  readonly branch2: Sequential
  readonly branch3: Sequential
  readonly branch4: Module
}>

/**
 * Modules that all see the same input and whose outputs are joined along the channels, in order.
 * @throws Error when there is no branch, or a name is empty or holds a dot.
 * @example parallel({ narrow: conv2d(64, 32, 1), wide: conv2d(64, 32, 3, { padding: 1 }) }) // [N, 64, H, W] → [N, 64, H, W]
 */
export const parallel = <L extends Layers>(branches: L): Parallel<L> => new Parallel(branches)

/**
 * The naive inception module (Szegedy et al. 2014, figure 2a): 1×1, 3×3 and 5×5 convolutions with ReLU and 3×3 max
 * pooling of the same input, joined along the channels: `[N, C, H, W] → [N, ones + threes + fives + C, H, W]`. As
 * pooling keeps all channels, every module is wider than the one before it.
 * @throws RangeError when a width is not a whole number ≥ 1.
 * @example naiveInception(256, { ones: 128, threes: 192, fives: 96 }) // the lecture's: 28×28×256 → 28×28×672
 */
export function naiveInception(inChannels: number, { ones, threes, fives }: NaiveInceptionWidths): NaiveInception {
  return parallel({
    branch1: sequential({ conv: conv2d(inChannels, ones, 1), relu: relu() }),
    branch2: sequential({ conv: conv2d(inChannels, threes, 3, { padding: 1 }), relu: relu() }),
    branch3: sequential({ conv: conv2d(inChannels, fives, 5, { padding: 2 }), relu: relu() }),
    branch4: maxPool2d(3, { stride: 1, padding: 1 }),
  })
}
