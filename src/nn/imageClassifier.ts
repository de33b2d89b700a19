/** A network together with the preprocessing of its images: it takes bytes, and its weights keep their own names. */
import type { Tensor } from '../graph/tensor.ts'
import { type ForwardContext, Module } from './module.ts'

/**
 * Normalization and a network: images `u8 [N, H, W, C]` → logits `[N, classes]`.
 *
 * The network's modules and variables keep the paths they have without the normalization (`conv1.weight`), which are
 * the names of the checkpoints of other frameworks; a chain of the two would call them `network.conv1.weight`.
 * @example
 * const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(0)
 * model.variables().has('conv1.weight') // true
 */
export class ImageClassifier extends Module {
  readonly normalize: Module
  readonly network: Module

  /** @param normalize `normalize(…)`, `standardize(…)` or `whiten(…)`: bytes to what the network takes */
  constructor(normalize: Module, network: Module) {
    super()
    this.normalize = normalize
    this.network = network
    this.assignPaths()
  }

  override get fixedBatch(): number | undefined {
    return this.network.fixedBatch
  }

  /** All modules, those of the network under their own paths. */
  override *modules(prefix = '', seen: Set<Module> = new Set()): Generator<[path: string, module: Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    yield* this.normalize.modules(prefix ? `${prefix}.normalize` : 'normalize', seen)
    yield* this.network.modules(prefix, seen)
  }

  /** @throws ShapeError when the images are not `u8 [N, H, W, C]` or do not fit the network. */
  override forward(images: Tensor, context: ForwardContext): Tensor {
    return this.network.forward(this.normalize.forward(images, context), context)
  }
}
