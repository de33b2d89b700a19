/** Writes a classifier as an ONNX file, with everything known about it in the metadata. */
import { basename } from 'node:path'
import { type ExportOnnxOptions, exportedOpset, exportOnnx } from '../../../onnx/write/exportOnnx.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import type { OpenedClassifier } from '../../../runs/openClassifier.node.ts'

/** Options of ONNX files on the command line. */
export interface OnnxOptions {
  readonly preprocessing?: 'inside' | 'outside'
  readonly batchNorm?: 'keep' | 'fold'
  readonly batch?: number
  readonly probabilities?: true
  readonly external?: true
}

/** The written files. */
export interface WrittenOnnx {
  /** Bytes of the file and of the file beside it. */
  readonly bytes: number
  readonly opset: number
  /** The file beside it that holds the weights. */
  readonly external?: string
}

/** @throws OnnxError for anything that ONNX cannot express; FileError when a file cannot be written */
export async function writeOnnx(
  classifier: OpenedClassifier,
  out: string,
  { external, ...options }: OnnxOptions,
): Promise<WrittenOnnx> {
  const { network, name, classes, shape, subject, shorterSide, origin } = classifier
  const beside = `${out}.data`
  const chunks: Uint8Array[] = []
  const file = exportOnnx(network, {
    ...pick(options),
    ...{ input: shape, dtype: 'u8', name, classes },
    metadata: {
      subject,
      ...(shorterSide !== undefined && { shorterSide: String(shorterSide) }),
      ...(origin && { origin: JSON.stringify(origin) }),
    },
    ...(external && { external: { location: basename(beside), write: chunk => chunks.push(chunk) } }),
  })
  // The weights first: a model without them is worse than weights without a model.
  if (external) await writeAtomic(beside, chunks)
  await writeAtomic(out, file)
  const bytes = chunks.reduce((sum, { length }) => sum + length, file.length)
  return { bytes, opset: exportedOpset, ...(external && { external: beside }) }
}

/** The command's options that are also options of the file. */
const pick = ({
  preprocessing,
  batchNorm,
  batch,
  probabilities,
}: OnnxOptions): Pick<ExportOnnxOptions, 'preprocessing' | 'batchNorm' | 'batch' | 'probabilities'> => ({
  ...(preprocessing && { preprocessing }),
  ...(batchNorm && { batchNorm }),
  ...(batch && { batch }),
  ...(probabilities && { probabilities }),
})
