/**
 * The file of a classifier: a safetensors file whose metadata describe its tensors. Any reader of safetensors finds the
 * weights under the model's own names; building a classifier from it does not need the code of the model.
 *
 *     __metadata__.fovea.classifier   JSON: {@link ClassifierData}
 *     NAME                            a weight: F32, F16, or I8 with its scales
 *     NAME:scale                      F32, the scale of each output channel of a weight in I8
 *     constant:K                      the values of a large constant of the graph
 */
import type { InputShape } from '../data/prepare.ts'
import { elementValues, isElementType } from '../formats/elements.ts'
import { isSafetensors, openSafetensors, writeSafetensors } from '../formats/safetensors.ts'
import type { ByteSource } from '../formats/source.ts'
import { type FileTensor, WeightsError, type WeightsFile } from '../formats/weightsFile.ts'
import { composeMaps } from '../graph/composeMaps.ts'
import { input } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { HostTensor, TypedArray, Variable } from '../graph/variable.ts'
import { inference, type Module, Parameter } from '../nn/module.ts'
import { isRecord } from '../rules/record.ts'
import { fields, list, oneOf, optional, type Rule, rule, text, wholeFrom1 } from '../rules/rules.ts'
import { ClassifierError, GraphError } from './errors.ts'
import { describeGraph, type GraphData } from './graphData.ts'
import { GraphNetwork, type WeightShape } from './graphNetwork.ts'
import { dequantize, encodeWeights, scaleName, type WeightType, weightTypes } from './weightData.ts'

/** The key of the metadata. */
const key = 'fovea.classifier'

/** Version of the format; a reader refuses a later version. */
const formatVersion = 1

/** What pictures show, which decides how they are made into the input: see `prepareRaster`. */
export const subjects = ['digit', 'clothing', 'picture'] as const

/** Information about a classifier besides its weights. */
export interface ClassifierInfo {
  /** A readable name: `lenet5`. */
  readonly name: string
  /** Names of the classes, in the order of the outputs. */
  readonly classes: readonly string[]
  /** `[height, width, channels]` of the input, bytes 0 … 255. */
  readonly shape: InputShape
  readonly subject: (typeof subjects)[number]
  /** For a `picture`: pixels to which the shorter side is scaled before the center is cut out. */
  readonly shorterSide?: number | undefined
  /** Where it came from: data set, steps, accuracy, … by name; any texts and numbers. */
  readonly origin?: Readonly<Record<string, string | number>> | undefined
}

/** What the metadata hold. */
interface ClassifierData extends ClassifierInfo {
  readonly version: number
  readonly weights: WeightType
  readonly graph: GraphData
}

/** A classifier as it is read from its file. */
export interface ClassifierContents extends ClassifierInfo {
  /** How its weights were stored. */
  readonly weights: WeightType
  /** From bytes `u8 [N, height, width, channels]` to logits `[N, classes]`. */
  readonly network: Module
}

/** How {@link writeClassifier} stores weights. */
export interface WriteClassifierOptions {
  /** `float32` by default. */
  readonly weights?: WeightType
}

/**
 * The file of a classifier.
 * @param model from bytes to logits, an `ImageClassifier` for example, with its weights
 * @returns the bytes of a safetensors file
 * @throws ClassifierError when the model has another number of outputs than there are classes, when its graph cannot be
 *   described, or its weights do not fit the type.
 * @example await writeFile('digits.fovea', writeClassifier(model, { name: 'digits', classes, shape: [28, 28, 1], subject: 'digit' }))
 */
export function writeClassifier(
  model: Module,
  info: ClassifierInfo,
  { weights = 'float32' }: WriteClassifierOptions = {},
): Uint8Array<ArrayBuffer> {
  const names = new Map([...model.variables()].map(([path, variable]) => [variable, path]))
  const trace = (batch: number) =>
    composeMaps(model.forward(input('images', [batch, ...info.shape], { dtype: 'u8', batched: true }), inference()))
  const outputs = trace(1).shape
  if (outputs.length !== 2 || outputs[1] !== info.classes.length) {
    throw new ClassifierError(
      `${info.name}: the model's output is [${outputs.join(', ')}], expected [1, ${info.classes.length}] for ${info.classes.length} classes`,
    )
  }
  const { graph, variables, constants } = inFile(info.name, () => describeGraph(trace, names))
  const { name, classes, shape, subject, shorterSide, origin } = info
  const data: ClassifierData = {
    ...{ version: formatVersion, name, classes, shape, subject, shorterSide, origin },
    ...{ weights, graph },
  }
  const entries = [...variables].flatMap(([path, variable]) => {
    const { shape, value } = variable
    // Statistics and whitenings are not weights: they are few, and keep their type.
    if (!(variable instanceof Parameter)) return [[path, { shape, values: value }] as const]
    return encodeWeights(path, shape, value as Float32Array, weights)
  })
  return writeSafetensors([...entries, ...constants], { [key]: JSON.stringify(data) })
}

/** A classifier whose weights may still be on their way. */
export interface ArrivingClassifier {
  /** Its weights are zeros. */
  readonly contents: ClassifierContents
  /** Its answer to one image, traced. */
  readonly logits: Tensor
  /** Its weights as they arrive. @throws WeightsError when the file is broken, or breaks off */
  weights(): AsyncIterable<readonly [Variable, TypedArray]>
}

/**
 * Reads the file of a classifier.
 * @throws ClassifierError naming the file and what is wrong with it; WeightsError for a broken safetensors file.
 */
export async function readClassifier(source: ByteSource): Promise<ClassifierContents> {
  const { contents, weights } = await openClassifier(source)
  for await (const [variable, values] of weights()) variable.value = values
  return contents
}

/**
 * Reads what the file of a classifier says about its network, which comes before the weights.
 * @throws as {@link readClassifier}
 */
export async function openClassifier(source: ByteSource): Promise<ArrivingClassifier> {
  const file = await openArtifact(source)
  const data = checkData(file)
  const shapes = new Map<string, WeightShape>()
  const constants = new Map<string, HostTensor>()
  for (const node of data.graph) {
    if ('tensor' in node) shapes.set(node.tensor, shapeOf(file, node.tensor))
    else if ('constant' in node && typeof node.constant === 'string')
      constants.set(node.constant, await readTensor(file, node.constant))
  }
  const network = new GraphNetwork(data.graph, shapes, constants)
  const logits = inFile(source.name, () => network.check(data.shape, data.classes.length))
  const { name, classes, shape, subject, shorterSide, origin, weights } = data
  return {
    contents: { name, classes, shape, subject, shorterSide, origin, weights, network },
    logits,
    async *weights() {
      for (const [path, variable] of network.variables()) yield [variable, (await readTensor(file, path)).values]
      await source.arrived
    },
  }
}

async function openArtifact(source: ByteSource): Promise<WeightsFile> {
  if (!(await isSafetensors(source))) throw new ClassifierError(`${source.name}: is no classifier: ${howToMake}`)
  return openSafetensors(source)
}

const howToMake = 'a classifier is what `fovea export RUN` or `writeClassifier` writes'

const names: Rule<string[]> = {
  ...list(text),
  words: 'a list of at least one name',
  read(value, field, report) {
    const read = list(text).read(value, field, report)
    if (read.length === 0) rule('a list of at least one name', () => false).read(value, field, report)
    return read
  },
}

/** The required form of the metadata; the graph is checked when it is built. */
const dataRule = fields({
  version: wholeFrom1,
  name: text,
  classes: names,
  shape: rule<InputShape>(
    'three whole numbers: height, width and channels',
    value => Array.isArray(value) && value.length === 3 && value.every(size => Number.isSafeInteger(size) && size > 0),
  ),
  subject: oneOf(subjects),
  shorterSide: optional(wholeFrom1),
  origin: optional(rule<Readonly<Record<string, string | number>>>('an object', isRecord)),
  weights: oneOf(weightTypes),
  graph: rule<GraphData>('a list of values', value => Array.isArray(value) && value.every(isNode)),
})

/** The form of a node; its rules are those of its operation. */
function isNode(node: unknown): boolean {
  if (!isRecord(node)) return false
  if ('input' in node) return node.input === 'images'
  if ('tensor' in node) return typeof node.tensor === 'string' && (node.fixed === undefined || node.fixed === true)
  if ('constant' in node) {
    const isShape = Array.isArray(node.shape) && node.shape.every(size => Number.isSafeInteger(size) && size >= 0)
    return (
      (typeof node.constant === 'string' || Array.isArray(node.constant)) && isShape && typeof node.dtype === 'string'
    )
  }
  return typeof node.op === 'string' && Array.isArray(node.of) && node.of.every(Number.isSafeInteger)
}

function checkData({ name: file, other }: WeightsFile): ClassifierData {
  const json = other.get(key)
  if (typeof json !== 'string') throw new ClassifierError(`${file}: holds weights, but is no classifier: ${howToMake}`)
  let data: unknown
  try {
    data = JSON.parse(json)
  } catch (error) {
    throw new ClassifierError(`${file}: ${key} is not JSON: ${(error as Error).message}`, { cause: error })
  }
  const version = isRecord(data) ? data.version : undefined
  if (typeof version === 'number' && version > formatVersion) {
    throw new ClassifierError(
      `${file}: is a classifier of format ${version}; this version of Fovea reads formats up to ${formatVersion}: install a later one`,
    )
  }
  const problems: string[] = []
  const read = dataRule.read(data, '', ({ message }) => problems.push(message))
  if (problems.length > 0) throw new ClassifierError(`${file}: ${key}: ${problems[0]}`)
  return read as ClassifierData
}

/** A tensor that a graph names. @throws ClassifierError when there is none */
function tensorOf(file: WeightsFile, name: string): FileTensor {
  const tensor = file.tensors.get(name)
  if (!tensor) throw new ClassifierError(`${file.name}: its graph names a tensor '${name}' that it does not hold`)
  return tensor
}

/** The shape of a weight, and the type that its values will have. */
function shapeOf(file: WeightsFile, name: string): WeightShape {
  const { shape, dtype } = tensorOf(file, name)
  if (file.tensors.has(scaleName(name))) return { shape, dtype: 'f32' }
  const values = isElementType(dtype) ? elementValues(dtype, new Uint8Array()) : undefined
  return { shape, dtype: values instanceof Int32Array ? 'i32' : values instanceof Uint8Array ? 'u8' : 'f32' }
}

async function readTensor(file: WeightsFile, name: string): Promise<HostTensor> {
  const tensor = tensorOf(file, name)
  const { shape } = tensor
  const values = await tensor.read()
  const scales = file.tensors.get(scaleName(name))
  if (scales) {
    const factors = await scales.read()
    if (!(values instanceof Int8Array) || !(factors instanceof Float32Array) || factors.length !== shape[0]) {
      throw new ClassifierError(
        `${file.name}: ${scaleName(name)} does not fit ${name}: expected ${shape[0]} numbers F32 for I8`,
      )
    }
    return { shape, values: dequantize(shape, values, factors) }
  }
  if (values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array)
    return { shape, values }
  throw new WeightsError(file.name, `elements of type ${tensor.dtype} are no weights of a classifier`, name)
}

/** Puts the name of the file before the errors of graphs. */
function inFile<T>(name: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (!(error instanceof GraphError)) throw error
    throw new ClassifierError(`${name}: ${error.message}`, { cause: error })
  }
}
