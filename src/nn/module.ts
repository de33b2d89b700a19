/**
 * Modules: plain classes with typed fields. A module's parameters, buffers and children are its fields; the tree is
 * walked by reading them, and paths are field names joined by dots, which is PyTorch's naming.
 */
import { type DType, ShapeError, sizeOf } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type HostTensor, Variable } from '../graph/variable.ts'

/** Facts that a forward pass may depend on; passed explicitly, so that a module keeps no state of its own. */
export interface ForwardContext {
  /** True while training: dropout drops, batch norm uses the batch's statistics. */
  readonly training: boolean
  /** `i32 [2]` (seed, step) for random operations; present while training. */
  readonly key?: Tensor
  /** New values for buffers (running statistics), to be stored at the end of the step. */
  readonly updates: Map<Variable, Tensor>
  /**
   * A list to which a network adds the logits of its auxiliary classifiers. Present while training, when the step adds
   * their losses to the network's own, as in `fit` and `trainingProgram`. Without it the classifiers are left out.
   */
  readonly auxiliary?: AuxiliaryOutput[]
  /**
   * Layers that compute as at test time and keep their statistics even while training: batch norm of a frozen trunk.
   */
  readonly frozen?: ReadonlySet<Module>
  /** Sums over all parts of a batch that is computed in parts, for synchronized batch norm. */
  readonly overParts?: OverParts
}

/** What a part of a batch learns of the other parts while it is computed. */
export interface OverParts {
  /** This part's share of the batch's samples, f32 `[]`. */
  readonly share: Tensor
  /**
   * Sums of tensors over all parts, in one exchange.
   * @param isConstant true for sums that no gradient flows through
   */
  sum(values: readonly Tensor[], isConstant?: boolean): Tensor[]
}

/** Logits of an auxiliary classifier: while training, the loss is L(logits) + Σ weight · L(auxiliary logits). */
export interface AuxiliaryOutput {
  /** `[N, classes]` */
  readonly logits: Tensor
  readonly weight: number
}

/** A context for inference. */
export const inference = (): ForwardContext => ({ training: false, updates: new Map() })

/** A trainable variable, with the rule that fills it. */
export class Parameter<S extends readonly number[] = readonly number[]> extends Variable<S> {
  /** Fills a new parameter; `key` is (seed, path)-dependent so that equal seeds give equal weights. */
  readonly initializer: Initializer
  constructor(shape: S, initializer: Initializer) {
    super(shape)
    this.initializer = initializer
  }

  /** Fills it from the random stream (seed, path). */
  initialize(seed: number, path: string): void {
    this.fillWith(values => this.initializer.fill(values as Float32Array, this.shape, seed, path))
  }
}

/** A rule for initial weights. */
export interface Initializer {
  readonly name: string
  /** Writes initial values, row-major, for a parameter of this shape, from the random stream (seed, path). */
  fill(values: Float32Array, shape: readonly number[], seed: number, path: string): void
}

/** A variable that is saved with the model but not trained: running statistics, counters. */
export class ModelBuffer<S extends readonly number[] = readonly number[]> extends Variable<S> {
  /**
   * @param value initial value of every element
   * @param dtype `f32` by default; `i32` for counters
   */
  constructor(shape: S, value: number, dtype: DType = 'f32') {
    super(shape, { dtype })
    this.fillWith(values => values.fill(value))
  }
}

/**
 * Base of everything with a `forward`.
 *
 * A module or variable that two fields share is one module: it appears once, under its first path. A `#` field is not
 * part of the tree. A module belongs to one model, since it knows its path there (see {@link Module.assignPaths}).
 * @example
 * import { conv2d, type ForwardContext, Module, ops, type Tensor } from 'fovea/nn'
 *
 * class Residual extends Module {
 *   readonly conv1 = conv2d(16, 16, 3, { padding: 1 })
 *   override forward(x: Tensor, context: ForwardContext): Tensor {
 *     return ops.relu(ops.add(x, this.conv1.forward(x, context)))
 *   }
 * }
 */
export abstract class Module {
  /**
   * Path in the model, for messages, labels and random streams: `features.3`, and '' for the model itself.
   * Given by {@link assignPaths}; undefined before.
   */
  path: string | undefined

  /** Computes the module's output as graph values. */
  abstract forward(x: Tensor, context: ForwardContext): Tensor

  /**
   * Names of children that only training uses and that weights may therefore lack: auxiliary classifiers. Listed
   * whether the children are there or not, so that `loadState` knows what it may leave out.
   */
  get trainingOnly(): readonly string[] {
    return []
  }

  /** The only number of samples that it takes at a time; undefined, as for nearly all modules, for any number. */
  get fixedBatch(): number | undefined {
    return undefined
  }

  /** Child modules by field name; arrays contribute `name.0`, `name.1`, … */
  children(): Map<string, Module> {
    const found = new Map<string, Module>()
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) found.set(name, value)
      else if (Array.isArray(value)) {
        value.forEach((item, index) => {
          if (item instanceof Module) found.set(`${name}.${index}`, item)
        })
      }
    }
    return found
  }

  /** All modules of the tree with their paths, this one first with path ''; each once. */
  *modules(prefix = '', seen: Set<Module> = new Set()): Generator<[path: string, module: Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    for (const [name, child] of this.children()) yield* child.modules(prefix ? `${prefix}.${name}` : name, seen)
  }

  /** All variables of the tree by path, parameters and buffers, in field order; each once. */
  variables(): Map<string, Variable> {
    const found = new Map<string, Variable>()
    const seen = new Set<Variable>()
    for (const [path, module] of this.modules()) {
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof Variable) || seen.has(value)) continue
        seen.add(value)
        found.set(path ? `${path}.${name}` : name, value)
      }
    }
    return found
  }

  /** The trainable variables by path. */
  parameters(): Map<string, Parameter> {
    const found = new Map<string, Parameter>()
    for (const [path, variable] of this.variables()) if (variable instanceof Parameter) found.set(path, variable)
    return found
  }

  /**
   * Gives every module and variable of the tree its path, with this module as the root. Returns the module.
   *
   * A layer has one path. When two models share it, its name in messages and its stream of random numbers (dropout)
   * come from the model whose paths were assigned last. Assign the paths of the other model again before training that.
   */
  assignPaths(): this {
    for (const [path, module] of this.modules()) module.path = path
    for (const [path, variable] of this.variables()) variable.name = path
    return this
  }

  /** Names everything after its path and fills the parameters from `seed`. Returns the module. */
  initialize(seed: number): this {
    this.assignPaths()
    for (const [path, parameter] of this.parameters()) {
      parameter.initialize(seed, path)
    }
    return this
  }

  /** Number of trained numbers. */
  countParameters(): number {
    return [...this.parameters().values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  }

  /** Host copies of all variables by path. */
  state(): Map<string, HostTensor> {
    return new Map([...this.variables()].map(([path, v]) => [path, { shape: v.shape, values: v.value }]))
  }

  /** Name of this module in messages: its path, or its class before it has one. */
  protected get displayName(): string {
    return this.path || this.constructor.name
  }

  /** Labels a value with the path of the module that made it, unless it has a label already. */
  protected label<T extends Tensor>(output: T): T {
    if (this.path) output.label ??= this.path
    return output
  }

  /** Runs `build`, so that its shape errors name this module instead of the operation. */
  protected located<T>(build: () => T): T {
    try {
      return build()
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error
      throw new ShapeError(`${this.displayName}: ${error.message.replace(/^[\w-]+: /, '')}`, { cause: error })
    }
  }
}
