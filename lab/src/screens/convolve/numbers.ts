/** The numbers of Convolve: those of a lecture-sized example, of a seed, and those of a cell of the network. */
import { RandomSequence } from '../../../../src/random/philox.ts'
import type { Place } from '../../state/link.ts'
import type { LayerInfo, Look } from '../../worker/protocol.ts'
import { channelsOf, fitOf, type Numbers, type Sizes } from './arithmetic.ts'

/** Sizes of CS231n's demonstration: a 5 × 5 × 3 input, two 3 × 3 × 3 filters, stride 2, padding 1. */
export const lectureSizes: Sizes = { W: 5, F: 3, S: 2, P: 1, D: 3, K: 2, G: 1 }

/** Ranges of the sizes. */
export const sizeRanges: Readonly<Record<Exclude<keyof Sizes, 'G'>, readonly [number, number]>> = {
  W: [3, 8],
  F: [1, 5],
  S: [1, 3],
  P: [0, 2],
  D: [1, 4],
  K: [1, 3],
}

/** Names of the sizes. */
export const sizeNames: Readonly<Record<keyof Sizes, string>> = {
  W: 'input width',
  F: 'filter width',
  S: 'stride',
  P: 'padding',
  D: 'input channels',
  K: 'filters',
  G: 'groups',
}

/** Numbers of groups that divide channels and filters. */
export const groupChoices = ({ D, K }: Pick<Sizes, 'D' | 'K'>): number[] =>
  Array.from({ length: Math.min(D, K) }, (_, k) => k + 1).filter(groups => D % groups === 0 && K % groups === 0)

/** Sizes with one changed, and whatever else must be so that a window fits and groups divide. */
export function resized(sizes: Sizes, name: keyof Sizes, value: number): Sizes {
  const changed = { ...sizes, [name]: value }
  const F = Math.min(changed.F, changed.W + 2 * changed.P)
  const G = groupChoices(changed).includes(changed.G) ? changed.G : 1
  return { ...changed, F, G }
}

const grid = (rows: number, columns: number, value: (row: number, column: number) => number): number[][] =>
  Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => value(row, column)))

/** Small whole numbers: pixels 0 … 2, weights −1 … 1, every place with its own, so that they stay as sizes change. */
export function lectureNumbers(sizes: Sizes): Numbers {
  const { W, F, D, K, G } = sizes
  const draw = (name: string, bound: number): number => new RandomSequence(231, name).integer(bound)
  return {
    sizes,
    input: Array.from({ length: D }, (_, c) => grid(W, W, (row, column) => draw(`x ${c} ${row} ${column}`, 3))),
    weights: Array.from({ length: K }, (_, k) =>
      Array.from({ length: D / G }, (_, c) => grid(F, F, (row, column) => draw(`w ${k} ${c} ${row} ${column}`, 3) - 1)),
    ),
    bias: Array.from({ length: K }, (_, k) => 1 - k),
  }
}

/** Numbers for other sizes; what both have stays as it is. */
export function fitted(numbers: Numbers, sizes: Sizes): Numbers {
  const fresh = lectureNumbers(sizes)
  return {
    sizes,
    input: fresh.input.map((map, c) => map.map((row, y) => row.map((value, x) => numbers.input[c]?.[y]?.[x] ?? value))),
    weights: fresh.weights.map((filter, k) =>
      filter.map((kernel, c) =>
        kernel.map((row, y) => row.map((value, x) => numbers.weights[k]?.[c]?.[y]?.[x] ?? value)),
      ),
    ),
    bias: fresh.bias.map((value, k) => numbers.bias[k] ?? value),
  }
}

/**
 * The window of one cell of a convolution, its filter and its bias, as a convolution of one window. What lies in the padding is 0.
 * @returns undefined for a place that is no cell of a convolution
 */
export function numbersOfCell(layers: readonly LayerInfo[], look: Look, place: Place): Numbers | undefined {
  const index = layers.findIndex(({ path }) => path === place.layer)
  const { window, input: shape, weight } = layers[index] ?? {}
  const { unit, row, column } = place
  if (!window || !shape || !weight || unit === undefined || row === undefined || column === undefined) return undefined
  const [channels = 1, height = 1, width = 1] = shape
  const { kernel: F, stride, padding, groups } = window
  const own = channelsOf({ W: F, F, S: 1, P: 0, D: channels, K: weight[0]!, G: groups }, unit)
  const values = look.volumes[layers[index]!.reads]!
  const { weights, bias } = look.layers[index]!
  const at = (c: number, y: number, x: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : values[(c * height + y) * width + x]!
  return {
    sizes: { W: F, F, S: 1, P: 0, D: own.length, K: 1, G: 1 },
    input: own.map(c => grid(F, F, (y, x) => at(c, row * stride - padding + y, column * stride - padding + x))),
    weights: [own.map((_, c) => grid(F, F, (y, x) => weights[((unit * own.length + c) * F + y) * F + x]!))],
    bias: [bias[unit]!],
  }
}

/** Whether all numbers are whole: they are then shown as they are. */
export const areWhole = ({ input, weights, bias }: Numbers): boolean =>
  [input.flat(2), weights.flat(3), bias].flat().every(Number.isInteger)

/** The number of windows, at least one. */
export const windowsOf = (sizes: Sizes): number => Math.max(1, fitOf(sizes).windows)
