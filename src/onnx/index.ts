/**
 * Networks of ONNX files: `importOnnx` turns a file into a module whose weights can be trained, and which can be used
 * wherever a network can.
 */
import { type FileContents, sourceOf } from '../formats/source.ts'
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
  /** Reads weights stored in separate files; without it such a model is an error. */
  readonly external?: ExternalData
}

/**
 * A network of an ONNX file.
 * @param source the file's contents; weights are copied from them
 * @throws OnnxError naming what is broken, or the operator set that is not supported. Operators are checked when a
 *   graph is made.
 * @example
 * const network = await importOnnx(bytes)
 * network.parameters().get('conv1.weight')
 * const logits = network.forward(images) // [N, 3, 224, 224] → [N, 1000]
 */
export async function importOnnx(source: FileContents, options: ImportOnnxOptions = {}): Promise<OnnxNetwork> {
  const { name, size, read } = sourceOf(source, options.name ?? 'the ONNX file')
  const bytes = await read(0, size)
  const copy = source instanceof Uint8Array || source instanceof ArrayBuffer
  return new OnnxNetwork(await readOnnx(bytes, { file: name, external: options.external ?? noExternal, copy }))
}

const noExternal = async (location: string): Promise<never> => {
  throw new OnnxError(`weights lie in '${location}': give importOnnx the option 'external', or the path of the model`)
}
