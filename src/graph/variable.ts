/**
 * Variables: values that outlive a run. Parameters, running statistics and optimizer state are variables; a program
 * reads them like any tensor and may give each a new value at the end of a run.
 */
import { checkShape, type DType, type Shape, ShapeError, sizeOf } from './shape.ts'
import { Tensor } from './tensor.ts'

/** Host-side contents of a tensor, row-major. */
export type TypedArray = Float32Array | Int32Array | Uint8Array

/**
 * A tensor outside of any engine: in the reference evaluator, in a file, in a checkpoint, or about to enter a model.
 */
export interface HostTensor<V extends ArrayLike<number | bigint> = TypedArray> {
  /** Sizes of the axes, outermost first. */
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: V
}

/**
 * A named value that persists between runs.
 *
 * `value` is the host's copy, made on first access: weights that only an engine uses have no second copy. An engine
 * that runs a program on the variable keeps its own copy up to date; `engine.read(variable)` and
 * `engine.write(variable, values)` move values between the two copies.
 */
export class Variable<S extends Shape = Shape> {
  readonly shape: S
  readonly dtype: DType
  /** Path in its model, in PyTorch's form: `layer1.0.conv1.weight`. Set when the model is named. */
  name: string
  #value: TypedArray | undefined
  #fill: ((values: TypedArray) => void) | undefined
  /** The graph value that reads this variable. */
  readonly tensor: Tensor<S>

  /**
   * @param shape sizes of the axes
   * @param options.value initial contents, row-major, zeros by default
   * @param options.batched true when axis 0 counts the samples of a batch, as in `input`
   * @throws ShapeError when `value` does not have as many elements as `shape`.
   */
  constructor(shape: S, options: { name?: string; dtype?: DType; value?: TypedArray; batched?: boolean } = {}) {
    const { name = 'variable', dtype = 'f32', value, batched = false } = options
    checkShape(shape, name)
    if (value && value.length !== sizeOf(shape)) {
      throw new ShapeError(`${name}: ${value.length} values given for shape [${shape.join(', ')}]`)
    }
    this.shape = shape
    this.dtype = dtype
    this.name = name
    this.#value = value
    this.tensor = new Tensor({
      op: 'source',
      inputs: [],
      attributes: undefined,
      shape,
      dtype,
      source: { kind: 'variable', variable: this, batched },
    })
  }

  /** Row-major contents that an engine starts with. */
  get value(): TypedArray {
    if (!this.#value) {
      this.#value = zeros(this.dtype, sizeOf(this.shape))
      this.#fill?.(this.#value)
    }
    return this.#value
  }

  set value(value: TypedArray) {
    this.#value = value
  }

  /** Whether its contents have never been set: they are zeros. */
  get isUnset(): boolean {
    return !this.#value && !this.#fill
  }

  /**
   * Sets the contents by a rule instead of numbers. Without a host copy, the numbers are generated when they are
   * needed.
   * @param fill writes every element of the array it receives, and the same numbers on every call
   */
  fillWith(fill: (values: TypedArray) => void): void {
    this.#fill = fill
    if (this.#value) fill(this.#value)
  }

  /** Copies values into the host's copy. @throws RangeError when there are too many. */
  setValue(values: ArrayLike<number>): void {
    this.#value ??= zeros(this.dtype, sizeOf(this.shape))
    if (values !== this.#value) this.#value.set(values)
  }

  /** Writes the contents into another array, without creating a host copy. */
  copyTo(target: TypedArray): void {
    if (this.#value) target.set(this.#value)
    else if (this.#fill) this.#fill(target)
    else target.fill(0)
  }
}

/** An array of zeros for a type. */
export function zeros(dtype: DType, length: number): TypedArray {
  if (dtype === 'f32') return new Float32Array(length)
  return dtype === 'i32' ? new Int32Array(length) : new Uint8Array(length)
}
