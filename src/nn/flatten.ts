/** From volumes to vectors, between the convolutions and the fully connected layers. */
import { flatten as flattenTensor } from '../graph/ops/reshape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type ForwardContext, Module } from './module.ts'

/** Joins all axes but the first: `[N, C, H, W] → [N, C·H·W]`, channel by channel as in PyTorch. */
export class Flatten extends Module {
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    return this.located(() => this.label(flattenTensor(x)))
  }
}

/**
 * Joins all axes but the first: `[N, C, H, W] → [N, C·H·W]`.
 * @example flatten() // [8, 16, 5, 5] → [8, 400]
 */
export const flatten = (): Flatten => new Flatten()
