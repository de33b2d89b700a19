/**
 * A network of an ONNX file as a module. Its weights are parameters under their names in the file, and `forward` turns
 * its nodes into Fovea's graph, anew for every input shape. So a batch may have any size that the file allows, and the
 * values that the file computes from shapes are known when the graph is made.
 */

import type { DType, Shape } from '../graph/shape.ts'
import { formatShape } from '../graph/shape.ts'
import { input } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { type ForwardContext, inference, Module } from '../nn/module.ts'
import type { OnnxType } from './elements.ts'
import { OnnxError } from './errors.ts'
import { type OnnxFile, type OnnxPort, withFreshWeights, withoutSoftmax } from './file.ts'
import { Tracer } from './trace.ts'
import { knownValue, type Numbers, tensorValue, type Value } from './value.ts'

/** Numbers in place of an input. */
export interface FixedInput {
  readonly shape: Shape
  readonly values: Numbers
}

/** A network of an ONNX file; see {@link importOnnx}. */
export class OnnxNetwork extends Module {
  readonly #file: OnnxFile
  readonly #tracer: Tracer
  readonly #weights: Weights

  /** @internal */
  constructor(file: OnnxFile) {
    super()
    this.#file = file
    this.#tracer = new Tracer(file)
    this.#weights = new Weights(file.variables)
  }

  /** Another network of the same file, with its own weights, initialized from the file. */
  copy(): OnnxNetwork {
    return new OnnxNetwork(withFreshWeights(this.#file))
  }

  /** What the file says about itself. */
  get info(): OnnxFile['info'] {
    return this.#file.info
  }

  /** The inputs of the network, weights left out. */
  get inputs(): readonly OnnxPort[] {
    return this.#file.inputs
  }

  get outputs(): readonly OnnxPort[] {
    return this.#file.outputs
  }

  /** The first size of its inputs, when all of them say one in numbers. */
  override get fixedBatch(): number | undefined {
    const sizes = this.inputs.map(({ shape }) => shape?.[0])
    return sizes.every(size => typeof size === 'number') ? sizes[0] : undefined
  }

  /**
   * The network without a softmax at its end, which shares its weights: its first output is logits, as losses take
   * them. The network itself when it does not end in a softmax over the classes.
   */
  withoutSoftmax(): OnnxNetwork {
    const file = withoutSoftmax(this.#file)
    return file === this.#file ? this : new OnnxNetwork(file)
  }

  /** Advice for training the network: that the exporter has folded batch norm into weights, for example. */
  get notes(): readonly string[] {
    return this.#file.notes
  }

  /** This module, its weights under the names of the file, and its layers, which share them. */
  override *modules(prefix = '', seen: Set<Module> = new Set()): Generator<[path: string, module: Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    yield [prefix, this.#weights]
    for (const [name, layer] of this.#tracer.layers) yield* layer.modules(prefix ? `${prefix}.${name}` : name, seen)
  }

  override children(): Map<string, Module> {
    return this.#tracer.layers
  }

  /**
   * The first output, of a network with one input.
   * @param x of the input's shape; of images, `[N, C, H, W]`
   * @throws OnnxError naming the node and what is not supported; when the network has several inputs, or `x` does not
   *   fit.
   */
  override forward(x: Tensor, context: ForwardContext = inference()): Tensor {
    const [port, ...others] = this.inputs
    if (!port || others.length > 0) {
      const names = this.inputs.map(({ name }) => name).join(', ')
      throw new OnnxError(`the network has ${this.inputs.length} inputs (${names}): give them by name to 'apply'`)
    }
    const [first] = this.outputs
    return this.apply({ [port.name]: x }, context)[first!.name]!
  }

  /**
   * All outputs by name.
   * @param inputs by name: tensors, or numbers that are known now, which may decide shapes
   * @throws OnnxError as {@link forward}
   */
  apply(
    inputs: Readonly<Record<string, Tensor | FixedInput>>,
    context: ForwardContext = inference(),
  ): Record<string, Tensor> {
    return Object.fromEntries(Object.entries(this.run(inputs, context)).map(([name, value]) => [name, value.tensor]))
  }

  /** All outputs by name, as values: known numbers, or tensors. @internal */
  run(
    inputs: Readonly<Record<string, Tensor | FixedInput>>,
    context: ForwardContext = inference(),
  ): Record<string, Value> {
    for (const name of Object.keys(inputs)) {
      if (!this.inputs.some(port => port.name === name)) throw new OnnxError(`the network has no input '${name}'`)
    }
    const values = new Map(this.inputs.map(port => [port.name, inputValue(port, inputs[port.name])]))
    // A frozen network computes as at test time.
    const isFrozen = context.frozen?.has(this) ?? false
    const results = this.#tracer.run(values, isFrozen ? { ...context, training: false } : context)
    return Object.fromEntries(this.outputs.map(({ name }, k) => [name, results[k]!]))
  }

  /**
   * Inputs for a program, by name, of the file's shapes.
   * @param batch value of open first sizes; other open sizes are 1
   * @internal
   */
  makeInputs(batch = 1): Record<string, Tensor> {
    return Object.fromEntries(
      this.inputs.map(({ name, type, shape = [] }) => {
        const sizes = shape.map((extent, axis) => (typeof extent === 'number' ? extent : axis === 0 ? batch : 1))
        return [
          name,
          input(name, sizes, { dtype: storageOf(type), batched: sizes.length > 1 && typeof shape[0] !== 'number' }),
        ]
      }),
    )
  }
}

/** The variables of a file as fields of a module, by their names. */
class Weights extends Module {
  constructor(variables: ReadonlyMap<string, Variable>) {
    super()
    // A weight may have the name of a member of every module.
    for (const [name, variable] of variables)
      Object.assign(this, { [name in this ? `${name}:weight` : name]: variable })
  }

  override forward(): Tensor {
    throw new OnnxError('weights have no forward pass')
  }
}

/** How numbers of a type are stored in Fovea. */
export function storageOf(type: OnnxType): DType {
  if (type === 'uint8' || type === 'bool') return 'u8'
  return type.includes('float') ? 'f32' : 'i32'
}

function inputValue(port: OnnxPort, given: Tensor | FixedInput | undefined): Value {
  if (!given) throw new OnnxError(`input '${port.name}' is missing`)
  const value = 'values' in given ? knownValue(port.type, given.shape, given.values) : tensorValue(port.type, given)
  checkShape(port, value.shape)
  return value
}

/** @throws OnnxError when a shape is not what the file says */
function checkShape({ name, shape: declared }: OnnxPort, shape: Shape): void {
  if (!declared) return
  const expected = `[${declared.join(', ')}]`
  if (declared.length !== shape.length)
    throw new OnnxError(`input '${name}': expected a shape ${expected}, got ${formatShape(shape)}`)
  declared.forEach((extent, axis) => {
    if (typeof extent !== 'number' || extent === shape[axis]) return
    const advice = axis === 0 ? '; export it with a dynamic first axis for batches of any size' : ''
    throw new OnnxError(`input '${name}': expected a shape ${expected}, got ${formatShape(shape)}${advice}`)
  })
}
