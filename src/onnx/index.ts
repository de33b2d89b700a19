/**
 * Networks of ONNX files: `importOnnx` turns a file into a module whose weights can be trained, and which can be used
 * wherever a network can.
 */
import { Kept } from '../async/kept.ts'
import { addressOf } from '../formats/download.ts'
import { fetchFile, fetchSource } from '../formats/fetchFile.ts'
import type { GlobalUrl } from '../formats/globals.ts'
import { type ByteSource, type FileContents, sourceOf } from '../formats/source.ts'
import type { ExternalData } from './elements.ts'
import { OnnxError } from './errors.ts'
import { readOnnx } from './file.ts'
import { OnnxNetwork } from './network.ts'

export type { FileContents } from '../formats/source.ts'
export type { ExternalData, OnnxType } from './elements.ts'
export { OnnxError } from './errors.ts'
export type { OnnxPort } from './file.ts'
export { opsetRange } from './file.ts'
export { type FixedInput, OnnxNetwork } from './network.ts'
export { opNames } from './ops/table.ts'
export type { Numbers } from './value.ts'
export { type ExportOnnxOptions, exportedOpset, exportOnnx } from './write/exportOnnx.ts'
export type { ExternalFile } from './write/fileBytes.ts'

/** Options of {@link importOnnx}. */
export interface ImportOnnxOptions {
  /** Name of the file in messages; a `File`'s own by default. */
  readonly name?: string
  /**
   * Reads weights stored in separate files. Without it those of a model that was fetched are fetched from its folder;
   * with a model given as bytes they are an error.
   */
  readonly external?: ExternalData
}

/**
 * A network of an ONNX file.
 * @param source the file's address, which on a page may be relative; or its contents, from which weights are copied
 * @throws OnnxError naming what is broken, or the operator set that is not supported; WeightsError when the file cannot
 *   be downloaded. Operators are checked when a graph is made.
 * @example
 * const network = await importOnnx('resnet18.onnx')
 * network.parameters().get('conv1.weight')
 * const logits = network.forward(images) // [N, 3, 224, 224] → [N, 1000]
 */
export async function importOnnx(
  source: string | GlobalUrl | FileContents,
  options: ImportOnnxOptions = {},
): Promise<OnnxNetwork> {
  const from = typeof source === 'string' ? addressOf(source) : source
  if (from instanceof URL) {
    const named = { name: from.pathname.split('/').at(-1)!, external: fetchBeside(from), ...options }
    return networkOf(await fetchSource(from, {}, from.href), named, false)
  }
  const contents = sourceOf(from, options.name ?? 'the ONNX file')
  return networkOf(contents, { ...options, name: contents.name }, !(from instanceof Blob))
}

/** @param copy whether the bytes belong to a caller who may change them */
async function networkOf(
  source: ByteSource,
  { name: file, external = noExternal }: ImportOnnxOptions & { readonly name: string },
  copy: boolean,
): Promise<OnnxNetwork> {
  return new OnnxNetwork(await readOnnx(await source.read(0, source.size), { file, external, copy }))
}

/** Downloads files of the model's own folder only, each once: a model names them, and its names cannot be trusted. */
function fetchBeside(model: URL): ExternalData {
  const files = new Kept<string, Blob>()
  return async (location, offset, length) => {
    const address = new URL(location, model)
    if (!address.href.startsWith(new URL('.', model).href)) {
      throw new OnnxError(`weights lie in '${location}', which is outside of the model's folder`)
    }
    const file = await files.of(location, () => fetchFile(address))
    const end = length === undefined ? file.size : offset + length
    if (end > file.size) throw new OnnxError(`'${location}' holds ${file.size} bytes, the model reads ${end} of it`)
    return new Uint8Array(await file.slice(offset, end).arrayBuffer())
  }
}

const noExternal = async (location: string): Promise<never> => {
  throw new OnnxError(`weights lie in '${location}': give importOnnx the option 'external', or the path of the model`)
}
