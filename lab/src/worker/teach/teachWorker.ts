/**
 * The worker of Teach: reads pictures, says what the trunk sees in them, and what the head makes of that; or fits a head. There are two
 * of it, so that a camera's frames do not wait for a head.
 */
import { type ClassifierContents, readClassifier } from '../../../../src/classifier/artifact.ts'
import { bitmapOf, pixelsOf } from '../../../../src/classifier/pictures.ts'
import { prepareRaster } from '../../../../src/data/prepare.ts'
import { download } from '../../../../src/formats/download.ts'
import { sha256 } from '../../../../src/formats/sha256.ts'
import { sourceOf } from '../../../../src/formats/source.ts'
import { answerCalls } from './calls.ts'
import { HeadFitter } from './fitHead.ts'
import {
  type HeadQuestions,
  type OpenedTrunk,
  type Sight,
  type TrunkQuestions,
  thumbSide,
  viewCount,
} from './protocol.ts'
import { Teacher } from './teacher.ts'
import { viewsOf } from './views.ts'

/** What is open. */
let opened: { readonly contents: ClassifierContents; readonly teacher: Teacher } | undefined

async function open(trunk: string | File): Promise<OpenedTrunk> {
  const source = typeof trunk === 'string' ? await download(new URL(trunk), 'the trunk') : sourceOf(trunk)
  const contents = await readClassifier(source)
  const teacher = new Teacher(contents)
  // What does not fit into the memory is told now, not at the first picture.
  await teacher.see([new Uint8Array(contents.shape.reduce((a, b) => a * b))])
  await opened?.teacher.close()
  opened = { contents, teacher }
  const { name, shape, classes, origin = {} } = contents
  const fingerprint = (await sha256(await source.read(0, source.size))).slice(0, 16)
  return { name, shape, classes, origin, fingerprint, features: teacher.trunk.features, batch: teacher.batch }
}

function present() {
  if (!opened) throw new Error('no trunk is open')
  return opened
}

/** Bytes of files that are decoded side by side: photographs are large while they are read, small pictures wait for each other. */
const mostSideBySide = 2 ** 21

async function see(pictures: readonly (File | ImageBitmap)[], withViews: boolean): Promise<readonly Sight[]> {
  const { teacher, contents } = present()
  const bytes = pictures.reduce((sum, picture) => sum + (picture instanceof File ? picture.size : 0), 0)
  const read: Awaited<ReturnType<typeof readOrTell>>[] = []
  if (bytes <= mostSideBySide) read.push(...(await Promise.all(pictures.map(readOrTell))))
  else for (const picture of pictures) read.push(await readOrTell(picture))
  const inputs = read.flatMap(one => ('failure' in one ? [] : [one.input]))
  const features = await seeAll(teacher, inputs)
  const views = withViews
    ? await seeAll(
        teacher,
        inputs.flatMap(one => viewsOf(one, contents.shape)),
      )
    : undefined
  const size = teacher.trunk.features
  let at = 0
  return read.map(one => {
    if ('failure' in one) return one
    const k = at++
    return {
      thumb: one.thumb,
      features: features.slice(k * size, (k + 1) * size),
      ...(views && { views: views.slice(k * viewCount * size, (k + 1) * viewCount * size) }),
    }
  })
}

/** Features of any number of pictures. */
async function seeAll(teacher: Teacher, inputs: readonly Uint8Array[]): Promise<Float32Array<ArrayBuffer>> {
  const features = new Float32Array(inputs.length * teacher.trunk.features)
  for (let from = 0; from < inputs.length; from += teacher.batch) {
    features.set(await teacher.see(inputs.slice(from, from + teacher.batch)), from * teacher.trunk.features)
  }
  return features
}

const readOrTell = (picture: File | ImageBitmap): Promise<ReadPicture | { readonly failure: string }> =>
  readPicture(picture).catch((error: Error) => ({ failure: `${error.message}.` }))

/** A picture as the trunk takes it, and small. */
interface ReadPicture {
  readonly input: Uint8Array
  readonly thumb: Uint8Array<ArrayBuffer>
}

/** @throws ClassifierError or ImageError naming what cannot be read. */
async function readPicture(picture: File | ImageBitmap): Promise<ReadPicture> {
  const { shape, subject, shorterSide } = present().contents
  const name = picture instanceof File ? picture.name : 'the camera'
  const bitmap = picture instanceof File ? await bitmapOf(picture) : picture
  try {
    const input = prepareRaster(name, pixelsOf(bitmap), shape, {
      subject,
      ...(shorterSide !== undefined && { shorterSide }),
    })
    return { input, thumb: thumbOf(bitmap) }
  } finally {
    bitmap.close()
  }
}

const small = new OffscreenCanvas(thumbSide, thumbSide)

/** The middle of a picture, small, on white. */
function thumbOf(bitmap: ImageBitmap): Uint8Array<ArrayBuffer> {
  const context = small.getContext('2d', { willReadFrequently: true })
  if (!context) throw new Error('this browser gives no canvas to read pictures with')
  const side = Math.min(bitmap.width, bitmap.height)
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2]
  context.fillStyle = 'white'
  context.fillRect(0, 0, thumbSide, thumbSide)
  context.imageSmoothingQuality = 'medium'
  context.drawImage(bitmap, left, top, side, side, 0, 0, thumbSide, thumbSide)
  const { data } = context.getImageData(0, 0, thumbSide, thumbSide)
  const thumb = new Uint8Array(3 * thumbSide ** 2)
  for (let k = 0; k < thumbSide ** 2; k++) for (let c = 0; c < 3; c++) thumb[3 * k + c] = data[4 * k + c]!
  return thumb
}

const fitter = new HeadFitter()

answerCalls<TrunkQuestions & HeadQuestions>({
  open,
  see,
  setHead: head => present().teacher.setHead(head),
  judge: features => present().teacher.judge(features),
  artifact: info => present().teacher.artifact(info),
  fit: (features, labels, shares) => fitter.fit(features, labels, shares),
})
