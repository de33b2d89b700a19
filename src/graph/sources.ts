/** Tensors that are not computed: inputs of a program and constants. (Variables have their own tensor.) */
import { checkShape, type DType, formatShape, type Shape, ShapeError, sizeOf } from './shape.ts'
import { type Scalar, Tensor } from './tensor.ts'

/** Options of {@link input}. */
export interface InputOptions {
  /** Element type, `f32` by default. */
  readonly dtype?: DType
  /**
   * True when axis 0 counts the samples of a batch that are processed independently of each other.
   * A backend may then work through the batch block by block.
   */
  readonly batched?: boolean
}

/**
 * A value passed to each run by name.
 * @example const images = input('images', [128, 28, 28, 1], { dtype: 'u8', batched: true })
 */
export function input<const S extends Shape>(name: string, shape: S, options: InputOptions = {}): Tensor<S> {
  checkShape(shape, name)
  const { dtype = 'f32', batched = false } = options
  if (batched && shape.length === 0) throw new ShapeError(`${name}: a scalar input has no batch axis`)
  return new Tensor({
    op: 'source',
    inputs: [],
    attributes: undefined,
    shape,
    dtype,
    source: { kind: 'input', name, batched },
    label: name,
  })
}

/**
 * A fixed value, row-major; a number makes a scalar.
 * @throws ShapeError when the number of values does not fit the shape.
 * @example const kernel = constantTensor([1, -1, -1, -1, 1, -1, -1, -1, 1], [1, 1, 3, 3])
 */
export function constantTensor(value: number): Scalar
export function constantTensor<const S extends Shape>(values: ArrayLike<number>, shape: S, dtype?: DType): Tensor<S>
export function constantTensor(values: number | ArrayLike<number>, shape: Shape = [], dtype: DType = 'f32'): Tensor {
  const list = typeof values === 'number' ? [values] : values
  checkShape(shape, 'constant')
  if (list.length !== sizeOf(shape)) {
    throw new ShapeError(`constant: ${list.length} values given for shape ${formatShape(shape)}`)
  }
  return new Tensor({
    op: 'source',
    inputs: [],
    attributes: undefined,
    shape,
    dtype,
    source: { kind: 'constant', values: list },
  })
}
