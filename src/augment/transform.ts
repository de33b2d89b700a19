/**
 * The type of a transform: a name, options that are plain data, and a function of a picture and random numbers.
 *
 * The options are data so that a pipeline can be stored in a run's recipe and sent to a worker thread, and is the same
 * there. The caller that applies the transform gives the random numbers: they belong to (seed, epoch, sample), never to
 * a thread, so results do not depend on who computed them.
 */
import type { RandomSequence } from '../random/philox.ts'
import { AugmentError } from './errors.ts'
import type { Raster, RasterShape } from './raster.ts'

/** Values that a transform's options may hold. */
export type OptionValue = number | string | boolean | readonly OptionValue[] | { readonly [key: string]: OptionValue }

/** Resolved options of a transform. */
export type TransformOptions = Readonly<Record<string, OptionValue>>

/** A change of a picture that may change its class, see `labelSafety.ts`. */
export type LabelRisk = 'mirrors pictures' | 'turns pictures upside down'

/** A transform of one picture. */
export interface Transform {
  readonly kind: 'picture'
  /** Name of the function that makes it: `randomCrop`. */
  readonly name: string
  /** The options, with defaults filled in; absent when it cannot be written down, see {@link customTransform}. */
  readonly options: TransformOptions | undefined
  /** The way in which it may change the class of a picture; absent when it does not. */
  readonly risk?: LabelRisk
  /** Shape of the result for a picture of a shape; the same by default. */
  readonly resultShape?: (shape: RasterShape) => RasterShape
  /** The transformed picture; the given one stays unchanged. May be the given one when nothing is done. */
  apply(image: Raster, random: RandomSequence): Raster
}

/** Equally sized pictures and their labels, while a batch is put together. */
export interface MixBatch {
  /** Number of pictures. */
  readonly size: number
  /** `[height, width, channels]` of one. */
  readonly shape: RasterShape
  /** `u8 [size, height, width, channels]`, changed in place. */
  readonly images: Uint8Array
  readonly classes: number
  /** Soft labels `f32 [size, classes]`, changed in place: each row is a probability for every class. */
  readonly labels: Float32Array
}

/** A transform that mixes the pictures of a batch, and their labels with them. */
export interface BatchTransform {
  readonly kind: 'batch'
  readonly name: string
  readonly options: TransformOptions
  /** Mixes in place. */
  mix(batch: MixBatch, random: RandomSequence): void
}

/**
 * A transform of your own. It runs on the calling thread only and is not stored in recipes, since a function is not
 * data.
 * @example const invert = customTransform('invert', image => ({ ...image, pixels: image.pixels.map(value => 255 - value) }))
 */
export function customTransform(
  name: string,
  apply: (image: Raster, random: RandomSequence) => Raster,
  more: Pick<Transform, 'risk' | 'resultShape'> = {},
): Transform {
  return { kind: 'picture', name, options: undefined, ...more, apply }
}

/** A transform from its resolved options. */
export function defineTransform(
  name: string,
  options: TransformOptions,
  apply: Transform['apply'],
  more: Pick<Transform, 'risk' | 'resultShape'> = {},
): Transform {
  return { kind: 'picture', name, options, ...more, apply }
}

/** A number from an interval, each equally likely. */
export const between = (random: RandomSequence, [low, high]: readonly [number, number]): number =>
  low + (high - low) * random.uniform()

/** @throws AugmentError when an option breaks its rule. */
export function check(name: string, option: string, value: unknown, rule: string, holds: boolean): void {
  if (!holds) throw new AugmentError(`${name}: ${option} (=${JSON.stringify(value)}) must be ${rule}`)
}

/** Checks a probability. @throws AugmentError when it is not in 0 … 1. */
export function checkProbability(name: string, probability: number): void {
  check(name, 'probability', probability, 'from 0 to 1', probability >= 0 && probability <= 1)
}

/** Checks an interval. @throws AugmentError when it is not an interval or leaves the bounds. */
export function checkInterval(
  name: string,
  option: string,
  value: readonly [number, number],
  [least, most]: readonly [number, number],
): void {
  const holds =
    Array.isArray(value) && value.length === 2 && value[0] >= least && value[0] <= value[1] && value[1] <= most
  check(name, option, value, `[low, high] with ${least} ≤ low ≤ high ≤ ${most}`, holds)
}

/** A size given as one number or as `[height, width]`. @throws AugmentError for an invalid size. */
export function sizeOption(name: string, size: number | readonly [number, number]): readonly [number, number] {
  const pair = typeof size === 'number' ? ([size, size] as const) : size
  const holds = Array.isArray(pair) && pair.length === 2 && pair.every(side => Number.isInteger(side) && side >= 1)
  check(name, 'size', size, 'a whole number of at least 1, or two of them: [height, width]', holds)
  return pair
}

/** A fill's values. @throws AugmentError when one is not a byte. */
export function checkFill(name: string, fill: number | readonly number[]): void {
  const values = typeof fill === 'number' ? [fill] : fill
  const holds =
    Array.isArray(values) && values.length > 0 && values.every(v => Number.isInteger(v) && v >= 0 && v <= 255)
  check(name, 'fill', fill, 'a whole number from 0 to 255, or one for each channel', holds)
}
