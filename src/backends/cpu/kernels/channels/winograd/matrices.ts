/**
 * The matrices of Winograd's minimal filtering F(m, r) (Winograd 1980; Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", 2015), by the Toom–Cook construction: m outputs of a correlation with r taps,
 *
 *   y = Aᵀ · [(G · g) ⊙ (Bᵀ · d)],
 *
 * from n = m + r − 1 points, the last of which is ∞. In two dimensions Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A.
 *
 * Relative errors of float32 against float64 (root mean square of the error over that of the result), for normally
 * distributed random numbers in volumes of 64 × 28 × 28 (192 × 28 × 28):
 *
 *   3×3, F(4×4, 3×3)             0.8·10⁻⁶ (1.3·10⁻⁶), direct 0.4·10⁻⁶ (0.7·10⁻⁶)
 *   5×5, F(2×2, 5×5)             0.9·10⁻⁶ (1.4·10⁻⁶), direct 0.7·10⁻⁶ (1.2·10⁻⁶)
 *   3×3 at stride 2, by phases   0.3·10⁻⁶ (0.4·10⁻⁶), direct 0.4·10⁻⁶ (0.7·10⁻⁶), 56 × 56
 *   weights of 3×3, F(3×3, 4×4)  0.7·10⁻⁶, direct 0.5·10⁻⁶
 *   weights of 5×5, F(5×5, 2×2)  1.4·10⁻⁶, direct 0.5·10⁻⁶
 */

/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[]

/** The three matrices of F(m, r). */
export interface WinogradMatrices {
  /** Aᵀ `[m, n]`: m outputs per tile and axis, n products. */
  readonly output: Matrix
  /** G `[n, r]`. If there are fewer rows than products, the last row serves all remaining products. */
  readonly weights: Matrix
  /** Bᵀ `[n, inputs]`, with n inputs for all F(m, r). */
  readonly input: Matrix
}

/**
 * Finite interpolation points. For six inputs (F(4, 3), F(2, 5), F(5, 2)), ±5/8 and ±3/2 in place of the usual ±1 and
 * ±2 keep all factors near 1, which lowers the rounding error (after Barabasz et al., "Error analysis and improving the
 * accuracy of Winograd convolution", 2020).
 */
const points: Readonly<Record<number, readonly number[]>> = {
  3: [0, 1],
  4: [0, 1, -1],
  6: [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2],
}

/** Cached matrices: plans request the same few again and again. */
const made = new Map<string, WinogradMatrices>()

/** The matrices for m outputs of r taps. @throws Error when no points are known for m + r − 1. */
export function winogradMatrices(outputs: number, taps: number): WinogradMatrices {
  const key = `${outputs} ${taps}`
  const matrices = made.get(key) ?? makeMatrices(outputs, taps)
  made.set(key, matrices)
  return matrices
}

function makeMatrices(outputs: number, taps: number): WinogradMatrices {
  const inputs = outputs + taps - 1
  const at = points[inputs]
  if (!at) throw new Error(`winograd: no points for F(${outputs}, ${taps})`)
  const last = inputs - 1
  const scale = at.map((p, j) => at.reduce((product, q, l) => (l === j ? product : product * (p - q)), 1))
  const others = (skip: number): number[] => polynomial(at.filter((_, l) => l !== skip))
  return {
    output: range(outputs).map(i => range(inputs).map(j => (j < last ? at[j] ** i : i === outputs - 1 ? 1 : 0))),
    weights: range(inputs).map(j => range(taps).map(k => (j < last ? at[j] ** k / scale[j] : k === taps - 1 ? 1 : 0))),
    input: range(inputs).map(j => {
      const coefficients = j < last ? others(j) : polynomial(at)
      return range(inputs).map(k => coefficients[k] ?? 0)
    }),
  }
}

/** A row of zeros with at most one 1. */
export const unit = (size: number, at: number): number[] => range(size).map(k => (k === at ? 1 : 0))

/** Coefficients of Π (x − root), lowest power first. */
function polynomial(roots: readonly number[]): number[] {
  return roots.reduce<number[]>(
    (product, root) => {
      const next = new Array<number>(product.length + 1).fill(0)
      product.forEach((value, k) => {
        next[k + 1] += value
        next[k] -= root * value
      })
      return next
    },
    [1],
  )
}

const range = (count: number): number[] => Array.from({ length: count }, (_, k) => k)
