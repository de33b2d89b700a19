/**
 * Multiplication of a few vectors by a small constant matrix, written out: coefficients of 0 and ±1 need no
 * multiplication, and the symmetry of interpolation points ±p halves the work.
 */

import type { Matrix } from '../../../../cpu/kernels/channels/winograd/matrices.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import { type Arithmetic, floatsOf, pushConstant, typeOf, type VectorLanes } from '../../../emit/lanes.ts'

/** Multiplies by constant matrices inside one function. */
export class LinearTransform {
  readonly #f: FunctionBuilder
  readonly #fused: boolean
  readonly #lanes: VectorLanes
  readonly #floats: `f32x${VectorLanes}`
  readonly #constants = new Map<number, Local>()
  readonly #scratch: readonly Local[]

  /** Emits the constants of `matrices`, so make it at the start of the function. */
  constructor(f: FunctionBuilder, { lanes, fused }: Arithmetic<VectorLanes>, matrices: readonly Matrix[]) {
    this.#f = f
    this.#fused = fused
    this.#lanes = lanes
    this.#floats = floatsOf(lanes)
    const widest = Math.max(...matrices.map(matrix => matrix[0].length))
    this.#scratch = f.localArray(typeOf(lanes), widest + 2)
    for (const value of matrices.flat(2)) {
      const size = Math.abs(value)
      if (size === 0 || size === 1 || this.#constants.has(size)) continue
      const local = f.local(typeOf(lanes))
      pushConstant(f, lanes, size).set(local)
      this.#constants.set(size, local)
    }
  }

  /** Calls `output` for every row of the matrix with a function that pushes Σ matrix[row][k] · inputs[k]. */
  apply(matrix: Matrix, inputs: readonly Local[], output: (row: number, push: () => void) => void): void {
    if (pairedColumns(matrix)) this.#byColumnPairs(matrix, inputs, output)
    else this.#byRowPairs(matrix, inputs, output)
  }

  /** Rows of points p and −p share their even terms and their odd terms. */
  #byRowPairs(matrix: Matrix, inputs: readonly Local[], output: (row: number, push: () => void) => void): void {
    const f = this.#f
    const scratch = this.#scratch
    const [even, odd] = scratch
    for (let row = 0; row < matrix.length; row++) {
      const partner = matrix[row + 1]
      if (!partner || !mirrors(matrix[row], partner)) {
        output(row, () => this.#pushSum(matrix[row], inputs))
        continue
      }
      const part = (keep: (k: number) => boolean): number[] => matrix[row].map((value, k) => (keep(k) ? value : 0))
      this.#pushSum(
        part(k => matrix[row][k] === partner[k]),
        inputs,
      )
      f.set(even)
      this.#pushSum(
        part(k => matrix[row][k] !== partner[k]),
        inputs,
      )
      f.set(odd)
      output(row, () => f.get(even).get(odd).op(`${this.#floats}.add`))
      output(row + 1, () => f.get(even).get(odd).op(`${this.#floats}.sub`))
      row++
    }
  }

  /** Columns of points p and −p: even rows see the sum of their inputs, odd rows the difference. */
  #byColumnPairs(matrix: Matrix, inputs: readonly Local[], output: (row: number, push: () => void) => void): void {
    const f = this.#f
    const scratch = this.#scratch
    const pairs = columnPairs(matrix)
    const terms: { even: Local; odd: Local; column: number }[] = []
    let next = 0
    for (let column = 0; column < inputs.length; column++) {
      if (!pairs.has(column)) {
        terms.push({ even: inputs[column], odd: inputs[column], column })
        continue
      }
      const [even, odd] = [scratch[next++], scratch[next++]]
      const [a, b] = [inputs[column], inputs[column + 1]]
      f.get(a).get(b).op(`${this.#floats}.add`).set(even).get(a).get(b).op(`${this.#floats}.sub`).set(odd)
      terms.push({ even, odd, column })
      column++
    }
    matrix.forEach((row, index) => {
      output(index, () =>
        this.#pushSum(
          terms.map(({ column }) => row[column]),
          terms.map(({ even, odd }) => (index % 2 === 0 ? even : odd)),
        ),
      )
    })
  }

  #pushSum(coefficients: readonly number[], inputs: readonly Local[]): void {
    const f = this.#f
    let first = true
    // Terms without a factor first: they need no multiplication.
    const order = coefficients
      .map((value, k) => ({ value, k }))
      .filter(({ value }) => value !== 0)
      .sort((a, b) => rank(a.value) - rank(b.value) || a.k - b.k)
    for (const { value, k } of order) {
      const constant = this.#constants.get(Math.abs(value))
      if (first) {
        f.get(inputs[k])
        if (constant !== undefined) f.get(constant).op(`${this.#floats}.mul`)
        if (value < 0) f.op(`${this.#floats}.neg`)
        first = false
      } else if (constant === undefined) f.get(inputs[k]).op(value > 0 ? `${this.#floats}.add` : `${this.#floats}.sub`)
      else if (this.#fused) this.#pushFused(inputs[k], constant, value)
      else {
        f.get(inputs[k])
          .get(constant)
          .op(`${this.#floats}.mul`, value > 0 ? `${this.#floats}.add` : `${this.#floats}.sub`)
      }
    }
    if (first) pushConstant(f, this.#lanes, 0)
  }

  /** sum on the stack → sum ± input · constant. */
  #pushFused(value: Local, constant: Local, sign: number): void {
    const f = this.#f
    const scratch = this.#scratch
    const sum = scratch[scratch.length - 1]
    f.set(sum).get(value).get(constant).get(sum)
    f.op(sign > 0 ? `${this.#floats}.relaxed_madd` : `${this.#floats}.relaxed_nmadd`)
  }
}

/** +1 first, then −1, then real factors. */
const rank = (value: number): number => (value === 1 ? 0 : value === -1 ? 1 : 2)

/** Whether two rows differ only in the signs of some terms. */
function mirrors(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, k) => Math.abs(value) === Math.abs(b[k])) && a.some((value, k) => value !== b[k])
}

/** Columns k for which column k + 1 is column k with the signs of the odd rows flipped. */
function columnPairs(matrix: Matrix): Set<number> {
  const pairs = new Set<number>()
  for (let k = 0; k + 1 < matrix[0].length; k++) {
    const paired = matrix.every((row, i) => row[k] !== 0 && row[k + 1] === (i % 2 === 0 ? row[k] : -row[k]))
    if (paired) pairs.add(k++)
  }
  return pairs
}

function pairedColumns(matrix: Matrix): boolean {
  return matrix.length > 1 && columnPairs(matrix).size > 0
}
