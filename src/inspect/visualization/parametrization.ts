/**
 * The numbers that a picture is made of while it is optimized.
 *
 *   pixels    the picture itself, kept within 0 … 1
 *   fourier   its spectrum, each frequency scaled as it is in photographs, in colors that vary independently of each
 *             other: x = σ(M · F⁻¹(s ⊙ z)). A step of ascent then moves all frequencies alike, and high ones do not win
 *             (Olah, Mordvintsev and Schubert, "Feature visualization", 2017).
 */
import { mul, sigmoid } from '../../graph/ops/elementwise.ts'
import { matmul } from '../../graph/ops/matmul.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { transpose } from '../../graph/ops/transpose.ts'
import { sizeOf } from '../../graph/shape.ts'
import { constantTensor } from '../../graph/sources.ts'
import type { Matrix, Tensor } from '../../graph/tensor.ts'
import type { RandomSequence } from '../../random/philox.ts'

/** Name of a parametrization. */
export type ParametrizationName = 'fourier' | 'pixels'

/** Names of the parametrizations. */
export const parametrizationNames: readonly ParametrizationName[] = ['fourier', 'pixels']

/** How pictures `[N, C, H, W]` of 0 … 1 are made from numbers. */
export interface Parametrization {
  /** Shape of the numbers of one picture. */
  readonly shape: readonly number[]
  /** Rate of ascent by Adam that suits them. */
  readonly lr: number
  /** Numbers of a nearly gray picture. */
  start(random: RandomSequence): Float64Array
  /** `[N, …shape]` → `[N, C, H, W]` */
  picture(numbers: Tensor): Tensor
  /** Brings numbers back into their allowed range after a step. */
  confine(numbers: Float64Array): void
}

/** A parametrization of pictures `[C, H, W]`. */
export const parametrizationOf = (name: ParametrizationName, shape: readonly number[]): Parametrization =>
  name === 'pixels' ? pixels(shape) : fourier(shape)

/** Standard deviation of the numbers at the start. */
export const startNoise = 0.01

const normals = (shape: readonly number[], random: RandomSequence, mean: number): Float64Array =>
  Float64Array.from({ length: sizeOf(shape) }, () => mean + startNoise * random.normal())

const pixels = (shape: readonly number[]): Parametrization => ({
  shape,
  lr: 0.01,
  start: random => normals(shape, random, 0.5),
  picture: numbers => numbers,
  confine(numbers) {
    for (let i = 0; i < numbers.length; i++) numbers[i] = Math.min(Math.max(numbers[i], 0), 1)
  },
})

/**
 * The spectrum of a real picture: `[C, H, ⌊W / 2⌋ + 1, 2]`, real and imaginary parts, as `torch.fft.rfft2` orders it.
 */
function fourier([channels, height, width]: readonly number[]): Parametrization {
  const half = Math.floor(width / 2) + 1
  const shape = [channels, height, half, 2]
  return {
    shape,
    lr: 0.05,
    start: random => normals(shape, random, 0),
    confine() {},
    picture(numbers) {
      const [images] = numbers.shape
      const scaled = mul(numbers, constantTensor(frequencyScales(height, width), [1, 1, height, half, 2]))
      const planes = inverseTransform(reshape(scaled, [images * channels, height, half, 2]), width)
      return sigmoid(
        channels === 3
          ? mixColors(reshape(planes, [images, 3, height, width]))
          : reshape(planes, [images, channels, height, width]),
      )
    },
  }
}

/**
 * √(HW) / (4 · max(f, 1 / max(H, W))) for the frequency f of each element, in cycles a pixel: spectra of photographs
 * fall as 1 / f, and the constant gives a picture of unit spectra about the deviation of a photograph's logits.
 */
function frequencyScales(height: number, width: number): Float64Array {
  const half = Math.floor(width / 2) + 1
  const lowest = 1 / Math.max(height, width)
  return Float64Array.from({ length: height * half * 2 }, (_, i) => {
    const row = Math.floor(i / (2 * half))
    const column = Math.floor(i / 2) % half
    const frequency = Math.hypot(Math.min(row, height - row) / height, column / width)
    return Math.sqrt(height * width) / (4 * Math.max(frequency, lowest))
  })
}

/**
 * The inverse Fourier transform of half spectra `[M, H, ⌊W / 2⌋ + 1, 2]`, as `torch.fft.irfft2`: `[M, H, W]`. Two
 * matrix products, over columns and then over rows:
 *
 *   p[ky, x] = Σ z[ky, kx] e^{2πi kx x / W} over all kx (those left out are conjugates, so the others count twice)
 *   x[y, x]  = Re Σ p[ky, x] e^{2πi ky y / H} / HW
 */
function inverseTransform(spectra: Tensor, width: number): Tensor {
  const [count, height, half] = spectra.shape
  const columns = constantTensor(columnWaves(half, width), [2 * half, 2 * width])
  const rows = constantTensor(rowWaves(height, width), [height, 2 * height])
  const p = matmul(reshape(spectra, [count * height, 2 * half]) as Matrix, columns)
  // [M, ky, real or imaginary, x] → [ky and part, M and x]
  const byRow = transpose(reshape(p, [count, height, 2, width]), [1, 2, 0, 3])
  const planes = matmul(rows, reshape(byRow, [2 * height, count * width]) as Matrix)
  return transpose(reshape(planes, [height, count, width]), [1, 0, 2])
}

/** From real and imaginary parts of kx (rows) to those of x (columns, all real parts first). */
function columnWaves(half: number, width: number): Float64Array {
  const waves = new Float64Array(2 * half * 2 * width)
  for (let k = 0; k < half; k++) {
    const times = k === 0 || 2 * k === width ? 1 : 2
    for (let x = 0; x < width; x++) {
      const [cos, sin] = wave(k * x, width)
      waves[2 * k * 2 * width + x] = times * cos
      waves[2 * k * 2 * width + width + x] = times * sin
      waves[(2 * k + 1) * 2 * width + x] = -times * sin
      waves[(2 * k + 1) * 2 * width + width + x] = times * cos
    }
  }
  return waves
}

/** From real and imaginary parts of ky (columns) to the real part of y (rows). */
function rowWaves(height: number, width: number): Float64Array {
  const waves = new Float64Array(height * 2 * height)
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < height; k++) {
      const [cos, sin] = wave(k * y, height)
      waves[y * 2 * height + 2 * k] = cos / (height * width)
      waves[y * 2 * height + 2 * k + 1] = -sin / (height * width)
    }
  }
  return waves
}

/** cos and sin of 2π · step / period, with exact zeros. */
function wave(step: number, period: number): [cos: number, sin: number] {
  const turn = (2 * Math.PI * (step % period)) / period
  const exact = (value: number): number => (Math.abs(value) < 1e-15 ? 0 : value)
  return [exact(Math.cos(turn)), exact(Math.sin(turn))]
}

/**
 * A square root of the covariance of ImageNet's colors, divided by its longest column: columns are light, blue to
 * yellow, and green to red. The numbers are those of Olah et al.'s library Lucid (`color_correlation_svd_sqrt`).
 */
const colors = [
  [0.26, 0.09, 0.02],
  [0.27, 0, -0.05],
  [0.27, -0.09, 0.03],
]

/** `[N, 3, H, W]` of independent colors → red, green and blue. */
function mixColors(planes: Tensor): Tensor {
  const [images, , height, width] = planes.shape
  const longest = Math.max(...[0, 1, 2].map(column => Math.hypot(...colors.map(row => row[column]))))
  const mix = constantTensor(
    colors.flat().map(value => value / longest),
    [3, 3],
  )
  const byColor = reshape(transpose(planes, [1, 0, 2, 3]), [3, images * height * width]) as Matrix
  return transpose(reshape(matmul(mix, byColor), [3, images, height, width]), [1, 0, 2, 3])
}
