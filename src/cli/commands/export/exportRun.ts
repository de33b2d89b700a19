/** `fovea export`: a trained model as one file. */
import { writeClassifier } from '../../../classifier/artifact.ts'
import type { WeightType } from '../../../classifier/weightData.ts'
import { isOnnxFile } from '../../../recipe/networkFile.node.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import type { OpenedClassifier } from '../../../runs/openClassifier.node.ts'
import { formatBytes, formatCount } from '../../../text/format.ts'
import { type ModelOptions, openModel } from '../../modelFile.ts'
import { exitCodes, UsageError } from '../../terminal/errors.ts'
import { print } from '../../terminal/output.ts'
import type { OnnxOptions } from './writeOnnx.ts'

/** Options of {@link exportRun}. */
export interface ExportOptions extends OnnxOptions, ModelOptions {
  readonly out: string
  readonly format?: 'fovea' | 'onnx'
  readonly weights: WeightType
  readonly json?: boolean
}

/** What is reported about a written file besides its name and size. */
interface Written {
  readonly bytes: number
  /** For people. */
  readonly words: string
  /** For machines. */
  readonly facts: Readonly<Record<string, unknown>>
  /** A command line that tries the file, where its name is one that commands read. */
  readonly trial: string | undefined
}

/** Writes the file of a classifier, or an ONNX file. @returns the exit code */
export async function exportRun(run: string, options: ExportOptions): Promise<number> {
  const { out, format = isOnnxFile(out) ? 'onnx' : 'fovea', json } = options
  checkOptions(format, options)
  const classifier = await openModel(run, options)
  const { bytes, words, facts, trial } = await (format === 'onnx' ? asOnnx : asClassifier)(classifier, options)
  const { classes, shape } = classifier
  if (json) {
    print(JSON.stringify({ file: out, format, bytes, ...facts, classes: classes.length, shape }, undefined, 2))
  } else {
    const pictures = `${formatCount(classes.length)} classes, pictures of ${shape.join(' × ')}`
    print(`${out}  ${formatBytes(bytes)}, ${words}, ${pictures}`)
    print(trial === undefined ? 'to be read by fovea its name has to end in .onnx' : `try it    ${trial}`)
  }
  return exitCodes.done
}

/** Options that only one format has, as written on the command line. */
const onnxOptions = {
  preprocessing: '--preprocessing',
  batchNorm: '--batch-norm',
  batch: '--batch',
  probabilities: '--probabilities',
  external: '--external',
} as const satisfies Record<keyof OnnxOptions, string>

/** @throws UsageError for an option, or a name, of the other format */
function checkOptions(format: 'fovea' | 'onnx', options: ExportOptions): void {
  if (format === 'onnx') {
    if (options.weights === 'float32') return
    throw new UsageError(`--weights ${options.weights}: an ONNX file has float32 weights; leave the option out`)
  }
  if (isOnnxFile(options.out)) {
    throw new UsageError(
      `--format fovea: ${options.out} would be read as an ONNX file; choose a name that ends in .fovea`,
    )
  }
  for (const [name, option] of Object.entries(onnxOptions)) {
    if (options[name as keyof OnnxOptions] === undefined) continue
    throw new UsageError(`${option}: is for ONNX files: add --format onnx, or give --out a name that ends in .onnx`)
  }
}

async function asClassifier(classifier: OpenedClassifier, { out, weights }: ExportOptions): Promise<Written> {
  const file = writeClassifier(classifier.network, classifier, { weights })
  await writeAtomic(out, file)
  return { bytes: file.length, words: weights, facts: { weights }, trial: `fovea predict ${out} PICTURE` }
}

async function asOnnx(classifier: OpenedClassifier, options: ExportOptions): Promise<Written> {
  const { writeOnnx } = await import('./writeOnnx.ts')
  const { bytes, ...facts } = await writeOnnx(classifier, options.out, options)
  const words = `ONNX operator set ${facts.opset}${facts.external ? `, weights in ${facts.external}` : ''}`
  return { bytes, words, facts, trial: isOnnxFile(options.out) ? `fovea summary ${options.out}` : undefined }
}
