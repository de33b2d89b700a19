/**
 * The weights of a file by the model's names, whatever the format: safetensors or either form of `torch.save`, told apart by
 * their contents. The same code reads a file in Node and a download or a dropped file in a browser.
 */
import { readCompressedPyTorch } from './pytorch.ts'
import { type StateDictOptions, stateDict, stripCommon } from './pytorchState.ts'
import { readSafetensors, SafetensorsError } from './safetensors.ts'
import { type SafetensorsTensor, tensorValues } from './safetensorsValues.ts'

/** A whole file of weights. */
export type WeightsSource = Uint8Array | ArrayBuffer | Blob

/** One tensor of a file. */
export interface Weights {
  /** Sizes of the axes, outermost first. */
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: ArrayLike<number>
}

/** Options of {@link readWeights}. */
export interface ReadWeightsOptions extends StateDictOptions {
  /** How to call the file in error messages; a `File`'s own name by default. */
  readonly file?: string
}

/**
 * Reads the weights of a file by the model's names, ready for `loadState`. With `prefix: 'auto'`, the default, wrappers and
 * prefixes are taken off as `stateDict` does, and of a checkpoint of a training run the model is taken.
 * @throws PyTorchFileError or SafetensorsError naming the file and what is wrong with it.
 * @example
 * loadState(model, await readWeights(await (await fetch('resnet18.safetensors')).arrayBuffer()))
 */
export async function readWeights(
  source: WeightsSource,
  options: ReadWeightsOptions = {},
): Promise<Map<string, Weights>> {
  const { prefix = 'auto', file = weightsName(source) } = options
  const bytes = await bytesOf(source)
  // The ninth byte of a safetensors file begins its JSON header; in a zip archive and a pickle it is something else.
  if (bytes[8] !== 0x7b) return stateDict(await readCompressedPyTorch(bytes, file), { prefix })
  const { tensors } = readSafetensors(bytes, file)
  const chosen = prefix === 'auto' ? stripCommon(modelOf(tensors)) : withPrefix(tensors, prefix, file)
  return new Map([...chosen].map(([path, tensor]) => [path, { shape: tensor.shape, values: numbersOf(tensor) }]))
}

/** How to call a source in messages. */
export function weightsName(source: WeightsSource): string {
  return source instanceof Blob && 'name' in source ? String(source.name) : 'weights'
}

async function bytesOf(source: WeightsSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return new Uint8Array(source.buffer, source.byteOffset, source.length)
  return new Uint8Array(source instanceof ArrayBuffer ? source : await source.arrayBuffer())
}

type Tensors = ReadonlyMap<string, SafetensorsTensor>

/** Of a checkpoint of a run, whose other tensors belong to the optimizer, the model's. */
function modelOf(tensors: Tensors): Tensors {
  const names = [...tensors.keys()]
  const isCheckpoint = names.every(name => /^(model|optimizer)\./.test(name))
  return isCheckpoint ? new Map([...tensors].filter(([name]) => name.startsWith('model.'))) : tensors
}

function withPrefix(tensors: Tensors, prefix: string, file: string): Tensors {
  const found = [...tensors].filter(([path]) => path.startsWith(prefix))
  if (found.length === 0) {
    const first = [...tensors.keys()].slice(0, 3).map(path => JSON.stringify(path))
    throw new SafetensorsError(
      file,
      `no tensor's name begins with ${JSON.stringify(prefix)}; there are ${first.join(', ') || 'none'}`,
    )
  }
  return new Map(found.map(([path, tensor]) => [path.slice(prefix.length), tensor]))
}

/** Integers of 64 bits as float64: typed arrays do not mix big integers with numbers. */
function numbersOf(tensor: SafetensorsTensor): ArrayLike<number> {
  const values = tensorValues(tensor)
  const isBig = values instanceof BigInt64Array || values instanceof BigUint64Array
  return isBig ? Float64Array.from(values, Number) : values
}
