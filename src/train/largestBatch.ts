/** The largest batch whose program fits into memory. */

/**
 * Memory grows almost linearly with the batch, so the search tries the point where a line through two known batches
 * meets the limit. This takes a few plans instead of one for every halving.
 *
 * @param bytesOf memory for a batch of a size; must not decrease with the size
 * @param tooLarge a batch that does not fit
 * @returns undefined when not even one sample fits
 */
export function largestBatch(bytesOf: (batch: number) => number, tooLarge: number, limit: number): number | undefined {
  let low = { batch: 1, bytes: bytesOf(1) }
  let high = { batch: tooLarge, bytes: bytesOf(tooLarge) }
  if (low.bytes > limit) return undefined
  if (high.bytes <= limit) return tooLarge
  while (high.batch - low.batch > 1) {
    const share = (limit - low.bytes) / (high.bytes - low.bytes)
    const guess = Math.floor(low.batch + share * (high.batch - low.batch))
    const batch = Math.min(high.batch - 1, Math.max(low.batch + 1, guess))
    const known = { batch, bytes: bytesOf(batch) }
    if (known.bytes <= limit) low = known
    else high = known
  }
  return low.batch
}
