/** The door `fovea/onnx` in Node: as elsewhere, plus files by their paths. */
import { fileURLToPath } from 'node:url'
import { isAddress } from '../formats/download.ts'
import type { GlobalUrl } from '../formats/globals.ts'
import type { FileContents } from './index.ts'
import { type ImportOnnxOptions, importOnnx as importContents, type OnnxNetwork } from './index.ts'
import { importOnnxFile } from './onnxFile.node.ts'

export * from './index.ts'

/**
 * A network of an ONNX file.
 * @param source the path or address of the file, with its external data in the same folder; or its contents
 * @throws OnnxError naming what is broken, or the operator set that is not supported; WeightsError when the file cannot
 *   be read. Operators are checked when a graph is made.
 * @example
 * const network = await importOnnx('resnet18.onnx')
 * network.parameters().get('conv1.weight')
 * const logits = network.forward(images) // [N, 3, 224, 224] → [N, 1000]
 */
export async function importOnnx(
  source: string | GlobalUrl | FileContents,
  options: ImportOnnxOptions = {},
): Promise<OnnxNetwork> {
  const from = typeof source === 'string' && isAddress(source) ? new URL(source) : source
  const path = from instanceof URL && from.protocol === 'file:' ? fileURLToPath(from) : from
  return typeof path === 'string' ? importOnnxFile(path, options.external) : importContents(path, options)
}
