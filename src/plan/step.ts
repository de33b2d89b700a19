/** The steps of a plan. Each is an operation of the table, with element-wise work before and after it. */
import { type Expression, input } from '../graph/expression.ts'
import type { Shape } from '../graph/shape.ts'
import type { AttributesOf, OpName } from '../graph/table.ts'
import { Tensor } from '../graph/tensor.ts'

/** Element-wise work done on a result before it is stored. */
export interface Epilogue {
  /** `input(0)` is the operation's result, `input(k)` is `inputs[k − 1]`. */
  readonly expression: Expression
  readonly inputs: readonly Tensor[]
}

/**
 * What a reduction folds instead of a single input: an expression of its inputs, with this shape, that is never
 * stored.
 */
export interface Prologue {
  readonly expression: Expression
  readonly shape: Shape
}

/** An operation, applied. */
export interface StepOf<K extends OpName> {
  readonly op: K
  readonly attributes: AttributesOf<K>
  /** What the operation reads, followed by what only its form reads; see {@link Form.operands}. */
  readonly inputs: readonly Tensor[]
  readonly prologue?: Prologue
  readonly epilogue?: Epilogue
  /** What is written: the result after the epilogue, then the switches of a max pool or what its form also stores. */
  readonly outputs: readonly [Tensor, ...Tensor[]]
}

/** A step as it comes from the graph, before layouts are chosen. */
export type FusedStep = { readonly [K in OpName]: StepOf<K> }[OpName]

/**
 * How a backend computes a step when one kernel on whole operands does not do it. Each backend has its own union of
 * forms, discriminated by `kind`. The plan passes a form along and reads only the following fields.
 */
export interface Form {
  readonly kind: string
  /** What the plan's text calls the operation; its name in the table by default. */
  readonly name?: string
  /** How many of the inputs are the operation's own; all by default. */
  readonly operands?: number
  /** What the plan's text adds to the shapes of the results: `per block`. */
  readonly extent?: string
}

/** What planning adds to a step. */
export interface StepPlan<F extends Form = Form> {
  /** Multiply-adds in one run. */
  readonly multiplyAdds: number
  /** Bytes of scratch that each thread needs while it works on the step. */
  readonly workspace: number
  /** Absent when one kernel computes the operation. */
  readonly form?: F
}

/** One step of a plan. */
export type Step<F extends Form = Form> = FusedStep & StepPlan<F>

/** Steps between two barriers of the threads. */
export interface Group<F extends Form = Form> {
  readonly kind: 'blocked' | 'whole'
  readonly steps: readonly Step<F>[]
}

/** Everything a step reads, once each. */
export function stepInputs({ inputs, epilogue }: FusedStep): readonly Tensor[] {
  return [...new Set([...inputs, ...(epilogue?.inputs ?? [])])]
}

/** The operation's own inputs. */
export function operandsOf({ inputs, form }: Step): readonly Tensor[] {
  return inputs.slice(0, form?.operands)
}

/** The tensor whose memory a value occupies: reshapes are views of their input. */
export function storageOf(tensor: Tensor): Tensor {
  let root = tensor
  while (root.op === 'reshape') root = root.inputs[0]
  return root
}

/**
 * A step that copies a value, into another layout or into a variable. Unlike the `map` of the op table it keeps the
 * element type: the bits of integers and bytes do not change.
 */
export function copyStep(tensor: Tensor, label = tensor.label): StepOf<'map'> & StepPlan<never> {
  const { shape, dtype } = tensor
  const attributes = { expression: input(0), shape }
  const output = new Tensor({ op: 'map', inputs: [tensor], attributes, shape, dtype, label })
  return { op: 'map', attributes, inputs: [tensor], outputs: [output], multiplyAdds: 0, workspace: 0 }
}
