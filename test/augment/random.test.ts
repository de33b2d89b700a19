/** What random transforms draw: ranges, moments and frequencies; and that numbers belong to (seed, epoch, sample, place). */
import { describe, expect, it } from 'vitest'
import { randomAffine, randomRotation, rotate } from '../../src/augment/affine.ts'
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  brightness,
  colorJitter,
  contrast,
  grayscale,
  hue,
  saturation,
} from '../../src/augment/color.ts'
import { compose } from '../../src/augment/compose.ts'
import { centerCrop, randomCrop } from '../../src/augment/crop.ts'
import { cutout, randomErasing } from '../../src/augment/erase.ts'
import { flipHorizontally, flipVertically, horizontalFlip, verticalFlip } from '../../src/augment/flip.ts'
import { betaNumber, cutmix, mixup, pastedBox } from '../../src/augment/mix.ts'
import { gaussianNoise } from '../../src/augment/noise.ts'
import { imagenetColorComponents, pcaColor, shiftColor } from '../../src/augment/pcaColor.ts'
import { type Raster, raster } from '../../src/augment/raster.ts'
import { cifarAugmentation, digitAugmentation, imagenetAugmentation } from '../../src/augment/recipes.ts'
import { randomResizedCrop, resizedCropBox, scaleTo } from '../../src/augment/resize.ts'
import { augmentationFrom } from '../../src/augment/table.ts'
import { customTransform, type MixBatch, type Transform } from '../../src/augment/transform.ts'
import { coverView, fiveCrop, flipViews, shiftViews, tenCrop } from '../../src/augment/views.ts'
import { RandomSequence } from '../../src/random/philox.ts'

/** `[10, 12, 3]`: channel 0 is the row, channel 1 the column, channel 2 a mixture. */
const image = raster(
  Uint8Array.from({ length: 360 }, (_, i) => {
    const [y, x] = [Math.floor(i / 36), Math.floor(i / 3) % 12]
    return [1 + y, 1 + x, 20 * y + 5 * x][i % 3]!
  }),
  [10, 12, 3],
)
const same = (a: Raster, b: Raster) => Buffer.compare(a.pixels, b.pixels) === 0

/** What a transform makes of the picture for many samples. */
const drawn = (transform: Transform, count = 2000, source = image): Raster[] =>
  Array.from({ length: count }, (_, index) => compose([transform]).apply(source, { seed: 1, epoch: 1, index }))

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const deviation = (values: readonly number[]) => Math.sqrt(mean(values.map(v => (v - mean(values)) ** 2)))

/** χ² of counts that should be equal. */
const chiSquare = (counts: readonly number[]): number => {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length
  return counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
}

describe('random crops', () => {
  it('are equally often at every place', () => {
    const counts = new Array<number>(5 * 5).fill(0)
    for (const { pixels, height, width } of drawn(randomCrop({ size: [6, 8] }), 5000)) {
      expect([height, width]).toEqual([6, 8])
      counts[(pixels[0]! - 1) * 5 + pixels[1]! - 1]!++
    }
    // χ² with 24 degrees of freedom stays below 51.2 with probability 0.999.
    expect(chiSquare(counts)).toBeLessThan(51.2)
  })

  it('with padding begin up to so many pixels before and after, and fill with the color', () => {
    const tops = new Set<number>()
    for (const { pixels } of drawn(randomCrop({ size: [10, 12], padding: 2, fill: [7, 7, 250] }), 500)) {
      // The first row of the picture, if it is there: its channel 0 is 1.
      const row = Array.from({ length: 10 }, (_, y) => pixels[(y * 12 + 6) * 3]!).indexOf(1)
      tops.add(row < 0 ? 2 - pixels[18]! : row)
      if (row > 0) expect([...pixels.subarray(0, 3)]).toEqual([7, 7, 250])
    }
    expect([...tops].sort()).toEqual([-1, 0, 1, 2].sort())
  })

  it('resized ones keep to the area and the shape asked for', () => {
    const random = new RandomSequence(2, 'boxes')
    const size = { height: 300, width: 400 }
    const boxes = Array.from({ length: 4000 }, () => resizedCropBox(size, random, [0.2, 0.8], [0.5, 2]))
    const areas = boxes.map(({ height, width }) => (height * width) / 120_000)
    const ratios = boxes.map(({ height, width }) => Math.log(width / height))
    for (const { top, left, height, width } of boxes) {
      expect(top >= 0 && left >= 0 && top + height <= 300 && left + width <= 400).toBe(true)
    }
    expect(Math.min(...areas)).toBeGreaterThan(0.195)
    expect(Math.max(...areas)).toBeLessThan(0.805)
    expect(Math.min(...ratios)).toBeGreaterThan(Math.log(0.49))
    expect(Math.max(...ratios)).toBeLessThan(Math.log(2.05))
    // Large tall boxes do not fit and are drawn again, so the mean area is a little below 0.5.
    expect(mean(areas)).toBeGreaterThan(0.42)
    expect(mean(areas)).toBeLessThan(0.5)
    const [only] = drawn(randomResizedCrop({ size: 5 }), 1)
    expect([only!.height, only!.width]).toEqual([5, 5])
  })

  it('resized ones of a strip fall back on its middle', () => {
    const random = new RandomSequence(2, 'strip')
    const box = resizedCropBox({ height: 10, width: 1000 }, random, [0.9, 1], [3 / 4, 4 / 3])
    expect(box).toEqual({ top: 0, left: 493, height: 10, width: 13 })
    const tall = resizedCropBox({ height: 1000, width: 10 }, random, [0.9, 1], [3 / 4, 4 / 3])
    expect(tall).toEqual({ top: 493, left: 0, height: 13, width: 10 })
  })
})

describe('chances', () => {
  it.each<[string, (probability?: number) => Transform, Raster]>([
    ['horizontalFlip', p => horizontalFlip(p === undefined ? {} : { probability: p }), flipHorizontally(image)],
    ['verticalFlip', p => verticalFlip(p === undefined ? {} : { probability: p }), flipVertically(image)],
  ])('%s: half of the time, or as often as asked', (_, make, flipped) => {
    const share = (transform: Transform) => drawn(transform).filter(result => same(result, flipped)).length / 2000
    expect(Math.abs(share(make()) - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 2000))
    expect(Math.abs(share(make(0.2)) - 0.2)).toBeLessThan(4 * Math.sqrt(0.16 / 2000))
    expect(share(make(0))).toBe(0)
    expect(share(make(1))).toBe(1)
  })

  it('horizontalFlip, alternating: both sides of a picture in any two epochs in a row, half of the pictures first', () => {
    const augment = compose([horizontalFlip({ alternate: true })])
    const isMirrored = (index: number, epoch: number) =>
      same(augment.apply(image, { seed: 1, epoch, index }), flipHorizontally(image))
    const samples = Array.from({ length: 1000 }, (_, index) => index)
    for (const epoch of [1, 2, 3]) {
      const mirrored = samples.filter(index => isMirrored(index, epoch))
      expect(Math.abs(mirrored.length / 1000 - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 1000))
      expect(samples.filter(index => !isMirrored(index, epoch + 1))).toEqual(mirrored)
    }
    const again = augmentationFrom(JSON.parse(JSON.stringify(augment.spec())))
    expect(again.spec()).toEqual(augment.spec())
    expect(() => horizontalFlip({ alternate: 'yes' as never })).toThrow('alternate (="yes") must be true or false')
  })

  it('grayscale, cutout and randomErasing', () => {
    const changed = (transform: Transform) => drawn(transform).filter(result => !same(result, image)).length / 2000
    expect(Math.abs(changed(grayscale({ probability: 0.3 })) - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / 2000))
    expect(Math.abs(changed(cutout({ size: 3, probability: 0.3 })) - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / 2000))
    expect(Math.abs(changed(randomErasing()) - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 2000))
  })
})

describe('erasing', () => {
  const white = raster(new Uint8Array(40 * 40).fill(255), [40, 40, 1])
  const erased = (result: Raster) => result.pixels.filter(value => value === 0).length

  it('cutout takes a square, less what lies outside, around every pixel equally often', () => {
    const sizes = drawn(cutout({ size: 8 }), 2000, white).map(erased)
    expect(Math.max(...sizes)).toBe(64)
    // A square around a corner pixel (0, 0) covers rows and columns 0 … 3.
    expect(Math.min(...sizes)).toBe(16)
    // Over all pixels an axis keeps 8 − (4 + 3 + 2 + 1 + 1 + 2 + 3) / 40 on average.
    expect(Math.abs(mean(sizes) - (8 - 16 / 40) ** 2)).toBeLessThan(4 * (deviation(sizes) / Math.sqrt(2000)))
  })

  it('random erasing keeps to the area and fills at random when asked', () => {
    const sizes = drawn(randomErasing({ probability: 1, scale: [0.1, 0.2] }), 1000, white).map(erased)
    expect(Math.min(...sizes)).toBeGreaterThan(0.08 * 1600)
    expect(Math.max(...sizes)).toBeLessThan(0.22 * 1600)
    const [noisy] = drawn(randomErasing({ probability: 1, scale: [0.3, 0.33], fill: 'random' }), 1, white)
    const inside = [...noisy!.pixels].filter(value => value !== 255)
    expect(new Set(inside).size).toBeGreaterThan(100)
  })
})

describe('rotation and affine maps', () => {
  it('turn by no more than the angle, evenly to both sides', () => {
    // A dot to the right of the middle of a large picture: where it goes tells the angle.
    const dot = raster(new Uint8Array(101 * 101), [101, 101, 1])
    for (let y = 48; y <= 52; y++) for (let x = 88; x <= 92; x++) dot.pixels[y * 101 + x] = 255
    const angles = drawn(randomRotation({ degrees: 30 }), 400, dot).map(({ pixels }) => {
      let [sum, sx, sy] = [0, 0, 0]
      pixels.forEach((value, i) => {
        sum += value
        sx += value * ((i % 101) - 50)
        sy += value * (Math.floor(i / 101) - 50)
      })
      return (-Math.atan2(sy / sum, sx / sum) * 180) / Math.PI
    })
    expect(Math.max(...angles.map(Math.abs))).toBeLessThan(30.5)
    expect(Math.abs(mean(angles))).toBeLessThan(4 * (30 / Math.sqrt(3 * 400)))
    expect(Math.abs(deviation(angles) - 30 / Math.sqrt(3))).toBeLessThan(1.5)
  })

  it('move by whole pixels within the share', () => {
    const spots = drawn(randomAffine({ translate: [0.25, 0.1] }), 300).map(({ pixels }) => {
      const at = pixels.findIndex((value, i) => i % 3 === 0 && value > 0)
      return [pixels[at]!, pixels[at + 1]!, at]
    })
    // 0.25 · 12 = 3 columns and 0.1 · 10 = 1 row to either side.
    expect(Math.max(...spots.map(([, column]) => column!))).toBe(4)
    expect(Math.max(...spots.map(([row]) => row!))).toBe(2)
  })

  it('of nothing are the picture itself', () => {
    for (const result of drawn(randomAffine({}), 5)) expect(same(result, image)).toBe(true)
    expect(same(rotate(image, 360), image)).toBe(true)
  })
})

describe('color', () => {
  const photo = raster(
    Uint8Array.from({ length: 300 }, (_, i) => 60 + ((i * 37) % 120)),
    [10, 10, 3],
  )

  it.each<[string, Transform, (factor: number) => Raster, [number, number]]>([
    ['brightness', brightness({ amount: 0.4 }), factor => adjustBrightness(photo, factor), [0.6, 1.4]],
    ['contrast', contrast({ amount: 0.4 }), factor => adjustContrast(photo, factor), [0.6, 1.4]],
    ['saturation', saturation({ amount: [0.5, 0.7] }), factor => adjustSaturation(photo, factor), [0.5, 0.7]],
    ['hue', hue({ amount: 0.1 }), shift => adjustHue(photo, shift), [-0.1, 0.1]],
  ])('%s draws its factor evenly from the interval', (_, transform, adjust, [low, high]) => {
    // The first number of the sample's own sequence, which this file draws as well.
    for (let index = 0; index < 50; index++) {
      const factor = low + (high - low) * new RandomSequence(1, 'augment.0', 1, index).uniform()
      const result = compose([transform]).apply(photo, { seed: 1, epoch: 1, index })
      expect(same(result, adjust(factor))).toBe(true)
    }
  })

  it('jitter of one kind is that transform; its order changes the result of several', () => {
    const bright = drawn(colorJitter({ brightness: 0.5 }), 200, photo)
    const factors = bright.map(({ pixels }) => mean([...pixels]) / mean([...photo.pixels]))
    expect(Math.min(...factors)).toBeGreaterThan(0.48)
    expect(Math.max(...factors)).toBeLessThan(1.5)
    expect(deviation(factors)).toBeGreaterThan(0.2)
    expect(drawn(colorJitter({}), 3, photo).every(result => same(result, photo))).toBe(true)
  })

  it("AlexNet's shift has the components' directions, with the standard deviation asked for", () => {
    const gray = raster(new Uint8Array(3).fill(128), [1, 1, 3])
    const shifts = drawn(pcaColor({ sigma: 0.5 }), 4000, gray).map(({ pixels }) => [...pixels].map(v => v - 128))
    const { values, vectors } = imagenetColorComponents
    for (const channel of [0, 1, 2]) {
      // Variance of Σ αᵢ λᵢ pᵢ, and 1/12 of rounding.
      const variance = [0, 1, 2].reduce((sum, i) => sum + (255 * 0.5 * values[i]! * vectors[i]![channel]!) ** 2, 1 / 12)
      const found = shifts.map(shift => shift[channel]!)
      expect(Math.abs(deviation(found) / Math.sqrt(variance) - 1)).toBeLessThan(0.05)
      expect(Math.abs(mean(found))).toBeLessThan((4 * Math.sqrt(variance)) / Math.sqrt(4000))
    }
    expect(same(shiftColor(image, [0, 0, 0], imagenetColorComponents), image)).toBe(true)
  })

  it('noise has its mean, its deviation, and none of it is the same', () => {
    const gray = raster(new Uint8Array(2000).fill(128), [40, 50, 1])
    const [first, second] = drawn(gaussianNoise({ sigma: 0.1 }), 2, gray)
    const values = [...first!.pixels].map(value => value - 128)
    expect(Math.abs(mean(values))).toBeLessThan((4 * 25.5) / Math.sqrt(2000))
    expect(Math.abs(deviation(values) / 25.5 - 1)).toBeLessThan(4 / Math.sqrt(4000))
    const other = [...second!.pixels].map(value => value - 128)
    const correlation = mean(values.map((value, i) => value * other[i]!)) / 25.5 ** 2
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(2000))
  })
})

describe('mixing', () => {
  it('draws λ from Beta(α, α)', () => {
    for (const alpha of [0.2, 1, 3]) {
      const random = new RandomSequence(3, 'beta')
      const values = Array.from({ length: 5000 }, () => betaNumber(alpha, random))
      // Mean ½ and variance 1 / (4 (2α + 1)).
      const variance = 1 / (4 * (2 * alpha + 1))
      expect(Math.abs(mean(values) - 0.5)).toBeLessThan(4 * Math.sqrt(variance / 5000))
      expect(Math.abs(deviation(values) ** 2 / variance - 1)).toBeLessThan(0.08)
    }
  })

  it('pastes boxes of 1 − λ of the area on average of those that lie inside', () => {
    const random = new RandomSequence(3, 'boxes')
    for (let k = 0; k < 500; k++) {
      const { top, left, height, width } = pastedBox([32, 48, 3], 0.75, random)
      expect(top >= 0 && left >= 0 && top + height <= 32 && left + width <= 48).toBe(true)
      expect(height <= 16 && width <= 24).toBe(true)
    }
  })

  it('leaves batches of one, and batches by chance, as they are', () => {
    const batch = (size: number): MixBatch => ({
      size,
      shape: [2, 2, 1],
      images: Uint8Array.from({ length: 4 * size }, (_, i) => 10 * i),
      classes: 2,
      labels: Float32Array.from({ length: 2 * size }, (_, i) => (i % 4 === 0 || i % 4 === 3 ? 1 : 0)),
    })
    const mixed = (size: number, mix = mixup({ alpha: 1 }), index = 0) => {
      const given = batch(size)
      compose([mix]).mix(given, { seed: 1, epoch: 1, index })
      return given
    }
    expect(mixed(1)).toEqual(batch(1))
    expect(mixed(3)).not.toEqual(batch(3))
    const rare = mixup({ alpha: 1, probability: 0.3 })
    const touched = Array.from({ length: 1000 }, (_, k) => mixed(2, rare, k)).filter(
      result => Buffer.compare(result.images, batch(2).images) !== 0,
    ).length
    // Mixing with a λ near 1 changes no byte, so there are a few less than 30 %.
    expect(touched / 1000).toBeGreaterThan(0.24)
    expect(touched / 1000).toBeLessThan(0.36)
    for (const { labels } of [mixed(3), mixed(4, cutmix())]) {
      for (let i = 0; i < labels.length; i += 2) expect(labels[i]! + labels[i + 1]!).toBeCloseTo(1, 6)
    }
  })
})

describe('a pipeline', () => {
  const pipeline = compose([randomCrop({ size: 8 }), brightness({ amount: 0.5 })])

  it('gives a sample the same numbers, whatever is done before, and others to others', () => {
    const key = { seed: 1, epoch: 2, index: 3 }
    const result = pipeline.apply(image, key)
    pipeline.apply(image, { ...key, index: 4 })
    expect(pipeline.apply(image, key)).toEqual(result)
    for (const other of [
      { ...key, seed: 2 },
      { ...key, epoch: 3 },
      { ...key, index: 4 },
    ]) {
      expect(pipeline.apply(image, other)).not.toEqual(result)
    }
  })

  it('gives each place its own numbers: two flips are not one flip twice', () => {
    const twice = compose([horizontalFlip(), horizontalFlip()])
    const results = Array.from({ length: 200 }, (_, index) => twice.apply(image, { seed: 1, epoch: 1, index }))
    const flipped = results.filter(result => !same(result, image)).length
    expect(flipped).toBeGreaterThan(60)
    expect(flipped).toBeLessThan(140)
  })

  it('knows the shape of what comes out', () => {
    expect(pipeline.resultShape([10, 12, 3])).toEqual([8, 8, 3])
    expect(compose([scaleTo({ size: 20 })]).resultShape([10, 12, 3])).toEqual([20, 24, 3])
    expect(compose([scaleTo({ size: 20 }), centerCrop({ size: [16, 18] })]).resultShape([12, 10, 1])).toEqual([
      16, 18, 1,
    ])
    expect(compose([horizontalFlip()]).resultShape([3, 4, 1])).toEqual([3, 4, 1])
    expect(cifarAugmentation().resultShape([32, 32, 3])).toEqual([32, 32, 3])
    expect(imagenetAugmentation(64).resultShape([256, 300, 3])).toEqual([64, 64, 3])
    expect(digitAugmentation().resultShape([28, 28, 1])).toEqual([28, 28, 1])
    const [scaled] = drawn(scaleTo({ size: 20 }), 1)
    expect([scaled!.height, scaled!.width]).toEqual([20, 24])
  })

  it('takes transforms of your own', () => {
    const invert = customTransform('invert', ({ pixels, ...rest }) => ({ ...rest, pixels: pixels.map(v => 255 - v) }))
    expect(compose([invert, invert]).apply(image, { seed: 0, epoch: 0, index: 0 })).toEqual(image)
    expect(() => compose([invert]).spec()).toThrow('invert is a function of your own')
  })
})

describe('views', () => {
  it('are as many as they say, of the shape they say', () => {
    for (const [views, count, shape, mirrors] of [
      [flipViews(), 2, [10, 12, 3], true],
      [shiftViews(2), 6, [10, 12, 3], true],
      [fiveCrop(8), 5, [8, 8, 3], false],
      [tenCrop([6, 8]), 10, [6, 8, 3], true],
      [coverView([20, 20]), 1, [20, 20, 3], false],
    ] as const) {
      expect([views.count, views.mirrors]).toEqual([count, mirrors])
      expect(views.resultShape([10, 12, 3])).toEqual(shape)
      const all = Array.from({ length: count }, (_, k) => views.view(image, k))
      for (const { height, width, channels } of all) expect([height, width, channels]).toEqual(shape)
      expect(new Set(all.map(({ pixels }) => pixels.join())).size).toBe(count)
    }
  })

  it('moved by a pixel: up and left, down and right, with a mirrored border', () => {
    const [plain, mirrored, upLeft, , downRight] = Array.from({ length: 6 }, (_, k) => shiftViews().view(image, k))
    expect(same(plain!, image)).toBe(true)
    expect(same(mirrored!, flipHorizontally(image))).toBe(true)
    const at = ({ pixels, width, channels }: Raster, y: number, x: number) => [
      ...pixels.slice((y * width + x) * channels, (y * width + x + 1) * channels),
    ]
    expect(at(upLeft!, 0, 0)).toEqual(at(image, 1, 1))
    expect(at(upLeft!, 9, 11)).toEqual(at(image, 8, 10))
    expect(at(downRight!, 9, 11)).toEqual(at(image, 8, 10))
    expect(at(downRight!, 0, 0)).toEqual(at(image, 1, 1))
    expect(at(downRight!, 5, 5)).toEqual(at(image, 4, 4))
    expect(() => shiftViews(0)).toThrow('pixels (=0) must be a whole number of at least 1')
  })
})
