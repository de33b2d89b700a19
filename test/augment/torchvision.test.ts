/** The transforms with given parameters, byte by byte against torchvision. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { affine, rotate } from '../../src/augment/affine.ts'
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from '../../src/augment/color.ts'
import { type Border, type Box, centerCropOf, crop } from '../../src/augment/crop.ts'
import { erase } from '../../src/augment/erase.ts'
import { flipHorizontally, flipVertically } from '../../src/augment/flip.ts'
import { mixBatch, pasteBatch } from '../../src/augment/mix.ts'
import { imagenetColorComponents, shiftColor } from '../../src/augment/pcaColor.ts'
import { type Fill, type Raster, raster } from '../../src/augment/raster.ts'
import { resize } from '../../src/augment/resample.ts'
import { cover, resizeShorterSide } from '../../src/augment/resize.ts'
import type { MixBatch } from '../../src/augment/transform.ts'
import { fiveCrop, tenCrop } from '../../src/augment/views.ts'

interface Packed {
  readonly shape: readonly number[]
  readonly bytes: string
}

/** Those of all operations together; each has the ones it needs. */
interface Arguments {
  readonly box: Box
  readonly border?: Border
  readonly fill?: Fill
  readonly size: number
  readonly view: number
  readonly height: number
  readonly width: number
  readonly side: number
  readonly interpolation: 'bilinear' | 'nearest'
  readonly degrees: number
  readonly factor: number
  readonly shift: number
  readonly alphas: readonly number[]
}

interface Case {
  readonly image: string
  readonly op: string
  readonly arguments: Arguments
  readonly result: Packed
  /** Largest difference of a byte. */
  readonly tolerance: number
}

interface Fixtures {
  readonly images: Readonly<Record<string, Packed>>
  readonly cases: readonly Case[]
  readonly batch: {
    readonly images: Packed
    readonly classes: number
    readonly labels: readonly number[]
    readonly mixed: readonly {
      readonly op: 'mixBatch' | 'pasteBatch'
      readonly share?: number
      readonly box?: Box
      readonly images: Packed
      readonly labels: readonly number[]
    }[]
  }
}

const fixtures = JSON.parse(
  readFileSync(new URL('../fixtures/torchvision/augment.json', import.meta.url), 'utf8'),
) as Fixtures

const bytesOf = ({ bytes }: Packed): Uint8Array => new Uint8Array(Buffer.from(bytes, 'base64'))
const unpack = (packed: Packed): Raster => raster(bytesOf(packed), packed.shape as [number, number, number])

const operations: Readonly<Record<string, (image: Raster, given: Arguments) => Raster>> = {
  crop: (image, { box, border, fill }) =>
    crop(image, box, { ...(border && { border }), ...(fill !== undefined && { fill }) }),
  centerCrop: (image, { size }) => centerCropOf(image, size, size),
  fiveCrop: (image, { size, view }) => fiveCrop(size).view(image, view),
  tenCrop: (image, { size, view }) => tenCrop(size).view(image, view),
  flipHorizontally,
  flipVertically,
  cover: (image, { size }) => cover(image, size, size),
  resize: (image, { height, width, interpolation }) => resize(image, height, width, interpolation),
  resizeShorterSide: (image, { side }) => resizeShorterSide(image, side),
  resizedCrop: (image, { box, height, width }) => resize(crop(image, box), height, width),
  rotate: (image, { degrees, ...options }) => rotate(image, degrees, options),
  affine: (image, given) => affine(image, given),
  adjustBrightness: (image, { factor }) => adjustBrightness(image, factor),
  adjustContrast: (image, { factor }) => adjustContrast(image, factor),
  adjustSaturation: (image, { factor }) => adjustSaturation(image, factor),
  adjustHue: (image, { shift }) => adjustHue(image, shift),
  erase: (image, { box, fill }) => erase(image, box, fill),
  shiftColor: (image, { alphas }) => shiftColor(image, alphas, imagenetColorComponents),
}

describe('torchvision', () => {
  it('has a case for every operation', () => {
    expect(new Set(fixtures.cases.map(({ op }) => op))).toEqual(new Set(Object.keys(operations)))
  })

  it.each(
    fixtures.cases.map(given => [`${given.op} ${JSON.stringify(given.arguments)} of ${given.image}`, given] as const),
  )('%s', (_, { image, op, arguments: given, result, tolerance }) => {
    const source = unpack(fixtures.images[image]!)
    const before = source.pixels.slice()
    const found = operations[op]!(source, given)
    expect([found.height, found.width, found.channels]).toEqual(result.shape)
    const expected = bytesOf(result)
    const difference = found.pixels.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    expect(difference).toBeLessThanOrEqual(tolerance)
    // Bytes that differ are rare: rounding, not another formula.
    const different = found.pixels.filter((value, i) => value !== expected[i]).length
    expect(different / expected.length).toBeLessThanOrEqual(tolerance * 0.05)
    expect(source.pixels).toEqual(before)
  })

  it.each(fixtures.batch.mixed.map(given => [given.op, given] as const))('%s', (op, given) => {
    const { images, labels, classes } = fixtures.batch
    const [size, ...shape] = images.shape as [number, number, number, number]
    const batch: MixBatch = { size, shape, images: bytesOf(images), classes, labels: Float32Array.from(labels) }
    if (op === 'mixBatch') mixBatch(batch, given.share!)
    else pasteBatch(batch, given.box!)
    const expected = bytesOf(given.images)
    const difference = batch.images.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    // Single precision may land on the other side of a half.
    expect(difference).toBeLessThanOrEqual(op === 'mixBatch' ? 1 : 0)
    batch.labels.forEach((value, i) => {
      expect(value).toBeCloseTo(given.labels[i]!, 6)
    })
  })
})
