/**
 * Files as networks, read by the library's own readers: an ONNX file, a classifier, a run folder, or a file of weights whose model the
 * catalog knows. What can classify pictures is made ready to.
 */
import { type ClassifierContents, readClassifier } from '../../../src/classifier/artifact.ts'
import { usualShorterSide } from '../../../src/data/prepare.ts'
import { sourceOf } from '../../../src/formats/source.ts'
import { openWeights } from '../../../src/formats/weights.ts'
import { type NetworkGraph, networkGraph } from '../../../src/inspect/index.ts'
import { findModel, fittingModel, nearestModel } from '../../../src/models/index.ts'
import { ImageClassifier, type Module, normalize } from '../../../src/nn/index.ts'
import type { ExternalData } from '../../../src/onnx/elements.ts'
import { importOnnx, type OnnxNetwork } from '../../../src/onnx/index.ts'
import { asPictureNetwork, pictureInput } from '../../../src/onnx/pictureNetwork.ts'
import { imagesOf } from '../../../src/recipe/images.ts'
import { createModel } from '../../../src/recipe/model.ts'
import { preparationOf } from '../../../src/recipe/preparation.ts'
import { modelName, parseRecipe } from '../../../src/recipe/recipe.ts'
import { isCode } from '../../../src/recipe/rules.ts'
import { usualNormalization } from '../../../src/recipe/usualNormalization.ts'
import { saidBy } from '../../../src/runs/saidByFile.ts'
import { formatCount } from '../../../src/text/format.ts'
import { decodeCheckpoint } from '../../../src/train/checkpoint.ts'
import { outputsOf } from '../../../src/train/evaluate.ts'
import { loadCheckpoint } from '../../../src/train/namedCheckpoint.ts'
import { loadWeights } from '../../../src/train/weights.ts'

/** A file with the folders above it. */
export interface GivenFile {
  readonly file: File
  readonly path: string
}

/** A tensor of a file whose model is not known. */
export interface ListedTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: string
}

/** What was opened. */
export interface OpenedNetwork {
  readonly name: string
  /** What it is, in a sentence without its point. */
  readonly about: string
  /** What one should know about it, a sentence each. */
  readonly notes: readonly string[]
  /** Its graph; a file of weights whose model is not known has none. */
  readonly graph?: NetworkGraph
  readonly tensors?: readonly ListedTensor[]
  /** What classifies pictures, if it does. */
  readonly classifier?: ClassifierContents
}

/** Files that cannot be opened; the message says why, and what can. */
export class OpenError extends Error {
  override readonly name = 'OpenError'
}

const formats = 'Build opens .onnx, .fovea, .pth, .pt, .safetensors, and the folder of a run'

/**
 * Opens what was dropped.
 * @throws OpenError, or the reader's own error, naming the file and what is wrong with it
 */
export async function openFiles(files: readonly GivenFile[]): Promise<OpenedNetwork> {
  const recipe = files.find(({ path }) => /(^|\/)recipe\.json$/.test(path))
  if (recipe) return openRun(files, recipe)
  const networks = files.filter(({ path }) => /\.onnx$/i.test(path))
  if (networks.length === 1) return openOnnx(networks[0]!.file, externalOf(files))
  const [only, ...others] = files
  if (!only) throw new OpenError(`There is no file. ${formats}.`)
  if (others.length > 0)
    throw new OpenError(`These ${files.length} files are no run: there is no recipe.json among them. ${formats}.`)
  const { file } = only
  if (/\.fovea$/i.test(file.name)) return openClassifier(file)
  if (/\.(pth?|ckpt|bin|safetensors)$/i.test(file.name)) return openWeightsFile(file)
  throw new OpenError(`${file.name} is no network that is known here. ${formats}.`)
}

/** Weights that an ONNX file keeps in files beside it. */
const externalOf =
  (files: readonly GivenFile[]): ExternalData =>
  async (location, offset, length) => {
    const name = location.split('/').at(-1)
    const found = files.find(({ path }) => path.split('/').at(-1) === name)
    if (!found) throw new OpenError(`Its weights lie in ${location}: drop both files together, or their folder`)
    const end = length === undefined ? found.file.size : offset + length
    if (end > found.file.size)
      throw new OpenError(`${location} holds ${found.file.size} bytes, the network reads ${end} of it`)
    return new Uint8Array(await found.file.slice(offset, end).arrayBuffer())
  }

async function openOnnx(file: File, external: ExternalData): Promise<OpenedNetwork> {
  const network = (await importOnnx(file, { name: file.name, external })).withoutSoftmax()
  const { producer, opset } = network.info
  const about = `ONNX${producer ? `, by ${producer}` : ''}, operator set ${opset}`
  const notes = network.notes.map(note => `${note[0]!.toUpperCase()}${note.slice(1)}.`)
  const [port, ...others] = network.inputs
  if (!port || others.length > 0) {
    const names = network.inputs.map(({ name }) => name).join(', ')
    throw new OpenError(`${file.name} has ${network.inputs.length} inputs (${names}); a network with one is drawn here`)
  }
  const sizes = (port.shape ?? [])
    .slice(1)
    .map((size, k, all) => (typeof size === 'number' ? size : k === 0 && all.length === 3 ? 3 : 224))
  if (port.shape?.slice(1).some(size => typeof size !== 'number')) {
    notes.push(`It takes pictures of any size; the numbers are for ${sizes.join('×')}.`)
  }
  const graph = networkGraph(network, sizes, {
    dtype: port.type === 'uint8' ? 'u8' : 'f32',
    ...(network.fixedBatch !== undefined && { batch: network.fixedBatch }),
  })
  const classifier = onnxClassifier(network, notes)
  return { name: file.name, about, notes, graph, ...(classifier && { classifier }) }
}

/** The network as a classifier of pictures; undefined when it takes none. */
function onnxClassifier(network: OnnxNetwork, notes: string[]): ClassifierContents | undefined {
  const picture = pictureInput(network)
  if (!picture?.shape || (network.fixedBatch ?? 1) !== 1) return undefined
  const { shape, bytes } = picture
  const said = saidBy(network.info)
  const logits = asPictureNetwork(network, picture)
  if (!bytes && !said.normalize) notes.push(usualWords)
  const model = bytes ? logits : new ImageClassifier(normalize(said.normalize ?? usualNormalization(shape)), logits)
  return {
    ...contentsOf(said.name, shape, model, said.classes, notes),
    ...(said.preparation ?? { subject: 'picture', shorterSide: usualShorterSide(shape) }),
    ...(said.origin && { origin: said.origin }),
  }
}

const usualWords = 'It does not say how its pictures are normalized: the usual way for pictures of this size is taken.'

/** A classifier of photographs, whose classes are numbered where nobody has named them. */
function contentsOf(
  name: string,
  shape: readonly [number, number, number],
  network: Module,
  classes: readonly string[] | undefined,
  notes: string[],
): ClassifierContents {
  const outputs = outputsOf(network, shape)
  if (classes?.length !== outputs) notes.push('It does not name its classes: they are numbered.')
  return {
    name,
    classes: classes?.length === outputs ? classes : Array.from({ length: outputs }, (_, k) => `class ${k}`),
    shape,
    subject: 'picture',
    shorterSide: usualShorterSide(shape),
    weights: 'float32',
    network,
  }
}

async function openClassifier(file: File): Promise<OpenedNetwork> {
  const classifier = await readClassifier(sourceOf(file))
  const { name, classes, shape, origin } = classifier
  const about = `a classifier of ${formatCount(classes.length)} classes${origin?.model ? `, ${origin.model}` : ''}`
  const graph = networkGraph(classifier.network, shape, { dtype: 'u8' })
  return { name, about, notes: [], graph, classifier }
}

async function openRun(files: readonly GivenFile[], { file, path }: GivenFile): Promise<OpenedNetwork> {
  const folder = path.slice(0, -'recipe.json'.length)
  const found = (name: string): File | undefined => files.find(own => own.path === folder + name)?.file
  const name = folder.split('/').at(-2) ?? 'run'
  let stored: unknown
  try {
    stored = JSON.parse(await file.text())
  } catch (error) {
    throw new OpenError(`${path} is damaged: ${(error as Error).message}`, { cause: error })
  }
  const recipe = parseRecipe(stored, path)
  const { model } = recipe
  const isOnnx = isCode(model) && /\.onnx$/i.test(model.file)
  if (isCode(model) && !isOnnx) {
    throw new OpenError(
      `The network of ${name} is code of its own, ${modelName(recipe)}, which is not run here: \`fovea export ${name}\` makes a file of it that Build opens`,
    )
  }
  const kept = isOnnx ? found(model.file) : undefined
  if (isOnnx && !kept) throw new OpenError(`The network of ${name}, ${model.file}, is not in the folder`)
  const network = kept && (await importOnnx(kept, { name: kept.name, external: externalOf(files) })).withoutSoftmax()
  const trained = createModel({
    recipe,
    functions: network ? { model: () => asPictureNetwork(network, pictureInput(network)!) } : {},
  })
  const { classes, shape } = imagesOf(recipe)
  const [height, width, channels] = shape
  const step = await loadLatest(
    trained,
    recipe.earlyStopping ? (found('best') ?? found('latest')) : found('latest'),
    found,
    name,
  )
  const graph = networkGraph(trained.network, [channels, height, width])
  return {
    name,
    about: `a run of ${modelName(recipe)}, after ${formatCount(step)} steps`,
    notes: [],
    graph,
    classifier: { name, classes, shape, ...preparationOf(recipe, shape), weights: 'float32', network: trained },
  }
}

/** @returns the step of the checkpoint that was loaded */
async function loadLatest(
  model: Module,
  pointer: File | undefined,
  found: (name: string) => File | undefined,
  run: string,
): Promise<number> {
  const file = (await pointer?.text())?.trim()
  const description = file?.replace(/\.safetensors$/, '.json')
  const [tensors, words] = [file && found(file), description && found(description)]
  if (!file || !tensors || !words)
    throw new OpenError(`${run} has no whole checkpoint yet: its weights are not in the folder`)
  const names = { tensors: file, description: description! }
  const checkpoint = await decodeCheckpoint(
    { tensors: new Uint8Array(await tensors.arrayBuffer()), description: await words.text() },
    names,
  )
  await loadCheckpoint(model, checkpoint, `${run}: ${file}`)
  return checkpoint.progress.step
}

async function openWeightsFile(file: File): Promise<OpenedNetwork> {
  const { tensors: found } = await openWeights(file)
  const tensors = [...found].map(([name, { shape, dtype }]): ListedTensor => ({ name, shape, type: dtype }))
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  const fitting = fittingModel(shapes)
  if (!fitting) {
    const nearest = nearestModel(shapes)
    const about = `${formatCount(tensors.length)} tensors that fit no model of the catalog as they are`
    const note =
      nearest &&
      `Nearest is ${nearest.name}, of which ${Math.round(100 * nearest.share)} % of the tensors have the same name and shape.`
    return {
      name: file.name,
      about,
      notes: [
        ...(note ? [note] : []),
        'A file of weights has no edges: how its layers are joined is in the code that it is from.',
      ],
      tensors,
    }
  }
  const { inputShape, create } = findModel(fitting.name)
  const model = create({ classes: fitting.classes }).initialize(0)
  const { notes: told } = await loadWeights(model, file)
  const [channels, height, width] = inputShape
  const shape = [height, width, channels] as const
  const notes = [...told, usualWords]
  const classifier = contentsOf(
    file.name,
    shape,
    new ImageClassifier(normalize(usualNormalization(shape)), model),
    undefined,
    notes,
  )
  const head = fitting.hasOtherHead ? `, with a last layer of ${formatCount(fitting.classes)}` : ''
  return {
    name: file.name,
    about: `weights of ${fitting.name}${head}`,
    notes,
    graph: networkGraph(model, inputShape),
    classifier,
  }
}
