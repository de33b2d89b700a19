/**
 * Tensors: lazy values of the graph. A tensor says how it is computed (an operation, its attributes and its input
 * tensors) and what it will be (shape and element type); it holds no numbers. The graph is the set of tensors
 * reachable from the requested ones.
 */
import type { DType, Shape } from './shape.ts'
import type { Variable } from './variable.ts'

/** Where the value of a tensor without inputs comes from. */
export type Source =
  | {
      readonly kind: 'input'
      /** Name by which the value is passed to each run. */
      readonly name: string
      /** True when axis 0 counts independent samples of a batch. */
      readonly batched: boolean
    }
  | { readonly kind: 'variable'; readonly variable: Variable; readonly batched?: boolean }
  | { readonly kind: 'constant'; readonly values: ArrayLike<number> }

/** Computes tensors on request; installed by the package's entry point, so that the graph depends on no backend. */
type Evaluator = (tensor: Tensor) => Promise<Float32Array | Int32Array | Uint8Array>

let evaluator: Evaluator | undefined
let nextId = 0

/**
 * A lazy value with rank in its type: `Tensor<[number, number]>` is a matrix.
 * Made by the functions of the graph (`add`, `conv2d`, `input`, …), never directly.
 */
export class Tensor<S extends Shape = Shape> {
  /** Increases in the order of creation, so sorting by it is a topological order. */
  readonly id = nextId++
  /** Name of the operation in the op table, or `source`. */
  readonly op: string
  readonly inputs: readonly Tensor[]
  /** Attributes of the operation; their type is given by the op table. */
  readonly attributes: unknown
  readonly shape: S
  readonly dtype: DType
  /** Set when `op` is `source`. */
  readonly source: Source | undefined
  /** Path or variable name for printing and capture: `conv1`, `features.3`. */
  label: string | undefined

  constructor(fields: {
    op: string
    inputs: readonly Tensor[]
    attributes: unknown
    shape: S
    dtype: DType
    source?: Source
    label?: string | undefined
  }) {
    this.op = fields.op
    this.inputs = fields.inputs
    this.attributes = fields.attributes
    this.shape = fields.shape
    this.dtype = fields.dtype
    this.source = fields.source
    this.label = fields.label
  }

  /** Number of axes. */
  get rank(): S['length'] {
    return this.shape.length
  }

  /** Names the value, for `explain`, `formatPlan` and capture. Returns the tensor itself. */
  named(label: string): this {
    this.label = label
    return this
  }

  /**
   * Computes the value on the default engine and returns a copy, row-major.
   * @throws Error when the graph has inputs that are not constants or variables, or no engine is installed.
   */
  data(): Promise<Float32Array | Int32Array | Uint8Array> {
    if (!evaluator)
      throw new Error("Tensor.data(): no engine is installed; import from 'fovea', or use evaluate([tensor], engine)")
    return evaluator(this)
  }
}

/** Installs what `Tensor.data()` runs on. Called once by the package's entry point. */
export function installEvaluator(evaluate: Evaluator): void {
  evaluator = evaluate
}

/** A number as a graph value. */
export type Scalar = Tensor<readonly []>
/** A value with one axis. */
export type Vector = Tensor<readonly [number]>
/** A value with two axes, `[rows, columns]` or `[N, features]`. */
export type Matrix = Tensor<readonly [number, number]>
/** A value with four axes: activations `[N, C, H, W]` or weights `[O, I, H, W]`. */
export type Volume = Tensor<readonly [number, number, number, number]>

/** The given tensors and everything they depend on; each tensor comes before its users. */
export function topologicalOrder(roots: Iterable<Tensor>): Tensor[] {
  const order: Tensor[] = []
  const seen = new Set<Tensor>()
  const stack: { tensor: Tensor; next: number }[] = []
  for (const root of roots) {
    if (seen.has(root)) continue
    seen.add(root)
    stack.push({ tensor: root, next: 0 })
    while (stack.length > 0) {
      const top = stack[stack.length - 1]
      if (top.next < top.tensor.inputs.length) {
        const input = top.tensor.inputs[top.next++]
        if (!seen.has(input)) {
          seen.add(input)
          stack.push({ tensor: input, next: 0 })
        }
      } else {
        order.push(top.tensor)
        stack.pop()
      }
    }
  }
  return order
}
