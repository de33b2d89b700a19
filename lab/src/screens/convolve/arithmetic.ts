/**
 * Convolution by hand, as CS231n's notes define it: W input width, F filter width, S stride, P zero padding, D input channels, K
 * filters, G groups. Plain loops over plain numbers; the tests hold them to the reference backend.
 */

/** Sizes of a convolution. */
export interface Sizes {
  readonly W: number
  readonly F: number
  readonly S: number
  readonly P: number
  readonly D: number
  readonly K: number
  readonly G: number
}

/** Numbers of a convolution. */
export interface Numbers {
  readonly sizes: Sizes
  /** `[D][W][W]` */
  readonly input: readonly (readonly (readonly number[])[])[]
  /** `[K][D / G][F][F]` */
  readonly weights: readonly (readonly (readonly (readonly number[])[])[])[]
  /** `[K]` */
  readonly bias: readonly number[]
}

/** A cell of the output. */
export interface Cell {
  readonly filter: number
  readonly row: number
  readonly column: number
}

/** (W − F + 2P) / S + 1, before it is rounded down; and the columns at the end that no window reads. */
export function fitOf({ W, F, S, P }: Sizes): {
  readonly exact: number
  readonly windows: number
  readonly lost: number
} {
  const exact = (W - F + 2 * P) / S + 1
  const windows = Math.max(0, Math.floor(exact))
  return { exact, windows, lost: windows > 0 ? W + 2 * P - ((windows - 1) * S + F) : 0 }
}

/** The input at a place that may lie in the padding, counted from the unpadded corner. */
export function inputAt({ input, sizes: { W } }: Numbers, channel: number, row: number, column: number): number {
  if (row < 0 || column < 0 || row >= W || column >= W) return 0
  return input[channel]![row]![column]!
}

/** The channels that a filter reads: those of its group. */
export function channelsOf({ D, K, G }: Sizes, filter: number): number[] {
  const perGroup = D / G
  const group = Math.floor(filter / (K / G))
  return Array.from({ length: perGroup }, (_, c) => group * perGroup + c)
}

/** A product of a window. */
export interface Term {
  readonly input: number
  readonly weight: number
}

/** The places of a window, row by row: in the window, and in the input counted from the unpadded corner. */
function placesOf(
  { F, S, P }: Pick<Sizes, 'F' | 'S' | 'P'>,
  row: number,
  column: number,
): { readonly v: number; readonly h: number; readonly row: number; readonly column: number }[] {
  return Array.from({ length: F * F }, (_, k) => {
    const [v, h] = [Math.floor(k / F), k % F]
    return { v, h, row: row * S - P + v, column: column * S - P + h }
  })
}

/** The products of a cell in one channel, row by row of the window. */
export function termsOf(numbers: Numbers, { filter, row, column }: Cell, channel: number): Term[] {
  const kernel = numbers.weights[filter]![channelsOf(numbers.sizes, filter).indexOf(channel)]!
  return placesOf(numbers.sizes, row, column).map(place => ({
    input: inputAt(numbers, channel, place.row, place.column),
    weight: kernel[place.v]![place.h]!,
  }))
}

/** The sum of a cell's products in one channel. */
export const partOf = (numbers: Numbers, cell: Cell, channel: number): number =>
  termsOf(numbers, cell, channel).reduce((sum, { input, weight }) => sum + input * weight, 0)

/** The value of a cell: its parts, and the bias. */
export const cellValue = (numbers: Numbers, cell: Cell): number =>
  channelsOf(numbers.sizes, cell.filter).reduce((sum, channel) => sum + partOf(numbers, cell, channel), 0) +
  numbers.bias[cell.filter]!

/** Whether a window reads a place of the input, counted from the unpadded corner. */
export function reads(
  { F, S, P }: Sizes,
  row: number,
  column: number,
  place: { row: number; column: number },
): boolean {
  const [v, h] = [place.row - (row * S - P), place.column - (column * S - P)]
  return v >= 0 && v < F && h >= 0 && h < F
}

/** Whether a weight at (v, h) of the kernel meets a place of the input in any window. */
export function meets(sizes: Sizes, v: number, h: number, place: { row: number; column: number }): boolean {
  const { S, P } = sizes
  const { windows } = fitOf(sizes)
  const [row, column] = [(place.row + P - v) / S, (place.column + P - h) / S]
  const isWindow = (at: number): boolean => Number.isInteger(at) && at >= 0 && at < windows
  return isWindow(row) && isWindow(column)
}

/** The largest of a window of one channel, and where it is: the switch. Windows lie within the input, without padding. */
export function maximumOf(
  { input, sizes: { F, S } }: Numbers,
  channel: number,
  row: number,
  column: number,
): { readonly values: readonly number[]; readonly value: number; readonly row: number; readonly column: number } {
  const places = placesOf({ F, S, P: 0 }, row, column)
  const values = places.map(place => input[channel]![place.row]![place.column]!)
  const value = Math.max(...values)
  // The first of equal ones, as PyTorch takes it.
  const { row: y, column: x } = places[values.indexOf(value)]!
  return { values, value, row: y, column: x }
}

/** Width of a transposed convolution: (W − 1) S − 2P + F. */
export const transposedWidth = ({ W, S, P, F }: Sizes): number => (W - 1) * S - 2 * P + F

/** The contributions to a cell of a transposed convolution of one channel by one kernel: input · weight. */
export function transposedTerms(
  numbers: Numbers,
  kernel: readonly (readonly number[])[],
  channel: number,
  row: number,
  column: number,
): (Term & { readonly row: number; readonly column: number })[] {
  const { W, F, S, P } = numbers.sizes
  const terms: (Term & { row: number; column: number })[] = []
  for (let i = 0; i < W; i++) {
    for (let j = 0; j < W; j++) {
      const [v, h] = [row + P - i * S, column + P - j * S]
      if (v < 0 || h < 0 || v >= F || h >= F) continue
      terms.push({ input: numbers.input[channel]![i]![j]!, weight: kernel[v]![h]!, row: i, column: j })
    }
  }
  return terms
}

/** ∂L/∂ of a weight: the gradients of all cells of its filter, each times what the weight met there. */
export function weightGradientTerms(
  numbers: Numbers,
  gradient: readonly (readonly number[])[],
  channel: number,
  v: number,
  h: number,
): { readonly gradient: number; readonly input: number }[] {
  const { S, P } = numbers.sizes
  return gradient.flatMap((row, i) =>
    row.map((value, j) => ({ gradient: value, input: inputAt(numbers, channel, i * S - P + v, j * S - P + h) })),
  )
}

/** ∂L/∂ of an input: the gradients of all cells of a filter that read it, each times its weight. */
export function inputGradientTerms(
  numbers: Numbers,
  gradient: readonly (readonly number[])[],
  kernel: readonly (readonly number[])[],
  row: number,
  column: number,
): { readonly gradient: number; readonly weight: number }[] {
  const { F, S, P } = numbers.sizes
  return gradient.flatMap((values, i) =>
    values.flatMap((value, j) => {
      const [v, h] = [row - (i * S - P), column - (j * S - P)]
      return v >= 0 && h >= 0 && v < F && h < F ? [{ gradient: value, weight: kernel[v]![h]! }] : []
    }),
  )
}
