/**
 * Matrix product with optional transposition of either operand: C = op(A) · op(B), op(X) = X or Xᵀ.
 * The gradient is the lecture's: for Y = X · W, ∂L/∂X = ∂L/∂Y · Wᵀ and ∂L/∂W = Xᵀ · ∂L/∂Y.
 */
import { apply, bytesTouched, type Op } from '../op.ts'
import { formatShape, ShapeError, sizeOf } from '../shape.ts'
import type { Matrix, Tensor } from '../tensor.ts'

/** Attributes of `matmul`. */
export interface MatmulAttributes {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

export const matmulOp: Op<MatmulAttributes> = {
  name: 'matmul',
  shape([a, b], { transposeA, transposeB }) {
    if (a.shape.length !== 2 || b.shape.length !== 2) {
      throw new ShapeError(`matmul: expected two matrices, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`)
    }
    const [rows, inner] = transposeA ? [a.shape[1], a.shape[0]] : a.shape
    const [innerB, columns] = transposeB ? [b.shape[1], b.shape[0]] : b.shape
    if (inner !== innerB) {
      const show = (tensor: Tensor, transposed: boolean): string => formatShape(tensor.shape) + (transposed ? 'ᵀ' : '')
      throw new ShapeError(
        `matmul: ${show(a, transposeA)} · ${show(b, transposeB)}: inner sizes ${inner} and ${innerB} differ`,
      )
    }
    return { shape: [rows, columns], dtype: 'f32' }
  },
  reference([a, b], { transposeA, transposeB }, [rows, columns]) {
    const inner = transposeA ? a.shape[0] : a.shape[1]
    const result = new Float64Array(rows * columns)
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let total = 0
        for (let k = 0; k < inner; k++) {
          const left = a.values[transposeA ? k * rows + i : i * inner + k]
          const right = b.values[transposeB ? j * inner + k : k * columns + j]
          total += left * right
        }
        result[i * columns + j] = total
      }
    }
    return result
  },
  vjp(output, gradient, { transposeA, transposeB }) {
    const [a, b] = output.inputs as readonly Matrix[]
    const g = gradient as Matrix
    return [
      transposeA
        ? matmul(b, g, { transposeA: transposeB, transposeB: true })
        : matmul(g, b, { transposeB: !transposeB }),
      transposeB
        ? matmul(g, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, g, { transposeA: !transposeA }),
    ]
  },
  cost(output, { transposeA }) {
    const a = output.inputs[0]
    const inner = transposeA ? a.shape[0] : a.shape[1]
    return { multiplyAdds: sizeOf(output.shape) * inner, bytes: bytesTouched(output) }
  },
  batch({ inputs: [a, b], isBatched }, { transposeA, transposeB }) {
    if (isBatched(a) && !isBatched(b) && !transposeA) return 'parallel'
    return isBatched(a) && isBatched(b) && transposeA && !transposeB ? 'contract' : 'whole'
  },
}

/**
 * Matrix product `[M, K] · [K, N] → [M, N]`; `transposeA` reads A as `[K, M]`, `transposeB` reads B as `[N, K]`.
 * @throws ShapeError when an operand is not a matrix or the inner sizes differ.
 */
export function matmul(a: Matrix, b: Matrix, options: Partial<MatmulAttributes> = {}): Matrix {
  const { transposeA = false, transposeB = false } = options
  return apply(matmulOp, [a, b], { transposeA, transposeB }) as Matrix
}
