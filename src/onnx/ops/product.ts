/** Matrix products, batched ones included, and sums of products by Einstein's notation. */
import { conv2d } from '../../graph/ops/conv2d.ts'
import { add, mul } from '../../graph/ops/elementwise.ts'
import { broadcastTo } from '../../graph/ops/map.ts'
import { matmul } from '../../graph/ops/matmul.ts'
import { sum } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { sliceAxis } from '../../graph/ops/slice.ts'
import { transpose } from '../../graph/ops/transpose.ts'
import { broadcastShapes, sizeOf } from '../../graph/shape.ts'
import type { Matrix, Tensor, Volume } from '../../graph/tensor.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode, OnnxOp } from '../node.ts'
import { op } from './build.ts'

/** NumPy's product: of matrices in the last two axes, for all indices of the others, which broadcast. */
export function product(a: Tensor, b: Tensor): Tensor {
  if (a.shape.length === 0 || b.shape.length === 0) throw new Unsupported('a scalar is no operand of a matrix product')
  if (a.shape.length === 1 && b.shape.length === 1) return reshape(product(reshape(a, [1, a.shape[0]!]), b), [])
  if (a.shape.length === 1) return dropAxis(product(reshape(a, [1, a.shape[0]!]), b), -2)
  if (b.shape.length === 1) return dropAxis(product(a, reshape(b, [b.shape[0]!, 1])), -1)
  const [rows, inner] = a.shape.slice(-2) as [number, number]
  const [innerB, columns] = b.shape.slice(-2) as [number, number]
  if (inner !== innerB)
    throw new Unsupported(
      `[${a.shape.join(', ')}] · [${b.shape.join(', ')}]: inner sizes ${inner} and ${innerB} differ`,
    )
  if (b.shape.length === 2) {
    const flat = reshape(a, [sizeOf(a.shape) / inner, inner]) as Matrix
    return reshape(matmul(flat, b as Matrix), [...a.shape.slice(0, -1), columns])
  }
  const lead = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)])
  const count = sizeOf(lead)
  const spread = (x: Tensor): Tensor =>
    reshape(broadcastTo(x, [...lead, ...x.shape.slice(-2)]), [count, ...x.shape.slice(-2)])
  return reshape(batched(spread(a), spread(b)), [...lead, rows, columns])
}

/**
 * `[B, M, K] · [B, K, N] → [B, M, N]`. It is a convolution of 1×1 in B groups: the K rows of a matrix are the channels
 * of a group, the N columns its positions, and the other matrix is the group's weights.
 */
function batched(a: Tensor, b: Tensor): Tensor {
  const [count, rows, inner] = a.shape as readonly [number, number, number]
  const columns = b.shape[2]!
  if (count === 1) return reshape(matmul(reshape(a, [rows, inner]), reshape(b, [inner, columns])), [1, rows, columns])
  const x = reshape(b, [1, count * inner, columns, 1]) as Volume
  const w = reshape(a, [count * rows, inner, 1, 1]) as Volume
  return reshape(conv2d(x, w, { groups: count }), [count, rows, columns])
}

const dropAxis = (x: Tensor, fromEnd: number): Tensor => {
  const axis = x.shape.length + fromEnd
  return reshape(
    x,
    x.shape.filter((_, at) => at !== axis),
  )
}

function gemm(node: OnnxNode): Tensor {
  const [a, b] = [node.float(0), node.float(1)] as [Matrix, Matrix]
  const y = matmul(a, b, { transposeA: node.int('transA', 0) === 1, transposeB: node.int('transB', 0) === 1 })
  const [alpha, beta] = [node.number('alpha', 1), node.number('beta', 1)]
  const scaled = alpha === 1 ? y : mul(y, alpha)
  if (!node.has(2)) return scaled
  return add(scaled, beta === 1 ? node.float(2) : mul(node.float(2), beta))
}

/** An operand with a letter for each axis. */
interface Lettered {
  readonly x: Tensor
  readonly letters: readonly string[]
}

/** Σ of products over the letters that the result does not have. */
function einsum(node: OnnxNode): Tensor {
  const equation = node.text('equation', '').replaceAll(' ', '')
  const [left, right] = equation.split('->') as [string, string | undefined]
  const terms = left.split(',')
  if (terms.length !== node.count)
    throw new Unsupported(`'${equation}' is for ${terms.length} operands, there are ${node.count}`)
  const operands = terms.map((term, k) => lettered(term, node.float(k), equation))
  const target = right === undefined ? implied(operands) : lettersOf(right, ellipsisOf(operands))
  let result = withoutRepeats(operands[0]!)
  operands.slice(1).forEach((next, k) => {
    const later = operands.slice(k + 2).flatMap(({ letters }) => letters)
    result = contract(result, withoutRepeats(next), new Set([...target, ...later]))
  })
  return arranged(result, target)
}

/** The axes of an ellipsis have numbers as letters, counted from the last axis. */
const isEllipsis = (letter: string): boolean => letter >= '0' && letter <= '9'

function lettersOf(term: string, ellipsis: readonly string[]): string[] {
  const letters = term.replace('...', '.').split('')
  return letters.flatMap(letter => (letter === '.' ? ellipsis : [letter]))
}

function lettered(term: string, x: Tensor, equation: string): Lettered {
  if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term)) throw new Unsupported(`'${equation}' is no equation`)
  const open = x.shape.length - term.replace('...', '').length
  const letters = lettersOf(
    term,
    Array.from({ length: Math.max(0, open) }, (_, k) => String(open - 1 - k)),
  )
  if (letters.length !== x.shape.length)
    throw new Unsupported(`'${term}' does not name the ${x.shape.length} axes of its operand`)
  return { x, letters }
}

const ellipsisOf = (operands: readonly Lettered[]): string[] =>
  [...new Set(operands.flatMap(({ letters }) => letters.filter(isEllipsis)))].sort().reverse()

/** Without an arrow: the ellipsis, then the letters that occur once, in order. */
function implied(operands: readonly Lettered[]): string[] {
  const all = operands.flatMap(({ letters }) => letters).filter(letter => !isEllipsis(letter))
  const once = all.filter(letter => all.indexOf(letter) === all.lastIndexOf(letter)).sort()
  return [...ellipsisOf(operands), ...once]
}

/** The diagonal along axes of the same letter. */
function withoutRepeats({ x, letters }: Lettered): Lettered {
  const at = letters.findIndex((letter, k) => letters.indexOf(letter) !== k)
  if (at < 0) return { x, letters }
  const first = letters.indexOf(letters[at]!)
  const extent = x.shape[at]!
  const order = [...letters.keys()].filter(axis => axis !== first && axis !== at)
  const moved = transpose(x, [...order, first, at])
  const lead = moved.shape.slice(0, -2)
  // Every (extent + 1)-th element of the flattened matrix.
  const flat = reshape(moved, [...lead, extent * extent])
  const diagonal = takeEvery(flat, extent + 1, extent)
  return withoutRepeats({ x: diagonal, letters: [...order.map(axis => letters[axis]!), letters[at]!] })
}

function takeEvery(x: Tensor, step: number, count: number): Tensor {
  const last = x.shape.length - 1
  return sliceAxis(x, last, 0, (count - 1) * step + 1, step)
}

/** The product of two operands, summed over the letters that are no longer needed. */
function contract(a: Lettered, b: Lettered, needed: ReadonlySet<string>): Lettered {
  const [p, q] = [
    summed(a, letter => needed.has(letter) || b.letters.includes(letter)),
    summed(b, letter => needed.has(letter) || a.letters.includes(letter)),
  ]
  const both = p.letters.filter(letter => q.letters.includes(letter))
  const [batch, inner] = [both.filter(letter => needed.has(letter)), both.filter(letter => !needed.has(letter))]
  const [rows, columns] = [
    p.letters.filter(letter => !both.includes(letter)),
    q.letters.filter(letter => !both.includes(letter)),
  ]
  const sizes = new Map([
    ...sizesOf(p),
    ...sizesOf(q).filter(([letter, size]) => size !== 1 || !p.letters.includes(letter)),
  ])
  const sizeAll = (letters: readonly string[]): number => sizeOf(letters.map(letter => sizes.get(letter)!))
  const full = (operand: Lettered, letters: readonly string[]): Tensor =>
    broadcastTo(
      arranged(operand, letters),
      letters.map(letter => sizes.get(letter)!),
    )
  const left = reshape(full(p, [...batch, ...rows, ...inner]), [sizeAll(batch), sizeAll(rows), sizeAll(inner)])
  const right = reshape(full(q, [...batch, ...inner, ...columns]), [sizeAll(batch), sizeAll(inner), sizeAll(columns)])
  const letters = [...batch, ...rows, ...columns]
  return {
    x: reshape(
      batched(left, right),
      letters.map(letter => sizes.get(letter)!),
    ),
    letters,
  }
}

const sizesOf = ({ x, letters }: Lettered): [string, number][] =>
  letters.map((letter, axis) => [letter, x.shape[axis]!])

function summed({ x, letters }: Lettered, keep: (letter: string) => boolean): Lettered {
  const axes = [...letters.keys()].filter(axis => !keep(letters[axis]!))
  return axes.length === 0 ? { x, letters } : { x: sum(x, axes), letters: letters.filter(keep) }
}

/** Axes in the order of letters; axes whose letters are missing are summed. */
function arranged(operand: Lettered, target: readonly string[]): Tensor {
  const { x, letters } = summed(operand, letter => target.includes(letter))
  const order = target.map(letter => letters.indexOf(letter))
  if (order.includes(-1))
    throw new Unsupported(`the result has a letter '${target[order.indexOf(-1)]}' that no operand has`)
  return transpose(x, order)
}

/** Products. */
export const productOps: Readonly<Record<string, OnnxOp>> = {
  MatMul: op(node => product(node.float(0), node.float(1))),
  Gemm: op(gemm),
  Einsum: op(einsum),
}
