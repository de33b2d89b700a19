/**
 * The teaching view: a scalar graph as flat code with numbers, one line per value, first forward, then backward.
 *
 * Backward lines follow the forward ones in reverse; each gradient is named `grad_` + the value it belongs to. Gate
 * patterns can be read off: a sum distributes the gradient, a maximum routes it, a product swaps its operands.
 */
import { evaluateReference, type InputValues } from './evaluate.ts'
import { type Expression, formatExpression } from './expression.ts'
import { accumulateGradients } from './gradient.ts'
import type { ReferenceTensor } from './op.ts'
import { formatShape } from './shape.ts'
import { isApplicationOf } from './table.ts'
import { type Tensor, topologicalOrder } from './tensor.ts'

/** Options of {@link explain}. */
export interface ExplainOptions {
  /**
   * Values of the graph's inputs by name; constants and variables have their own. If the value of an input is missing,
   * the code is printed without numbers.
   */
  readonly values?: InputValues
  /**
   * Values whose gradients are printed, together with those of the values in between. By default all f32 inputs,
   * variables and named constants; `[]` omits the backward part.
   */
  readonly gradients?: readonly Tensor[]
  /** Significant digits of numbers, 6 by default. */
  readonly digits?: number
}

/** Tensors with at most this many elements are printed in full, larger ones as shape, mean, minimum and maximum. */
const printedElements = 8

/** Lines longer than this do not move the column of values to the right. */
const alignedWidth = 48

/**
 * A scalar graph as flat code. Names are the tensors' labels; unlabeled values are called s0, s1, … in order.
 * @throws ShapeError when `loss` is not an f32 scalar or a given value does not fit its input.
 * @example
 * const [x, y, z] = [-2, 5, -4].map((value, i) => constantTensor(value).named('xyz'[i]))
 * const q = add(x, y).named('q')
 * explain(mul(q, z).named('f'))
 * // q = x + y           = 3
 * // f = q * z           = -12
 * // --- backward
 * // grad_f = 1
 * // grad_z = grad_f * q = 3 …
 */
export function explain(loss: Tensor, options: ExplainOptions = {}): string {
  const { digits = 6 } = options
  const forward = topologicalOrder([loss])
  const targets = options.gradients ?? forward.filter(isParameter)
  const found = accumulateGradients(loss, targets)
  const backward = targets.length === 0 ? [] : forward.filter(tensor => found.has(tensor)).reverse()

  const names = new Names()
  for (const tensor of forward) names.add(tensor, sourceName(tensor))
  const writer = new Writer(names, usersOf([loss, ...found.values()]), found)
  for (const tensor of forward) if (!tensor.source) writer.line(tensor)
  const forwardLines = writer.take()
  for (const tensor of backward) writer.gradientLine(tensor)
  const lines = [...forwardLines, ...writer.take()]

  const numbers = valuesOf(lines, forward, options.values ?? {}, digits)
  const width = Math.min(alignedWidth, Math.max(...lines.map(({ text }) => text.length)))
  const print = ({ text, value }: Line): string => {
    const number = value && numbers.get(value)
    return number === undefined || text.endsWith(` = ${number}`) ? text : `${text.padEnd(width)} = ${number}`
  }
  const head = forwardLines.map(print)
  return backward.length === 0
    ? head.join('\n')
    : [...head, '--- backward', ...lines.slice(head.length).map(print)].join('\n')
}

/** A line of code and the tensor whose value it shows. */
interface Line {
  readonly text: string
  readonly value: Tensor
}

function isParameter({ source, dtype, label }: Tensor): boolean {
  return source !== undefined && dtype === 'f32' && (source.kind !== 'constant' || label !== undefined)
}

/** Name of a source, or its number when it is an unnamed scalar constant; undefined for other values. */
function sourceName({ source, label }: Tensor): string | undefined {
  if (label !== undefined) return label
  if (source?.kind === 'input') return source.name
  if (source?.kind === 'variable') return source.variable.name
  return source?.kind === 'constant' && source.values.length === 1 ? String(source.values[0]) : undefined
}

/** The names of values, unique except for numbers. */
class Names {
  readonly #names = new Map<Tensor, string>()
  readonly #used = new Set<string>()
  #next = 0

  /** Names a tensor. A wish that is taken gets a numeric suffix; without a wish the name is the next of s0, s1, …. */
  add(tensor: Tensor, wish?: string): void {
    const isNumber = wish !== undefined && wish.trim() !== '' && Number.isFinite(Number(wish))
    let name = wish ?? `s${this.#next++}`
    for (let k = 2; this.#used.has(name) && !isNumber; k++)
      name = wish === undefined ? `s${this.#next++}` : `${wish}_${k}`
    this.#used.add(name)
    this.#names.set(tensor, name)
  }

  of(tensor: Tensor): string | undefined {
    return this.#names.get(tensor)
  }
}

/** Writes lines. A value without a name is written where it is used, or on a separate line if it is used twice. */
class Writer {
  readonly #names: Names
  readonly #users: ReadonlyMap<Tensor, readonly Tensor[]>
  readonly #gradients: ReadonlyMap<Tensor, Tensor>
  #lines: Line[] = []
  /** Names that take precedence on the current line. */
  #nearest: ReadonlyMap<Tensor | undefined, string> = new Map()

  constructor(names: Names, users: ReadonlyMap<Tensor, readonly Tensor[]>, gradients: ReadonlyMap<Tensor, Tensor>) {
    this.#names = names
    this.#users = users
    this.#gradients = gradients
  }

  /** The lines since the last call. */
  take(): Line[] {
    const lines = this.#lines
    this.#lines = []
    return lines
  }

  /** `name = code` for a named tensor. */
  line(tensor: Tensor): void {
    this.#lines.push({ text: `${this.#names.of(tensor)} = ${this.#code(tensor)}`, value: tensor })
  }

  /** `grad_name = code` for a tensor with a gradient, after the lines that the code needs. */
  gradientLine(tensor: Tensor): void {
    const gradient = this.#gradients.get(tensor) as Tensor
    const name = `grad_${this.#names.of(tensor)}`
    // A gradient shared by several values has the name of the only one that reads this value, if there is just one.
    const readers = (this.#users.get(tensor) ?? []).filter(user => this.#gradients.has(user) && user !== gradient)
    const arriving = readers.map(user => this.#gradients.get(user))
    const single = readers.filter((_, k) => arriving.indexOf(arriving[k]) === arriving.lastIndexOf(arriving[k]))
    this.#nearest = new Map(single.map(user => [this.#gradients.get(user), `grad_${this.#names.of(user)}`]))
    const code = this.#nameOf(gradient) ?? this.#code(gradient)
    this.#nearest = new Map()
    this.#lines.push({ text: `${name} = ${code}`, value: gradient })
    if (this.#names.of(gradient) === undefined) this.#names.add(gradient, name)
  }

  #nameOf(tensor: Tensor): string | undefined {
    return this.#nearest.get(tensor) ?? this.#names.of(tensor)
  }

  /** The text for a value within a line: its name, else its code. */
  #reference(tensor: Tensor, insideExpression: boolean): string {
    const known = this.#nameOf(tensor)
    if (known !== undefined) return known
    const code = this.#code(tensor)
    if ((this.#users.get(tensor)?.length ?? 0) > 1 && tensor.inputs.length > 0) {
      this.#names.add(tensor)
      const name = this.#names.of(tensor) as string
      this.#lines.push({ text: `${name} = ${code}`, value: tensor })
      return name
    }
    return insideExpression && isCompound(tensor) ? `(${code})` : code
  }

  #code(tensor: Tensor): string {
    const operand = (index: number): string => this.#reference(tensor.inputs[index], false)
    if (tensor.source) return formatShape(tensor.shape)
    if (isApplicationOf(tensor, 'map')) {
      const { expression, stopGradient } = tensor.attributes
      if (stopGradient) return `stopGradient(${operand(0)})`
      if (expression.kind === 'input') return `broadcast(${operand(0)}, ${formatShape(tensor.shape)})`
      const operands = tensor.inputs.map(input => this.#reference(input, true))
      return formatExpression(expression, index => operands[index])
    }
    if (isApplicationOf(tensor, 'reduce')) {
      const { fn, axes } = tensor.attributes
      return axes.length === tensor.inputs[0].shape.length ? `${fn}(${operand(0)})` : `${fn}(${operand(0)}, [${axes}])`
    }
    if (isApplicationOf(tensor, 'matmul')) {
      const { transposeA, transposeB } = tensor.attributes
      return `matmul(${operand(0)}${transposeA ? 'ᵀ' : ''}, ${operand(1)}${transposeB ? 'ᵀ' : ''})`
    }
    const operands = tensor.inputs.map((_, index) => operand(index))
    return `${tensor.op}(${[...operands, ...notableAttributes(tensor.attributes)].join(', ')})`
  }
}

/** True when the code of a tensor needs parentheses inside an expression. */
function isCompound(tensor: Tensor): boolean {
  if (!isApplicationOf(tensor, 'map') || tensor.attributes.stopGradient) return false
  const { expression } = tensor.attributes
  const infix = (e: Expression): boolean => e.kind === 'binary' && e.fn !== 'max' && e.fn !== 'min'
  return infix(expression) || expression.kind === 'compare' || (expression.kind === 'unary' && expression.fn === 'neg')
}

/** `stride 2,2` and the like: attributes that differ from the usual values. */
function notableAttributes(attributes: unknown): string[] {
  const usual = new Map<string, string>([
    ['stride', '1,1'],
    ['dilation', '1,1'],
    ['padding', '0,0,0,0'],
    ['groups', '1'],
  ])
  const flat = (value: unknown): string =>
    Array.isArray(value)
      ? value.map(flat).join()
      : typeof value === 'object' && value !== null
        ? Object.values(value).map(flat).join()
        : String(value)
  return Object.entries(attributes ?? {})
    .filter(([name, value]) => value !== undefined && usual.get(name) !== flat(value))
    .map(([name, value]) => {
      const text = Array.isArray(value) ? `[${value.map(flat).join(', ')}]` : flat(value)
      return name === 'shape' ? text : `${name} ${text}`
    })
}

function usersOf(roots: Iterable<Tensor>): Map<Tensor, Tensor[]> {
  const users = new Map<Tensor, Tensor[]>()
  for (const tensor of topologicalOrder(roots)) {
    for (const input of tensor.inputs) users.set(input, [...(users.get(input) ?? []), tensor])
  }
  return users
}

/** The values of the lines as text; empty when an input of the graph has no value. */
function valuesOf(
  lines: readonly Line[],
  forward: readonly Tensor[],
  given: InputValues,
  digits: number,
): Map<Tensor, string> {
  const missing = forward.some(({ source }) => source?.kind === 'input' && !Object.hasOwn(given, source.name))
  if (missing) return new Map()
  const tensors = lines.map(({ value }) => value)
  const values = evaluateReference(tensors, given)
  return new Map(tensors.map((tensor, index) => [tensor, formatValue(values[index], digits)]))
}

function formatValue({ shape, values: data }: ReferenceTensor, digits: number): string {
  // Converted to a number and back to drop trailing zeros; + 0 turns −0 into 0.
  const number = (value: number): string => String(Number(value.toPrecision(digits)) + 0)
  if (shape.length === 0) return number(data[0])
  if (data.length <= printedElements) return `${formatShape(shape)} ${Array.from(data, number).join(' ')}`
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length
  const least = data.reduce((a, b) => Math.min(a, b))
  const largest = data.reduce((a, b) => Math.max(a, b))
  return `${formatShape(shape)} mean ${number(mean)}, min ${number(least)}, max ${number(largest)}`
}
