/** The door `fovea/onnx` in Node: as elsewhere, plus files by their paths. */
import type { FileContents } from './index.ts'
import { type ImportOnnxOptions, importOnnx as importContents, type OnnxNetwork } from './index.ts'
import { importOnnxFile } from './onnxFile.node.ts'

export * from './index.ts'

/**
 * A network of an ONNX file.
 * @param source the path of the file, with its external data in the same folder; or its contents
 * @throws OnnxError naming what is broken, or the operator set that is not supported; WeightsError when the file cannot
 *   be read. Operators are checked when a graph is made.
 * @example
 * const network = await importOnnx('resnet18.onnx')
 * network.parameters().get('conv1.weight')
 * const logits = network.forward(images) // [N, 3, 224, 224] → [N, 1000]
 */
export async function importOnnx(source: string | FileContents, options: ImportOnnxOptions = {}): Promise<OnnxNetwork> {
  return typeof source === 'string' ? importOnnxFile(source, options.external) : importContents(source, options)
}
