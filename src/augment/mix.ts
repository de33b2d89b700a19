/**
 * Pictures mixed with others of their batch, and their labels with them: mixup (Zhang et al. 2018) and CutMix (Yun et
 * al. 2019). One share λ ~ Beta(α, α) is drawn for a batch, and picture i is mixed with picture i − 1, as torchvision
 * does.
 */
import type { RandomSequence } from '../random/philox.ts'
import type { Box } from './crop.ts'
import type { RasterShape } from './raster.ts'
import { type BatchTransform, check, checkProbability, type MixBatch } from './transform.ts'

/** Options of {@link mixup} and {@link cutmix}. */
export interface MixOptions {
  /** Of the Beta distribution of λ: 0.2 to 0.4 mixes mildly, 1 makes every share equally likely. */
  readonly alpha?: number
  /** Probability that a batch is mixed, 1 by default. */
  readonly probability?: number
}

/** Mixes every picture with the one before it: λ · x[i] + (1 − λ) · x[i − 1], labels likewise. In place. */
export function mixBatch(batch: MixBatch, lambda: number): void {
  const { size, images, shape } = batch
  const bytes = shape[0] * shape[1] * shape[2]
  const last = images.slice((size - 1) * bytes, size * bytes)
  for (let i = size - 1; i >= 0; i--) {
    const other = i === 0 ? last : images.subarray((i - 1) * bytes, i * bytes)
    const own = images.subarray(i * bytes, (i + 1) * bytes)
    for (let k = 0; k < bytes; k++) own[k] = lambda * own[k]! + (1 - lambda) * other[k]! + 0.5
  }
  mixLabels(batch, lambda)
}

/** Replaces a box of every picture by that of the one before it; labels are mixed by area. In place. */
export function pasteBatch(batch: MixBatch, box: Box): void {
  const { size, images, shape } = batch
  const [height, width, channels] = shape
  const bytes = height * width * channels
  const last = images.slice((size - 1) * bytes, size * bytes)
  for (let i = size - 1; i >= 0; i--) {
    const other = i === 0 ? last : images.subarray((i - 1) * bytes, i * bytes)
    for (let y = box.top; y < box.top + box.height; y++) {
      const from = (y * width + box.left) * channels
      images.set(other.subarray(from, from + box.width * channels), i * bytes + from)
    }
  }
  mixLabels(batch, 1 - (box.height * box.width) / (height * width))
}

/**
 * A transform of batches that blends pictures and labels; α is 0.2 by default. The loss must take soft labels, as
 * `crossEntropy` does.
 * @throws AugmentError when α is not above 0 or the probability not in 0 … 1.
 */
export function mixup({ alpha = 0.2, probability = 1 }: MixOptions = {}): BatchTransform {
  return mixing('mixup', alpha, probability, (batch, lambda) => mixBatch(batch, lambda))
}

/**
 * A transform of batches that pastes a rectangle of one picture into another; α is 1 by default.
 * @throws AugmentError as {@link mixup}.
 */
export function cutmix({ alpha = 1, probability = 1 }: MixOptions = {}): BatchTransform {
  return mixing('cutmix', alpha, probability, (batch, lambda, random) =>
    pasteBatch(batch, pastedBox(batch.shape, lambda, random)),
  )
}

/** The rectangle of CutMix: 1 − λ of the area around a random pixel, without the part outside. */
export function pastedBox([height, width]: RasterShape, lambda: number, random: RandomSequence): Box {
  const x = random.integer(width)
  const y = random.integer(height)
  const half = 0.5 * Math.sqrt(1 - lambda)
  const [halfWidth, halfHeight] = [Math.trunc(half * width), Math.trunc(half * height)]
  const left = Math.max(0, x - halfWidth)
  const top = Math.max(0, y - halfHeight)
  return {
    top,
    left,
    height: Math.min(height, y + halfHeight) - top,
    width: Math.min(width, x + halfWidth) - left,
  }
}

/** A number from Beta(α, α). */
export function betaNumber(alpha: number, random: RandomSequence): number {
  const a = gammaNumber(alpha, random)
  const b = gammaNumber(alpha, random)
  // For a very small α both may underflow to 0: either end is then as likely.
  if (a + b === 0) return random.uniform() < 0.5 ? 0 : 1
  return a / (a + b)
}

/** A number from Gamma(α, 1): Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
function gammaNumber(alpha: number, random: RandomSequence): number {
  if (alpha < 1) return gammaNumber(alpha + 1, random) * (1 - random.uniform()) ** (1 / alpha)
  const d = alpha - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    if (v <= 0) continue
    const u = 1 - random.uniform()
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

function mixing(
  name: string,
  alpha: number,
  probability: number,
  apply: (batch: MixBatch, lambda: number, random: RandomSequence) => void,
): BatchTransform {
  check(name, 'alpha', alpha, 'a number above 0', alpha > 0 && Number.isFinite(alpha))
  checkProbability(name, probability)
  return {
    kind: 'batch',
    name,
    options: { alpha, probability },
    mix(batch, random) {
      if (random.uniform() >= probability || batch.size < 2) return
      apply(batch, betaNumber(alpha, random), random)
    },
  }
}

function mixLabels({ size, classes, labels }: MixBatch, lambda: number): void {
  const last = labels.slice((size - 1) * classes, size * classes)
  for (let i = size - 1; i >= 0; i--) {
    for (let c = 0; c < classes; c++) {
      const other = i === 0 ? last[c]! : labels[(i - 1) * classes + c]!
      labels[i * classes + c] = lambda * labels[i * classes + c]! + (1 - lambda) * other
    }
  }
}
