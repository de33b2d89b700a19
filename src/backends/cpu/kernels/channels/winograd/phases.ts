/**
 * Winograd's algorithm for three taps at stride 2, by the phases of the input. With even samples e and odd samples o of
 * the input d,
 *
 *   yᵢ = Σₖ gₖ d₂ᵢ₊ₖ = (g₀ eᵢ + g₂ eᵢ₊₁) + g₁ oᵢ:
 *
 * m outputs take F(m, 2) of the even samples, which is m + 1 products in place of 2 m, and m products of odd samples,
 * which all have the same weight. That makes 2 m + 1 products in place of 3 m. In two dimensions both numbers are
 * squared: 25 in place of 36 for m = 2.
 */
import { type Matrix, unit, type WinogradMatrices, winogradMatrices } from './matrices.ts'

/** The matrices for m outputs: Bᵀ `[2m + 1, 2m + 1]`, G `[m + 2, 3]`, Aᵀ `[m, 2m + 1]`. */
export function phaseMatrices(m: number): WinogradMatrices {
  const even = winogradMatrices(m, 2)
  const inputs = 2 * m + 1
  const apart = (row: readonly number[]): number[] =>
    Array.from({ length: inputs }, (_, k) => (k % 2 === 0 ? row[k / 2] : 0))
  return {
    input: [...even.input.map(apart), ...range(m).map(i => unit(inputs, 2 * i + 1))],
    weights: phaseWeights(even.weights),
    output: even.output.map((row, i) => [...row, ...unit(m, i)]),
  }
}

/**
 * The matrices of the gradient to 2 m inputs from m + 1 values u of the upstream gradient, with the kernel flipped.
 * Every other result is F(m, 2) of u by the outer taps; the results between are u by the middle tap. `outerFirst` tells
 * which comes first. Bᵀ `[2m + 1, m + 1]`, G `[m + 2, 3]`, Aᵀ `[2m, 2m + 1]`.
 */
export function phaseMatricesToInput(m: number, outerFirst: boolean): WinogradMatrices {
  const outer = winogradMatrices(m, 2)
  const first = outerFirst ? 1 : 0
  return {
    input: [...outer.input, ...range(m).map(i => unit(m + 1, first + i))],
    weights: phaseWeights(outer.weights),
    output: range(2 * m).map(j => {
      const i = j >> 1
      return (j % 2 === 0) === outerFirst ? [...outer.output[i], ...unit(m, -1)] : [...unit(m + 1, -1), ...unit(m, i)]
    }),
  }
}

/** Outer taps by F(m, 2), and the middle tap, which serves all remaining positions. */
const phaseWeights = (outer: Matrix): Matrix => [...outer.map(([first, last]) => [first, 0, last]), [0, 1, 0]]

const range = (count: number): number[] => Array.from({ length: count }, (_, k) => k)
