/** A map as the sum of its parts: each input map by its kernel, and the bias. Plain loops, as a convolution is defined. */
import type { LayerInfo, LayerLook } from '../../worker/protocol.ts'

/** A part of a map. */
export interface Part {
  /** The input map. */
  readonly channel: number
  readonly input: Float32Array
  readonly kernel: Float32Array
  /** input ∗ kernel, `[rows, columns]` of the map. */
  readonly values: Float64Array
}

/** The parts of a map, in the order of their channels. @param source what the layer reads, `[C, H, W]` */
export function partsOf(info: LayerInfo, look: LayerLook, source: Float32Array, unit: number): Part[] {
  const [channels = 1, height = 1, width = 1] = info.input
  const [units = 1, perGroup = 1, kernelRows = 1, kernelColumns = 1] = info.weight
  const [, rows = 1, columns = 1] = info.shape
  const first = Math.floor(unit / (units / (channels / perGroup))) * perGroup
  const area = kernelRows * kernelColumns
  return Array.from({ length: perGroup }, (_, c) => {
    const channel = first + c
    const input = source.subarray(channel * height * width, (channel + 1) * height * width)
    const kernel = look.weights.subarray((unit * perGroup + c) * area, (unit * perGroup + c + 1) * area)
    const values = new Float64Array(rows * columns)
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        values[y * columns + x] = windowSum(info, { input, height, width }, kernel, y, x)
      }
    }
    return { channel, input, kernel, values }
  })
}

interface Plane {
  readonly input: Float32Array
  readonly height: number
  readonly width: number
}

function windowSum(
  { window, weight }: LayerInfo,
  { input, height, width }: Plane,
  kernel: Float32Array,
  y: number,
  x: number,
): number {
  const { stride, padding } = window!
  const [, , kernelRows = 1, kernelColumns = 1] = weight
  let sum = 0
  for (let v = 0; v < kernelRows; v++) {
    for (let h = 0; h < kernelColumns; h++) {
      const [row, column] = [y * stride - padding + v, x * stride - padding + h]
      if (row < 0 || column < 0 || row >= height || column >= width) continue
      sum += input[row * width + column]! * kernel[v * kernelColumns + h]!
    }
  }
  return sum
}

/** The cell of the largest value: where a map says most. */
export const strongestCell = (values: ArrayLike<number>): number => {
  let best = 0
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k
  return best
}
