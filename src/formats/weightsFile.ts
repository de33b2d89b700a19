/** Contents of a file of weights, whatever its format: tensors whose values are read on demand. */
import type { TensorArray } from './elements.ts'

/** One tensor of a file. */
export interface FileTensor {
  /** Element type by PyTorch's name, `float32`; of a tensor that is not read, what it is: `complex64`, `sparse`. */
  readonly dtype: string
  /** Sizes of the axes, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[]
  /**
   * The values, row-major, whatever the order in the file: see `elementValues` for the array of each type. May share memory with
   * the file where that is in memory.
   * @throws WeightsError naming the file and the tensor, when its type is not read, or its bytes are damaged or missing.
   */
  read(): Promise<TensorArray>
}

/** Something in a file that is not a tensor: its value when that is simple, else a description. */
export type FileValue = number | bigint | string | boolean | null | { readonly skipped: string }

/** Contents of a file. */
export interface WeightsFile {
  /** Name of the file in error messages. */
  readonly name: string
  /** All tensors by path, in the file's order; of nested dictionaries, their keys joined by dots. */
  readonly tensors: ReadonlyMap<string, FileTensor>
  /** Everything else by path: epoch numbers, hyperparameters, the metadata of safetensors. */
  readonly other: ReadonlyMap<string, FileValue>
}

/** Thrown for a file that is broken, cannot be read, or lacks the requested tensor. */
export class WeightsError extends Error {
  override readonly name: string = 'WeightsError'
  /** Name of the file. */
  readonly file: string
  /** Path of the tensor that the error is about; absent when it is about the whole file. */
  readonly tensor: string | undefined
  constructor(file: string, rule: string, tensor?: string, options?: ErrorOptions) {
    super(tensor === undefined ? `${file}: ${rule}` : `${file}: tensor ${JSON.stringify(tensor)}: ${rule}`, options)
    this.file = file
    this.tensor = tensor
  }
}
