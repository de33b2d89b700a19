/**
 * A program's inputs and outputs as its user sees them: names, shapes, types. Inputs are checked before anything is
 * computed, so that one caller's mistake fails that call and no other.
 */
import { type DType, formatShape, type Shape, ShapeError, sizeOf } from '../graph/shape.ts'
import { opOf } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type TypedArray, zeros } from '../graph/variable.ts'
import { type Program, programGraph } from '../plan/program.ts'

/** Shape and type of a value. */
export interface ValueType {
  readonly shape: Shape
  readonly dtype: DType
}

/** An input of a program. */
export interface InputType extends ValueType {
  /** For indices and labels, which are 0 … limit − 1. */
  readonly limit?: number
}

/** Inputs of a run by name: row-major values, or a number for a scalar. */
export type RunInputs = Readonly<Record<string, ArrayLike<number> | number>>

/** Outputs of a run by name: row-major copies. */
export type RunOutputs = Readonly<Record<string, TypedArray>>

/**
 * The inputs that a program reads, by name. Those that nothing depends on are left out.
 * @throws RangeError when a constant of the program is an index out of range.
 */
export function inputsOf(program: Program): Map<string, InputType> {
  const { order, inputs } = programGraph(program)
  const limits = limitsOf(order)
  return new Map(
    inputs.map(tensor => {
      const { shape, dtype, source } = tensor
      const limit = limits.get(tensor)
      return [source?.kind === 'input' ? source.name : '', { shape, dtype, ...(limit !== undefined && { limit }) }]
    }),
  )
}

/** The outputs of a program, by name. */
export const outputsOf = ({ outputs }: Program): Map<string, ValueType> =>
  new Map(Object.entries(outputs).map(([name, { shape, dtype }]) => [name, { shape, dtype }]))

/**
 * Checks the inputs of a run.
 * @throws Error naming an input that is missing or unknown; ShapeError for a wrong number of values; RangeError for
 * numbers that do not fit the type, and for indices and labels out of range.
 */
export function checkInputs(inputs: ReadonlyMap<string, InputType>, given: RunInputs): void {
  for (const name of Object.keys(given)) {
    if (inputs.has(name)) continue
    const known = [...inputs].map(([name, type]) => `${name} ${formatType(type)}`).join(', ')
    throw new Error(`program: no input is named '${name}'; it reads ${known || 'none'}`)
  }
  for (const [name, type] of inputs) {
    if (!Object.hasOwn(given, name)) throw new Error(`program: the input '${name}' is missing: ${formatType(type)}`)
    const values = listOf(given[name])
    checkValues(name, type, values)
    if (type.limit !== undefined) checkIndices(name, type.limit, values)
  }
}

/** Checks the outputs requested of a run. @throws Error naming one that the program does not have. */
export function checkOutputs(outputs: ReadonlyMap<string, ValueType>, asked: Iterable<string>): void {
  for (const name of asked) {
    if (!outputs.has(name)) throw new Error(`program: no output is named '${name}'`)
  }
}

/**
 * Checks the values for an input or a variable.
 * @throws ShapeError for a wrong number of values; RangeError for numbers that do not fit the type.
 */
export function checkValues(name: string, { shape, dtype }: ValueType, values: ArrayLike<number>): void {
  if (values?.length !== sizeOf(shape)) {
    throw new ShapeError(`${name}: ${values?.length} values given for shape ${formatShape(shape)}`)
  }
  if (fitsAlways(dtype, values)) return
  const [least, most] = dtype === 'u8' ? [0, 255] : [-(2 ** 31), 2 ** 31 - 1]
  for (let k = 0; k < values.length; k++) {
    const value = values[k]
    if (Number.isInteger(value) && value >= least && value <= most) continue
    throw new RangeError(`${name}: value ${k} (=${value}) must be a whole number from ${least} to ${most} (${dtype})`)
  }
}

/** The values given for an input, as a list. */
export const listOf = (given: ArrayLike<number> | number): ArrayLike<number> =>
  typeof given === 'number' ? [given] : given

/** Copies of the values given to a run, in the types of its inputs. */
export function copyInputs(inputs: ReadonlyMap<string, InputType>, given: RunInputs): Record<string, TypedArray> {
  return Object.fromEntries(Array.from(inputs, ([name, type]) => [name, copyOf(type, listOf(given[name]))]))
}

/** An independent copy of the values, in the type of a value. */
export function copyOf({ shape, dtype }: ValueType, values: ArrayLike<number>): TypedArray {
  const copy = zeros(dtype, sizeOf(shape))
  copy.set(values)
  return copy
}

/** Whether the type of an array guarantees that its numbers fit. */
function fitsAlways(dtype: DType, values: ArrayLike<number>): boolean {
  if (dtype === 'f32') return true
  return dtype === 'i32'
    ? values instanceof Int32Array
    : values instanceof Uint8Array || values instanceof Uint8ClampedArray
}

function checkIndices(name: string, limit: number, values: ArrayLike<number>): void {
  for (let k = 0; k < values.length; k++) {
    const index = values[k]
    if (index >= 0 && index < limit) continue
    throw new RangeError(`${name}: an index or a label (=${index}) is out of range: expected 0 … ${limit - 1}`)
  }
}

/** The smallest limit of every input that is read as indices. Constants are checked immediately. */
function limitsOf(order: readonly Tensor[]): Map<Tensor, number> {
  const limits = new Map<Tensor, number>()
  for (const tensor of order) {
    const indices = tensor.source ? undefined : opOf(tensor).indices?.(tensor, tensor.attributes)
    if (!indices) continue
    let { operand } = indices
    while (operand.op === 'reshape' || operand.op === 'transpose') [operand] = operand.inputs
    const { source, label = 'constant' } = operand
    if (source?.kind === 'constant') checkIndices(label, indices.limit, source.values)
    if (source?.kind === 'input') limits.set(operand, Math.min(indices.limit, limits.get(operand) ?? indices.limit))
  }
  return limits
}

const formatType = ({ shape, dtype }: ValueType): string => `${dtype} ${formatShape(shape)}`
