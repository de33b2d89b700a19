/** The methods of `fovea inspect` that make pictures: what excites a channel or a class most, and DeepDream. */
import { type Raster, resize } from '../../../augment/index.ts'
import { ImageError } from '../../../data/errors.ts'
import { decodeRaster } from '../../../data/image.node.ts'
import { ShapeError, sizeOf } from '../../../graph/shape.ts'
import {
  deepDream,
  type Inspector,
  lastSpatialLayer,
  type Objective,
  toBytes,
  type Visualization,
  visualize,
} from '../../../inspect/index.ts'
import { contactSheet, encodePng, enlarged, type SheetPicture } from '../../../plot/index.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { formatCount } from '../../../text/format.ts'
import { checkEnding, hasEnding } from '../../endings.ts'
import { sheetFor } from '../../sheet.ts'
import { oneLine, UsageError } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'
import { picturesOf } from '../predict/pictureFiles.ts'
import { classOf, type Subject } from './subject.ts'

/** Most channels that are drawn when none is named, and pictures in a row of a sheet. */
const [mostChannels, perRow] = [24, 6] as const
/** Most values in the pictures that are optimized at once: more would be no faster, and take memory. */
const atOnce = 2 ** 18
/** Small pictures are enlarged to about this side. */
const smallestSide = 224

/** Something to maximize, and its name. */
interface Wanted {
  readonly name: string
  readonly of: Objective
}

/** Pictures that excite channels of a layer, or classes. */
export async function drawVisualizations(subject: Subject): Promise<void> {
  const { inspector, options, shape, onProgress } = subject
  const wanted = wantedOf(subject)
  const out = outOf(options.out, wanted.length)
  const { steps, seed, image } = options
  const settings = {
    ...(steps !== undefined && { steps }),
    ...(seed !== undefined && { seed }),
    ...(image !== undefined && { image }),
  }
  const part = Math.max(1, Math.floor(atOnce / sizeOf(shape)))
  const found: (SheetPicture & { readonly score: number; readonly firstScore: number })[] = []
  for (let first = 0; first < wanted.length; first += part) {
    const some = wanted.slice(first, first + part)
    const made: Visualization = await visualize(
      inspector,
      some.map(({ of }) => of),
      { ...settings, onStep: ({ step, of }) => onProgress(first * of + step * some.length, wanted.length * of) },
    )
    const pixels = toBytes(made.images)
    some.forEach(({ name }, n) => {
      const score = made.scores[n]
      const caption = `${name}: ${score.toPrecision(3)}`
      const said = `${caption}, from ${made.firstScores[n].toPrecision(3)}`
      const bytes = Uint8Array.from(pixels.subarray(n * sizeOf(shape), (n + 1) * sizeOf(shape)))
      found.push({ pixels: bytes, shape, caption, said, score, firstScore: made.firstScores[n] })
    })
  }
  await writePictures(out, found, `What excites ${options.layer ?? 'classes'} of a network`, subject)
  const said = wanted.map(({ name }, n) => ({ name, score: found[n]!.score, firstScore: found[n]!.firstScore }))
  if (options.json)
    return printJson({ out, ...(options.layer !== undefined && { layer: options.layer }), pictures: said })
  const still = said.filter(({ score, firstScore }) => score <= firstScore)
  print(
    ...said.map(({ name, score, firstScore }) => `${name}: ${score.toPrecision(3)}, from ${firstScore.toPrecision(3)}`),
    ...(still.length > 0
      ? [`${formatCount(still.length)} did not rise: no noise excited it; what its rectifier reads always has a slope`]
      : []),
    `written to ${out}`,
  )
}

/** Channels of `--layer`, or classes. @throws UsageError when neither is named, or a channel does not exist. */
function wantedOf({ inspector, options, classes }: Subject): Wanted[] {
  const { layer, channel } = options
  if (layer === undefined) {
    if (channel !== undefined) throw new UsageError('--channel needs --layer')
    if (options.class === undefined) throw new UsageError('--method visualize needs --layer or --class')
    const of = classOf(options.class, classes)
    return [{ name: classes[of], of }]
  }
  const { shape } = inspector.point(layer)
  const channels = channel ?? Array.from({ length: Math.min(shape[0], mostChannels) }, (_, c) => c)
  const missing = channels.find(c => !Number.isInteger(c) || c < 0 || c >= shape[0])
  if (missing !== undefined) {
    throw new UsageError(`--channel ${missing}: ${layer} has channels 0 to ${shape[0] - 1}`)
  }
  return channels.map(c => ({ name: `channel ${c}`, of: { layer, channel: c } }))
}

function outOf(out: string | undefined, pictures: number): string {
  const isSheet = pictures > 1
  if (isSheet) {
    checkEnding('--out', out, ['.svg', '.html'], `${formatCount(pictures)} pictures make a sheet, which is written as`)
  }
  return out ?? (isSheet ? 'inspect.svg' : 'inspect.png')
}

/** One picture alone, enlarged, or a sheet. */
function writePictures(out: string, pictures: readonly SheetPicture[], title: string, { run }: Subject): Promise<void> {
  const [{ pixels, shape }] = pictures
  if (hasEnding(out, '.png')) {
    const factor = Math.max(1, Math.floor(smallestSide / Math.max(shape[0], shape[1])))
    const size = [shape[0] * factor, shape[1] * factor, shape[2]] as const
    return writeAtomic(out, encodePng(enlarged(pixels, shape, factor), size))
  }
  const rows = Array.from({ length: Math.ceil(pictures.length / perRow) }, (_, r) => ({
    title: '',
    pictures: pictures.slice(r * perRow, (r + 1) * perRow),
  }))
  const sheet = contactSheet(rows, { cell: 112, description: title })
  return writeAtomic(out, sheetFor(out, sheet, { title, subject: run }))
}

/** Longer side of a dream when none is given. */
const dreamSide = 512

/** A picture that amplifies what a layer already sees in it. */
export async function drawDream(subject: Subject, words: readonly string[]): Promise<void> {
  const { inspector, options, onProgress } = subject
  const { steps, seed, out = 'inspect.png' } = options
  const [file, ...others] = await filesOf(words)
  if (others.length > 0)
    throw new UsageError(`--method deepdream takes one picture, got ${formatCount(others.length + 1)}`)
  const layer = inspector.point(options.layer ?? lastSpatialLayer(inspector)).name
  const { dreamer, image, octaves } = await dreamerFor(subject, file!)
  const [channel] = options.channel ?? []
  if ((options.channel?.length ?? 0) > 1) throw new UsageError('--channel: --method deepdream raises one channel')
  const of: Objective = channel === undefined ? { layer } : { layer, channel }
  let first: number | undefined
  let last = 0
  const dream = await deepDream(dreamer, image, of, {
    ...(octaves !== undefined && { octaves }),
    ...(steps !== undefined && { steps }),
    ...(seed !== undefined && { seed }),
    onStep: ({ octave, octaves: all, step, of: each, score }) => {
      if (octave === all) first ??= score
      last = score
      onProgress((octave - 1) * each + step, all * each)
    },
  })
  const [height, width, channels] = dreamer.shape
  const bytes = Uint8Array.from(toBytes(dream))
  await writePictures(
    out,
    [{ pixels: bytes, shape: [height, width, channels], said: `${file}: ${layer} ${last.toPrecision(3)}` }],
    `What ${layer} of a network sees in ${file}`,
    subject,
  )
  if (options.json) printJson({ out, file, layer, size: [height, width], firstScore: first, score: last })
  else
    print(
      `${file}: ${layer} ${last.toPrecision(3)}, from ${first?.toPrecision(3)} in the last octave`,
      `written to ${out}`,
    )
}

async function filesOf(words: readonly string[]): Promise<string[]> {
  const named = await Promise.all(words.map(picturesOf))
  return named.flatMap(found => {
    if ('error' in found) throw new UsageError(found.error)
    return found.files
  })
}

/** The picture at its own size if the network takes that; otherwise at the network's size, in one octave. */
async function dreamerFor(
  { inspector, shape, options, pictures }: Subject,
  file: string,
): Promise<{ dreamer: Inspector; image: Uint8Array; octaves?: number }> {
  const picture = await decoded(file, shape[2])
  const side = options.size ?? Math.min(dreamSide, Math.max(picture.height, picture.width))
  const factor = side / Math.max(picture.height, picture.width)
  const [height, width] = [picture.height, picture.width].map(length => Math.max(1, Math.round(length * factor)))
  const dreamer = inspector.resized(height!, width!)
  // A network with a layer for a fixed size takes no smaller size.
  const [smallerHeight, smallerWidth] = [height!, width!].map(length => Math.max(1, Math.round(length / 1.4 ** 3)))
  if (takes(dreamer) && takes(dreamer.resized(smallerHeight!, smallerWidth!))) {
    return { dreamer, image: resize(picture, height!, width!).pixels }
  }
  if (options.size !== undefined) {
    throw new UsageError(`--size ${options.size}: this network takes pictures of ${shape[0]} × ${shape[1]} only`)
  }
  return { dreamer: inspector, image: pictures[0]!.pixels, octaves: 1 }
}

function takes(inspector: Inspector): boolean {
  try {
    return inspector.points.length > 0
  } catch (error) {
    if (error instanceof ShapeError) return false
    throw error
  }
}

async function decoded(file: string, channels: number): Promise<Raster> {
  try {
    return await decodeRaster(file, { channels })
  } catch (error) {
    throw error instanceof ImageError ? new UsageError(oneLine(error.message), { cause: error }) : error
  }
}
