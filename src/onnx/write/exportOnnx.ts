/** `exportOnnx`: a network as an ONNX file, which other programs run. */
import { create } from '@bufbuild/protobuf'
import { softmax } from '../../graph/ops/softmax.ts'
import type { Shape } from '../../graph/shape.ts'
import { ShapeError } from '../../graph/shape.ts'
import { input } from '../../graph/sources.ts'
import type { Variable } from '../../graph/variable.ts'
import { inference, type Module } from '../../nn/module.ts'
import { OnnxError } from '../errors.ts'
import { fixedKey } from '../file.ts'
import { OnnxNetwork } from '../network.ts'
import { ModelProtoSchema } from '../proto/onnx_pb.ts'
import { type ExternalFile, fileBytes } from './fileBytes.ts'
import { writeGraph } from './graph.ts'
import { cutPreprocessing, type Preprocessing } from './preprocessing.ts'
import { BatchTrace, type Traced } from './sizes.ts'

/** Version of the operator set that {@link exportOnnx} writes. */
export const exportedOpset = 17

/** Version of the file format that came with it. */
const irVersion = 8

/** Options of {@link exportOnnx}. */
export interface ExportOnnxOptions {
  /**
   * Shape of one sample, without the batch: `[channels, height, width]` of numbers, `[height, width, channels]` of
   * bytes. A network that {@link importOnnx} has made brings its own.
   */
  readonly input?: Shape
  /** What the input holds: `f32`, the default, or `u8` for a network that takes the bytes of images. */
  readonly dtype?: 'f32' | 'u8'
  /** Images in a batch: a number, or the name of an axis of any size, which is `'batch'` by default. */
  readonly batch?: number | string
  /** Name of the input, `'images'` by default. */
  readonly inputName?: string
  /** Name of the output, `'logits'` by default, `'probabilities'` with `probabilities`. */
  readonly outputName?: string
  /** Add a softmax after the network. */
  readonly probabilities?: boolean
  /**
   * For a network that takes bytes: `'inside'`, the default, keeps the preprocessing in the file, whose input is then
   * the bytes `uint8 [batch, height, width, channels]`; `'outside'` begins after it, with
   * `float [batch, channels, height, width]`, and leaves the preprocessing to the program that runs the file. The
   * metadata describe it.
   */
  readonly preprocessing?: 'inside' | 'outside'
  /**
   * `'keep'`, the default, writes batch normalization; `'fold'` merges it into the weights of the layer before it, if
   * there is one.
   */
  readonly batchNorm?: 'keep' | 'fold'
  /** Name of the graph. */
  readonly name?: string
  /** Names of the classes, in the order of the outputs; written into the metadata as a list in JSON under `classes`. */
  readonly classes?: readonly string[]
  /** Further metadata: texts by name. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Writes large weights into a separate file, which must be read along with the model. */
  readonly external?: ExternalFile
}

/**
 * A network as the bytes of an ONNX file, operator set 17. It computes what the network computes at test time, for
 * batches of any size. Weights keep their names, and nodes are called after the modules that they come from.
 * @param model the network with its weights
 * @throws OnnxError naming the operation that ONNX has no form for, and its module; that the network depends on the
 *   number of images in more than its sizes; or that the file would have more than 2 GiB. ShapeError when the network
 *   does not take the input.
 * @example
 * const file = exportOnnx(resnet(18).initialize(0), { input: [3, 224, 224] })
 * await writeFile('resnet18.onnx', file)
 */
export function exportOnnx(model: Module, options: ExportOnnxOptions = {}): Uint8Array<ArrayBuffer> {
  const { classes, metadata } = options
  const { trace, preprocessing } = traceOf(model, options)
  const texts = {
    ...(classes && { classes: JSON.stringify(classes) }),
    ...(preprocessing && { preprocessing: JSON.stringify(preprocessing) }),
    ...metadata,
  }
  const names = new Map([...model.variables()].map(([path, variable]) => [variable, path]))
  return modelBytes(trace, names, { ...options, metadata: texts })
}

/** The file of a graph. @param names what its variables are called @internal */
export function modelBytes(
  trace: BatchTrace,
  names: ReadonlyMap<Variable, string>,
  {
    name = 'network',
    batch = 'batch',
    batchNorm = 'keep',
    metadata,
    external,
  }: Pick<ExportOnnxOptions, 'name' | 'batch' | 'batchNorm' | 'metadata' | 'external'>,
): Uint8Array<ArrayBuffer> {
  const { graph, tensors, fixed } = writeGraph(trace, {
    name,
    batch: typeof batch === 'string' ? batch : 'batch',
    foldBatchNorm: batchNorm === 'fold',
    names,
  })
  const texts = { ...(fixed.length > 0 && { [fixedKey]: JSON.stringify(fixed) }), ...metadata }
  const file = create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    opsetImport: [{ version: BigInt(exportedOpset) }],
    producerName: 'fovea',
    metadataProps: Object.entries(texts).map(([key, value]) => ({ key, value })),
  })
  return fileBytes(file, graph, tensors, external)
}

/** The network's graph, and what happens to pixels in it or before it. */
function traceOf(
  model: Module,
  options: ExportOnnxOptions,
): { readonly trace: BatchTrace; readonly preprocessing: Preprocessing | undefined } {
  const only = typeof options.batch === 'number' ? options.batch : undefined
  if (options.input === undefined && model instanceof OnnxNetwork) {
    return {
      trace: new BatchTrace(size => ownEnds(model, size), only ?? (model.inputs.length === 0 ? 1 : model.fixedBatch)),
      preprocessing: undefined,
    }
  }
  const { dtype = 'f32', preprocessing = 'inside', inputName = 'images', probabilities = false } = options
  const shape = options.input
  if (!shape)
    throw new OnnxError("exportOnnx: option 'input' must say the shape of one sample: [channels, height, width]")
  if (preprocessing === 'outside' && dtype !== 'u8')
    throw new OnnxError("exportOnnx: preprocessing 'outside' is for networks that take bytes: dtype 'u8'")
  const outputName = options.outputName ?? (probabilities ? 'probabilities' : 'logits')
  if (inputName === outputName) throw new OnnxError(`exportOnnx: input and output are both called '${inputName}'`)
  const make = (size: number): Traced => {
    const x = input(inputName, [size, ...shape], { dtype, batched: true })
    const y = model.forward(x, inference())
    if (y.shape.length === 0) throw new ShapeError(`exportOnnx: the network's output has no axis for the batch`)
    const outputs = new Map([[outputName, probabilities ? softmax(y) : y]])
    return { inputs: new Map([[inputName, x]]), outputs }
  }
  if (dtype !== 'u8') return { trace: new BatchTrace(make, only), preprocessing: undefined }
  return cutPreprocessing(make, only, preprocessing)
}

/** The inputs and outputs of a network that was read from a file, under their names there. */
function ownEnds(network: OnnxNetwork, batch: number): Traced {
  const inputs = network.makeInputs(batch)
  return {
    inputs: new Map(Object.entries(inputs)),
    outputs: new Map(Object.entries(network.apply(inputs, inference()))),
  }
}
