/** What a file of PyTorch holds, for readers of such files and their users. */

/** Element types that are read, by PyTorch's names. */
export type PyTorchType =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool'

/** Size in bytes of each type, and the storage class that names it. */
export const pytorchTypes: Readonly<Record<PyTorchType, { readonly bytes: 1 | 2 | 4 | 8; readonly storage: string }>> =
  {
    float64: { bytes: 8, storage: 'DoubleStorage' },
    float32: { bytes: 4, storage: 'FloatStorage' },
    float16: { bytes: 2, storage: 'HalfStorage' },
    bfloat16: { bytes: 2, storage: 'BFloat16Storage' },
    int64: { bytes: 8, storage: 'LongStorage' },
    int32: { bytes: 4, storage: 'IntStorage' },
    int16: { bytes: 2, storage: 'ShortStorage' },
    int8: { bytes: 1, storage: 'CharStorage' },
    uint8: { bytes: 1, storage: 'ByteStorage' },
    bool: { bytes: 1, storage: 'BoolStorage' },
  }

/** Arrays that hold a tensor's values: see {@link PyTorchTensor.values}. */
export type PyTorchArray = Float64Array | Float32Array | Int32Array | Int16Array | Int8Array | Uint8Array

/** One tensor of a file. */
export interface PyTorchTensor {
  /** Type in the file. */
  readonly dtype: PyTorchType
  /** Sizes of the axes, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[]
  /**
   * Row-major, whatever the strides in the file. `float16` and `bfloat16` are widened to `Float32Array` (exactly),
   * `int64` is narrowed to `Int32Array` (refused when it does not fit), `bool` gives 0 and 1 in a `Uint8Array`, every
   * other type its own array. Shares memory with the file, and with tensors of the same storage, where it can.
   */
  readonly values: PyTorchArray
}

/** Something in a file that is no tensor: its value when that is simple, else what it was. */
export type PyTorchOther = number | bigint | string | boolean | null | { readonly skipped: string }

/** A dictionary (or list) of a file, with the tensors and dictionaries directly in it. */
export interface PyTorchDictionary {
  readonly tensors: ReadonlyMap<string, PyTorchTensor>
  /** Those that hold tensors, however deep. */
  readonly dictionaries: ReadonlyMap<string, PyTorchDictionary>
}

/** Contents of a file. */
export interface PyTorchFile {
  /** How the file is called in error messages. */
  readonly file: string
  /** All tensors in the file's order, by path: the keys of the dictionaries around them, joined by dots. */
  readonly tensors: ReadonlyMap<string, PyTorchTensor>
  /** Everything else by path: epoch numbers, hyperparameters, the optimizer's settings. */
  readonly other: ReadonlyMap<string, PyTorchOther>
  /** The same tensors as they are nested. */
  readonly root: PyTorchDictionary
}

/** Thrown for a file that is broken, holds more than data, or does not hold what is asked for. */
export class PyTorchFileError extends Error {
  override readonly name = 'PyTorchFileError'
  /** Path of the tensor that the error is about; absent when it is about the whole file. */
  readonly tensor: string | undefined
  constructor(file: string, rule: string, tensor?: string) {
    super(tensor === undefined ? `${file}: ${rule}` : `${file}: tensor ${JSON.stringify(tensor)}: ${rule}`)
    this.tensor = tensor
  }
}
