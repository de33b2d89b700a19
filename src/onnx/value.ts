/**
 * The values on the edges of an ONNX graph while Fovea's graph is made from it: a tensor with ONNX's element type, or
 * numbers already known, such as shapes. Known numbers are computed at once, by the reference facets of the operations,
 * so that shapes are known when they are needed.
 */
import { evaluateReference } from '../graph/evaluate.ts'
import { input } from '../graph/expression.ts'
import { map } from '../graph/ops/map.ts'
import { type Shape, sizeOf } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import { isFloat, type OnnxType } from './elements.ts'
import { Unsupported } from './errors.ts'

/** Numbers. */
export type Numbers = Float32Array | Float64Array | readonly number[]

/** Most elements that are computed while a graph is made. */
const mostFolded = 2 ** 22

/** Most elements of one value. */
const mostElements = 2 ** 31

/** A value of the ONNX graph. */
export class Value {
  readonly type: OnnxType
  readonly shape: Shape
  /** Switches of a maximum pool, where the value is its indices. */
  switches: Tensor | undefined
  #tensor: Tensor | undefined
  #known: Numbers | undefined

  constructor(type: OnnxType, shape: Shape, content: { readonly tensor?: Tensor; readonly known?: Numbers }) {
    this.type = type
    this.shape = shape
    this.#tensor = content.tensor
    this.#known = content.known
  }

  /** True when it has no elements. */
  get isEmpty(): boolean {
    return this.shape.includes(0)
  }

  /** Its numbers, when they are known before any run. */
  get known(): Numbers | undefined {
    return this.#known
  }

  /** Its place in Fovea's graph. @throws Unsupported when it has no elements. */
  get tensor(): Tensor {
    if (this.isEmpty) throw new Unsupported(`a tensor of shape [${this.shape.join(', ')}] has no elements`)
    this.#tensor ??= constantTensor(this.#known as number[], this.shape)
    return this.#tensor
  }

  /** The same value as `f32`, whatever type its numbers are stored in. */
  get float(): Tensor {
    const { tensor } = this
    return tensor.dtype === 'f32' ? tensor : map(input(0), [tensor])
  }

  get rank(): number {
    return this.shape.length
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  /** The same elements under another shape. */
  reshaped(shape: Shape, tensor: () => Tensor): Value {
    if (this.#known && !this.#tensor) return new Value(this.type, shape, { known: this.#known })
    return new Value(this.type, shape, { tensor: tensor(), ...(this.#known && { known: this.#known }) })
  }
}

/** A tensor of Fovea's graph as a value. */
export const tensorValue = (type: OnnxType, tensor: Tensor): Value => new Value(type, tensor.shape, { tensor })

/** Numbers that are known. @throws Unsupported when their number is not that of the shape. */
export function knownValue(type: OnnxType, shape: Shape, known: Numbers): Value {
  if (sizeOf(shape) !== known.length) throw new Unsupported(`${known.length} numbers for shape [${shape.join(', ')}]`)
  return new Value(type, shape, { known })
}

/** A value without elements. */
export const emptyValue = (type: OnnxType, shape: Shape): Value => new Value(type, shape, { known: [] })

/** A known list. */
export const knownList = (type: OnnxType, known: Numbers): Value => knownValue(type, [known.length], known)

/**
 * Computes a value whose tensor depends on constants only, so that its numbers are known.
 * @returns the value itself when it depends on more, or is too large to be computed beforehand
 */
export function fold(value: Value): Value {
  if (value.known || value.isEmpty || value.size > mostFolded) return value
  const { tensor } = value
  if (!isFoldable(tensor)) return value
  const [{ values }] = evaluateReference([tensor])
  return new Value(value.type, value.shape, { known: isFloat(value.type) ? values : values.map(Math.round) })
}

/** Answers of {@link isFoldable}: each value of a graph is built from earlier ones. */
const foldable = new WeakMap<Tensor, boolean>()

/** Whether a tensor depends on constants only, through values of which none is too large. */
function isFoldable(root: Tensor): boolean {
  const stack = [root]
  for (let at = stack.at(-1); at; at = stack.at(-1)) {
    const open = at.inputs.find(input => !foldable.has(input))
    if (open) {
      stack.push(open)
      continue
    }
    const { source, shape, inputs } = at
    const isKnown = source ? source.kind === 'constant' : sizeOf(shape) <= mostFolded
    foldable.set(at, isKnown && inputs.every(input => foldable.get(input)))
    stack.pop()
  }
  return foldable.get(root) === true
}

/**
 * Refuses values that no run could hold.
 * @throws Unsupported naming the shape
 */
export function checkSize(shape: Shape): void {
  const bad = shape.find(extent => !Number.isSafeInteger(extent) || extent < 0)
  if (bad !== undefined) throw new Unsupported(`[${shape.join(', ')}] is no shape: ${bad} is no size`)
  if (sizeOf(shape) > mostElements)
    throw new Unsupported(`a value of shape [${shape.join(', ')}] has more than 2^31 elements`)
}

/** Refuses constants that a small file could expand enormously. @throws Unsupported naming the shape */
export function checkConstant(shape: Shape): void {
  checkSize(shape)
  if (sizeOf(shape) > mostFolded) {
    throw new Unsupported(
      `a constant of shape [${shape.join(', ')}] has more than ${mostFolded} elements, which the file does not hold`,
    )
  }
}
