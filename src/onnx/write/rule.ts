/** A rule of the exporter: it recognizes a part of Fovea's graph, and writes the ONNX nodes that compute the same. */
import type { Shape } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { AttributeValue } from './attributes.ts'
import type { Value } from './nodes.ts'
import type { BatchTrace, Size } from './sizes.ts'

/** Writes the nodes of one value of the network. */
export interface Writer {
  readonly trace: BatchTrace
  /** What numbers 1 and 0 have been cast from: whether a comparison holds. */
  readonly truths: Map<Value, Value>
  /** The value of a tensor that the rule has said it reads. */
  of(tensor: Tensor): Value
  /** The same as `float`; bytes and whole numbers are cast. */
  float(tensor: Tensor): Value
  /** Adds a node. */
  add(op: string, inputs: readonly (Value | undefined)[], attributes?: Readonly<Record<string, AttributeValue>>): Value
  /** Numbers of a formula. */
  constant(values: ArrayLike<number>, shape?: Shape, type?: 'f32' | 'i32' | 'i64'): Value
  /** A weight with other numbers than the network's own, called as it is, or as another weight of its layer. */
  weight(like: Tensor, shape: Shape, values: Float32Array, name?: string): Value
  /** A shape, for operators that take one as an input: of whole numbers, or computed from the number of images. */
  shape(sizes: readonly Size[]): Value
}

/** A part of the graph that has been recognized. */
export interface Recognized {
  /** What it reads. */
  readonly reads: readonly Tensor[]
  /** Writes its nodes. @returns the value */
  write(writer: Writer): Value
}

/** Recognizes what makes a value; undefined where the rule does not apply. */
export type Rule = (tensor: Tensor, trace: BatchTrace) => Recognized | undefined

/** One node whose inputs are values of the network; `undefined` for an input that is left out. */
export function oneNode(
  op: string,
  inputs: readonly (Tensor | undefined)[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Recognized {
  return {
    reads: inputs.filter(input => input !== undefined),
    write: writer =>
      writer.add(
        op,
        inputs.map(input => input && writer.float(input)),
        attributes,
      ),
  }
}

/** The first rule that applies. */
export const firstOf =
  (rules: readonly Rule[]): Rule =>
  (tensor, trace) => {
    for (const rule of rules) {
      const found = rule(tensor, trace)
      if (found) return found
    }
    return undefined
  }
