/** Pipelines as data, refused options, and transforms that would make labels wrong. */
import { describe, expect, it } from 'vitest'
import * as door from '../../src/augment/index.ts'
import {
  AugmentError,
  areSymbols,
  augmentationFrom,
  brightness,
  cifarAugmentation,
  colorJitter,
  compose,
  cutmix,
  cutout,
  digitAugmentation,
  fiveCrop,
  gaussianNoise,
  horizontalFlip,
  hue,
  imagenetAugmentation,
  LabelSafetyError,
  labelRisk,
  mixup,
  pcaColor,
  randomAffine,
  randomCrop,
  randomErasing,
  randomResizedCrop,
  randomRotation,
  raster,
  scaleTo,
  transformNames,
  verticalFlip,
} from '../../src/augment/index.ts'

const image = raster(
  Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 7) % 256),
  [16, 16, 3],
)

/** Options without which a transform cannot be made. */
const needed: Readonly<Record<string, object>> = {
  brightness: { amount: 0.3 },
  centerCrop: { size: 8 },
  colorJitter: { brightness: 0.2, hue: 0.1 },
  contrast: { amount: [0.5, 2] },
  cutout: { size: 4, fill: [1, 2, 3] },
  hue: { amount: 0.2 },
  randomCrop: { size: 12, padding: 2, border: 'reflect' },
  randomResizedCrop: { size: 10 },
  randomRotation: { degrees: 30 },
  randomAffine: { degrees: 5, shear: [0, 10], scale: [0.5, 1] },
  saturation: { amount: 0.3 },
  scaleTo: { size: [12, 9] },
}

describe('a pipeline as data', () => {
  it('every transform of the door has a name in the table', () => {
    expect(transformNames.filter(name => !(name in door))).toEqual([])
  })

  it.each(transformNames)('%s survives JSON: the same bytes come out', name => {
    const made = augmentationFrom({ transforms: [{ name, options: needed[name] ?? {} }] })
    const again = augmentationFrom(JSON.parse(JSON.stringify(made.spec())))
    expect(again.spec()).toEqual(made.spec())
    for (let index = 0; index < 5; index++) {
      const key = { seed: 1, epoch: 1, index }
      if (!made.softLabels) expect(again.apply(image, key)).toEqual(made.apply(image, key))
      const batch = () => ({
        size: 2,
        shape: [2, 2, 3] as const,
        images: image.pixels.slice(0, 24),
        classes: 2,
        labels: Float32Array.of(1, 0, 0, 1),
      })
      const [a, b] = [batch(), batch()]
      made.mix(a, key)
      again.mix(b, key)
      expect(a).toEqual(b)
    }
  })

  it('recipes survive it too, and keep that label changes are allowed', () => {
    for (const recipe of [cifarAugmentation(), imagenetAugmentation(), digitAugmentation()]) {
      expect(augmentationFrom(recipe.spec()).spec()).toEqual(recipe.spec())
    }
    const forced = compose([horizontalFlip()], { allowLabelChanges: true })
    expect(augmentationFrom(forced.spec()).allowLabelChanges).toBe(true)
  })

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /an augmentation must be an object, got undefined/],
    ['a list', [], /an augmentation must be an object, got \[\]/],
    ['no list', { transforms: 'flip' }, /transforms must be a list/],
    ['an unknown field', { transforms: [], seed: 1 }, /unknown field 'seed'/],
    ['an unknown transform', { transforms: [{ name: 'flip' }] }, /unknown transform 'flip'; available: brightness, /],
    ['a name of every object', { transforms: [{ name: 'toString' }] }, /unknown transform 'toString'/],
    [
      'an unknown option',
      { transforms: [{ name: 'randomCrop', options: { size: 2, pad: 4 } }] },
      /randomCrop: unknown option 'pad'; available: size, padding, border, fill/,
    ],
    [
      'no options where some are needed',
      { transforms: [{ name: 'randomCrop' }] },
      /randomCrop: size \(=undefined\) must be/,
    ],
    ['a wrong flag', { transforms: [], allowLabelChanges: 1 }, /allowLabelChanges must be true or false/],
  ])('refuses %s', (_, spec, message) => {
    expect(() => augmentationFrom(spec)).toThrow(AugmentError)
    expect(() => augmentationFrom(spec)).toThrow(message)
  })
})

describe('options', () => {
  it.each<[() => unknown, RegExp]>([
    [() => randomCrop({ size: 0 }), /randomCrop: size \(=0\) must be a whole number of at least 1/],
    [() => randomCrop({ size: [4, 2.5] }), /size \(=\[4,2\.5\]\)/],
    [() => randomCrop({ size: 4, padding: -1 }), /padding \(=-1\)/],
    [() => randomCrop({ size: 4, border: 'wrap' as never }), /border \(="wrap"\) must be one of constant, edge/],
    [() => randomCrop({ size: 4, fill: 256 }), /fill \(=256\) must be a whole number from 0 to 255/],
    [() => randomResizedCrop({ size: 4, scale: [0, 1] }), /scale \(=\[0,1\]\) must be above 0/],
    [() => randomResizedCrop({ size: 4, scale: [0.5, 1.5] }), /scale .*≤ 1/],
    [() => randomResizedCrop({ size: 4, ratio: [2, 1] }), /ratio/],
    [() => horizontalFlip({ probability: 1.1 }), /probability \(=1\.1\) must be from 0 to 1/],
    [() => verticalFlip({ probability: Number.NaN }), /probability/],
    [() => randomRotation({ degrees: -5 }), /degrees \(=-5\) must be from 0 to 360/],
    [() => randomAffine({ translate: [0.1, 2] }), /translate/],
    [() => randomAffine({ scale: [0, 1] }), /scale/],
    [() => randomAffine({ interpolation: 'cubic' as never }), /'bilinear' or 'nearest'/],
    [() => brightness({ amount: -1 }), /amount \(=-1\)/],
    [() => colorJitter({ hue: 0.6 }), /colorJitter: hue \(=0\.6\) must be from 0 to 0\.5/],
    [() => hue({ amount: [-1, 0] }), /hue: amount/],
    [() => pcaColor({ sigma: -1 }), /sigma/],
    [() => gaussianNoise({ sigma: Number.POSITIVE_INFINITY }), /sigma/],
    [() => cutout({ size: 1.5 }), /cutout: size/],
    [() => randomErasing({ scale: [0.5, 0.2] }), /scale/],
    [() => mixup({ alpha: 0 }), /mixup: alpha \(=0\) must be a number above 0/],
    [() => cutmix({ probability: 2 }), /cutmix: probability/],
    [() => scaleTo({ size: -3 }), /scaleTo: size/],
    [() => fiveCrop(0), /fiveCrop: size/],
    [
      () => compose([mixup(), horizontalFlip()]),
      /horizontalFlip comes after mixup: transforms that mix a batch must be last/,
    ],
    [() => raster(new Uint8Array(5), [1, 2, 3]), /raster: 5 bytes given for a picture of \[1, 2, 3\], expected 6/],
    [() => raster(new Float32Array(6) as never, [1, 2, 3]), /raster: expected 6 bytes .*, got a Float32Array/],
    [
      () =>
        compose([horizontalFlip()]).apply(
          { height: 1, width: 2, channels: 3, pixels: new Uint8Array(5) },
          { seed: 0, epoch: 0, index: 0 },
        ),
      /5 bytes given for a picture of \[1, 2, 3\], expected 6/,
    ],
  ])('%s', (make, message) => {
    expect(make).toThrow(AugmentError)
    expect(make).toThrow(message)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['crop', () => compose([randomCrop({ size: 20 })]), /cannot cut 20 × 20 from a picture of 16 × 16$/],
    ['padded crop', () => compose([randomCrop({ size: 30, padding: 4 })]), /with 4 pixels of padding/],
    [
      'border',
      () => compose([randomCrop({ size: 64, padding: 24, border: 'reflect' })]),
      /reflect border of \d+ pixels/,
    ],
    ['fill', () => compose([cutout({ size: 4, fill: [0, 0] })]), /fill has 2 channels, the picture 3/],
  ])('that a picture does not fit: %s', (_, make, message) => {
    const pipeline = make() as ReturnType<typeof compose>
    expect(() => pipeline.apply(image, { seed: 0, epoch: 0, index: 0 })).toThrow(message)
  })
})

describe('label safety', () => {
  const digits = { name: 'mnist', classes: [...'0123456789'], symbols: true }
  const animals = { name: 'pets', classes: ['cat', 'dog'] }

  it('refuses mirror images and half turns of symbols, with the reason and how to insist', () => {
    expect(() => compose([verticalFlip()]).checkLabels(digits)).toThrow(LabelSafetyError)
    expect(() => compose([randomCrop({ size: 28, padding: 2 }), horizontalFlip()]).checkLabels(digits)).toThrow(
      'horizontalFlip mirrors pictures, but the classes of mnist are written symbols (0, 1, 2, …): mirrored, a symbol is another ' +
        'or none (b and d, 2 and 5); the labels would be wrong. To do so anyway: compose([…], { allowLabelChanges: true })',
    )
    expect(() => compose([randomRotation({ degrees: 180 })]).checkLabels(digits)).toThrow(/upside down.*6 and 9/)
    expect(() => compose([randomAffine({ degrees: [0, 120] })]).checkLabels(digits)).toThrow(/randomAffine turns/)
  })

  it('lets through what is safe, what is forced, and everything for photographs', () => {
    digitAugmentation().checkLabels(digits)
    compose([randomRotation({ degrees: 90 })]).checkLabels(digits)
    compose([horizontalFlip()], { allowLabelChanges: true }).checkLabels(digits)
    compose([horizontalFlip(), randomRotation({ degrees: 180 })]).checkLabels(animals)
    expect(labelRisk([horizontalFlip()], animals)).toBeUndefined()
  })

  it('tells symbols by the names of the classes', () => {
    expect(areSymbols([...'0123456789'])).toBe(true)
    expect(areSymbols(['a', 'b', 'ж'])).toBe(true)
    expect(areSymbols(['a', 'bee'])).toBe(false)
    expect(areSymbols(['?', '!'])).toBe(false)
    expect(areSymbols(['a'])).toBe(false)
  })
})
