/**
 * Stratified random choices of images, in which every class has its share. Subsets, validation splits and folds are all
 * built on this file.
 */
import type { ImageCollection, Subset } from './dataset.ts'

/**
 * The images of a subset class by class, each class in the order of the given positions.
 * @param order positions in the subset, `[count]`
 * @returns positions by label; labels come in the order of their first occurrence
 */
export function placesByClass({ dataset, indices }: Subset<ImageCollection>, order: Int32Array): Map<number, number[]> {
  const places = new Map<number, number[]>()
  for (const place of order) {
    const label = dataset.labels[indices[place]!]!
    const known = places.get(label)
    if (known) known.push(place)
    else places.set(label, [place])
  }
  return places
}

/**
 * Whole numbers with a given sum, as nearly proportional to `sizes` as possible: each share is rounded down, and those
 * with the largest remainders are rounded up (Hamilton's method); of equal remainders, the first. Shares are clamped to
 * their bounds, and the other shares grow or shrink to keep the sum.
 *
 * @param sizes such as the images of each class
 * @param total from the sum of `least` to the sum of `most`
 * @param bounds `least` and `most` of each, at most its size
 * @example apportion([50, 30, 20], 7, { least: [0, 0, 0], most: [50, 30, 20] }) // [4, 2, 1]: of 3.5, 2.1 and 1.4
 */
export function apportion(
  sizes: readonly number[],
  total: number,
  { least, most }: { readonly least: readonly number[]; readonly most: readonly number[] },
): number[] {
  const sharesAt = (scale: number) => sizes.map((size, k) => Math.min(most[k]!, Math.max(least[k]!, scale * size)))
  // The scale at which the shares have the given sum, by bisection down to neighboring numbers.
  let [low, high] = [0, 1]
  for (let middle = 0.5; low < middle && middle < high; middle = (low + high) / 2) {
    if (sum(sharesAt(middle)) < total) low = middle
    else high = middle
  }
  const shares = sharesAt(high)
  const counts = shares.map(Math.floor)
  const remainder = (k: number) => shares[k]! - counts[k]!
  const largest = [...sizes.keys()].sort((a, b) => remainder(b) - remainder(a))
  for (const k of largest.slice(0, total - sum(counts))) counts[k]!++
  return counts
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
