/**
 * Cuts a network in two: the trunk is the largest part after the images whose outputs for an image are equal in every
 * step of a run; the head is everything after it. The cut is found in the graph, so it does not matter how the network
 * is written: a value belongs to the trunk when it depends on no trained parameter, no batch statistics and nothing
 * random.
 */
import { reshape } from '../graph/ops/reshape.ts'
import { sliceAxis } from '../graph/ops/slice.ts'
import { sizeOf } from '../graph/shape.ts'
import { simplify } from '../graph/simplify.ts'
import { substituteTensors } from '../graph/substitute.ts'
import { type OpName, opOf } from '../graph/table.ts'
import { type Tensor, topologicalOrder } from '../graph/tensor.ts'
import { Variable } from '../graph/variable.ts'
import { type AuxiliaryOutput, type ForwardContext, Module, Parameter } from '../nn/module.ts'
import type { Program } from '../plan/program.ts'
import { batchInputs, type ImageShape, trainingKey } from './programs.ts'

/** A traced network and where it is cut. */
interface Cut {
  /** The values that the head reads, `f32 [N, …]`, in an order that depends only on the network. */
  readonly features: readonly Tensor[]
  /** Input of the trunk. */
  readonly variables: ReadonlySet<Variable>
  /** Label of the first value that differs from step to step. */
  readonly changing: string | undefined
}

/** A model whose beginning is frozen, in two parts. */
export class FrozenTrunk {
  /**
   * The rest of the model: features `f32 [N, features]` → logits. Its variables are those of the whole model, under the
   * same paths. The batch norm layers of the trunk compute as at test time; all other layers are unchanged.
   */
  readonly head: Module
  readonly #model: Module
  readonly #shape: ImageShape
  readonly #frozen: ReadonlySet<Module>
  readonly #changing: ReadonlySet<Variable>

  /**
   * @param shape `[height, width, channels]` of the images
   * @param trained the parameters that are trained at any time during the run, by path
   * @throws RangeError when there is nothing to keep: no frozen parameter comes before everything that changes.
   */
  constructor(model: Module, shape: ImageShape, trained: ReadonlyMap<string, Parameter>) {
    this.#model = model
    this.#shape = shape
    // The layers of the trunk that are frozen: they have parameters, and none of them is trained.
    const learned = new Set<Variable>(trained.values())
    const frozen = new Set<Module>()
    for (const [, module] of model.modules()) {
      const own = ownVariables(module).filter(variable => variable instanceof Parameter)
      if (own.length > 0 && !own.some(parameter => learned.has(parameter))) frozen.add(module)
    }
    const first = this.#trace(2, true, frozen, learned)
    const { variables, features, changing } = first.cut
    const hasParameters = [...variables].some(variable => variable instanceof Parameter)
    if (!hasParameters || features.some(({ dtype }) => dtype !== 'f32')) {
      const at = changing === undefined ? '' : ` (${changing})`
      throw new RangeError(
        'cacheFeatures: there is nothing to cache: no frozen layer comes before the first that is trained, draws random ' +
          `numbers or looks at the whole batch${at}`,
      )
    }
    this.#frozen = new Set([...frozen].filter(module => ownVariables(module).some(own => variables.has(own))))
    // Running statistics of the head are updated from the images.
    const { updates } = this.#trace(2, true, this.#frozen, learned)
    this.#changing = new Set([...learned, ...updates.keys()])
    this.head = new Head(model, (features, context) => this.#forward(features, context))
  }

  /** Number of features of an image; in training it may differ from that at test time, when nothing is dropped. */
  features(training: boolean): number {
    return this.#cut(2, training).features.reduce((sum, { shape }) => sum + sizeOf(shape.slice(1)), 0)
  }

  /** The program of the trunk. Input: `images` u8 `[N, H, W, C]`. Outputs: `0`, `1`, …, each f32 `[N, …]`. */
  program(batch: number, training: boolean): Program {
    const values = simplify(this.#cut(batch, training).features)
    return { outputs: Object.fromEntries(values.entries()), updates: new Map() }
  }

  #cut(batch: number, training: boolean): Cut {
    return this.#trace(batch, training, this.#frozen, this.#changing).cut
  }

  #trace(
    batch: number,
    training: boolean,
    frozen: ReadonlySet<Module>,
    changing: ReadonlySet<Variable>,
  ): { cut: Cut; updates: ReadonlyMap<Variable, Tensor> } {
    const { images } = batchInputs(this.#shape, batch)
    const auxiliary: AuxiliaryOutput[] = []
    const updates = new Map<Variable, Tensor>()
    const logits = this.#model.forward(images, { training, key: trainingKey(), updates, auxiliary, frozen })
    return { cut: cutOf(images, rootsOf(logits, updates, auxiliary), changing), updates }
  }

  /** Traces the whole model and replaces the trunk's outputs by the given features. */
  #forward(features: Tensor, context: ForwardContext): Tensor {
    const { images } = batchInputs(this.#shape, features.shape[0])
    const logits = this.#model.forward(images, { ...context, frozen: this.#frozen })
    const { updates, auxiliary = [] } = context
    const roots = rootsOf(logits, updates, auxiliary)
    const given = new Map<Tensor, Tensor>()
    let start = 0
    for (const feature of cutOf(images, roots, this.#changing).features) {
      const end = start + sizeOf(feature.shape.slice(1))
      given.set(feature, reshape(sliceAxis(features, 1, start, end), feature.shape))
      start = end
    }
    const [output, ...others] = substituteTensors(roots, given)
    for (const variable of updates.keys()) updates.set(variable, others.shift()!)
    auxiliary.forEach((part, k) => {
      auxiliary[k] = { ...part, logits: others[k]! }
    })
    return output!
  }
}

/** The model after the cut. */
class Head extends Module {
  readonly model: Module
  readonly #trace: (features: Tensor, context: ForwardContext) => Tensor

  constructor(model: Module, trace: (features: Tensor, context: ForwardContext) => Tensor) {
    super()
    this.model = model
    this.#trace = trace
  }

  override modules(prefix?: string, seen?: Set<Module>): Generator<[path: string, module: Module]> {
    return this.model.modules(prefix, seen)
  }

  override forward(features: Tensor, context: ForwardContext): Tensor {
    return this.#trace(features, context)
  }
}

const ownVariables = (module: Module): Variable[] => Object.values(module).filter(value => value instanceof Variable)

const rootsOf = (
  logits: Tensor,
  updates: ReadonlyMap<Variable, Tensor>,
  auxiliary: readonly AuxiliaryOutput[],
): Tensor[] => [logits, ...updates.values(), ...auxiliary.map(part => part.logits)]

const cheap: ReadonlySet<string> = new Set<OpName>(['map', 'reshape', 'slice', 'pad', 'transpose', 'concat'])

/** Cuts a graph where values begin to change. @param changing variables that change from step to step */
function cutOf(images: Tensor, roots: readonly Tensor[], changing: ReadonlySet<Variable>): Cut {
  const order = topologicalOrder(roots)
  // Values of single images that do not change. A value in neither set depends on no image, and does not change either.
  const fixed = new Set<Tensor>([images])
  const moving = new Set<Tensor>()
  for (const tensor of order) {
    const { source, inputs, attributes } = tensor
    if (tensor === images) continue
    if (source) {
      if (source.kind === 'input' || (source.kind === 'variable' && changing.has(source.variable))) moving.add(tensor)
    } else if (inputs.some(input => moving.has(input))) moving.add(tensor)
    else if (inputs.some(input => fixed.has(input))) {
      const isBatched = (input: Tensor): boolean => fixed.has(input)
      const role = opOf(tensor).batch({ output: tensor, inputs, isBatched }, attributes)
      if (role === 'parallel') fixed.add(tensor)
      else moving.add(tensor)
    }
  }
  const read = new Set<Tensor>(roots)
  for (const tensor of moving) for (const input of tensor.inputs) read.add(input)
  const features = new Set<Tensor>()
  // A value that is almost free to compute from other features is not worth its memory: the parts of a shortcut without
  // weights.
  const made = new Set<Tensor>()
  for (const tensor of order) {
    if (!fixed.has(tensor)) continue
    const { op, inputs } = tensor
    if (cheap.has(op) && inputs.every(input => !fixed.has(input) || made.has(input))) made.add(tensor)
    else if (read.has(tensor)) {
      features.add(tensor)
      made.add(tensor)
    }
  }
  const variables = new Set<Variable>()
  for (const { source } of topologicalOrder(features)) if (source?.kind === 'variable') variables.add(source.variable)
  return { features: [...features], variables, changing: order.find(isLabeled(moving))?.label }
}

const isLabeled =
  (among: ReadonlySet<Tensor>) =>
  (tensor: Tensor): boolean =>
    among.has(tensor) && !tensor.source && tensor.label !== undefined
