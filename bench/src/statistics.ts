/** Middle value; the mean of the two middle ones when their number is even. NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Values below which are a quarter and three quarters of all; between two of them in proportion. NaN for no values. */
export function quartiles(values: readonly number[]): readonly [number, number] {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => {
    const place = share * (sorted.length - 1)
    const below = sorted[Math.floor(place)]
    return below + (place % 1) * (sorted[Math.ceil(place)] - below)
  }
  return [at(0.25), at(0.75)]
}
