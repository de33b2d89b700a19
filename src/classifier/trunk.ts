/**
 * A classifier as a trunk: everything before its last fully connected layer, whose features another, new layer can learn
 * from (transfer learning, with a frozen trunk). The cut is found in the graph, so it does not matter how the network is
 * written.
 */
import type { InputShape } from '../data/prepare.ts'
import { formatShape } from '../graph/shape.ts'
import { input } from '../graph/sources.ts'
import { type Tensor, topologicalOrder } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { type Linear, linear } from '../nn/linear.ts'
import { type ForwardContext, inference, Module } from '../nn/module.ts'
import { GraphError } from './errors.ts'

/** From the bytes of images `u8 [N, height, width, channels]` to features `f32 [N, features]`. */
export class Trunk extends Module {
  /** The whole classifier, whose last layer is not asked. */
  readonly network: Module
  /** Numbers that it says of an image. */
  readonly features: number

  /**
   * @param network from bytes to logits, as `readClassifier` gives it
   * @param shape `[height, width, channels]` of an image
   * @throws GraphError when there is no fully connected layer at its end
   */
  constructor(network: Module, shape: InputShape) {
    super()
    this.network = network
    this.features = this.forward(input('images', [1, ...shape], { dtype: 'u8', batched: true })).shape[1] as number
  }

  /** The features of images. */
  override forward(images: Tensor): Tensor {
    return featuresOf(this.network.forward(images, inference()))
  }
}

/** A last layer: logit k of features f is `weights[k] · f + bias[k]`. */
export interface Head {
  /** `[classes, features]` */
  readonly weights: ArrayLike<number>
  /** `[classes]` */
  readonly bias: ArrayLike<number>
}

/** A classifier that consists of a trunk and a new last layer. */
export class HeadedTrunk extends Module {
  readonly trunk: Trunk
  readonly head: Linear

  constructor(trunk: Trunk, { weights, bias }: Head) {
    super()
    this.trunk = trunk
    this.head = headLayer(trunk.features, { weights, bias })
  }

  /** Those of the trunk keep their names, behind `trunk.`. */
  override variables(): Map<string, Variable> {
    const own = [...this.trunk.network.variables()].map(([path, value]) => [`trunk.${path}`, value] as const)
    return new Map([...own, ...[...this.head.variables()].map(([path, value]) => [`head.${path}`, value] as const)])
  }

  /** Logits `[N, classes]`. */
  override forward(images: Tensor, context: ForwardContext): Tensor {
    return this.head.forward(this.trunk.forward(images), context)
  }
}

/** A head as a layer. */
export function headLayer(features: number, { weights, bias }: Head): Linear {
  const layer = linear(features, bias.length)
  layer.weight.setValue(weights)
  layer.bias?.setValue(bias)
  return layer
}

/** What the last fully connected layer before some logits reads. */
function featuresOf(logits: Tensor): Tensor {
  const reading = new Set<Tensor>()
  for (const tensor of topologicalOrder([logits])) {
    if (tensor.source?.kind === 'input' || tensor.inputs.some(from => reading.has(from))) reading.add(tensor)
  }
  for (let at = logits; ; ) {
    const from = at.inputs.filter(value => reading.has(value))
    const [value] = from
    if (from.length !== 1 || !value) break
    if (at.op !== 'matmul') {
      at = value
      continue
    }
    const isRow = value.shape.length === 2 && value.shape[0] === logits.shape[0]
    if (at.inputs[0] === value && isRow && value.dtype === 'f32') return value
    throw new GraphError(
      `its last product reads ${value.dtype} ${formatShape(value.shape)}, not a row of features an image`,
    )
  }
  throw new GraphError('it has no fully connected layer at its end, before which its features could be taken')
}
