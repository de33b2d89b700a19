/**
 * Tiled products. A workgroup computes a tile of C: it brings {@link tileDepth} terms of its lines of A and B into its
 * memory, from which each invocation adds 4 × 4 (or 8 × 8) elements of C in registers. What a place owes to its line is
 * computed once, before the loop over k.
 */
import { sizeOf } from '../../../graph/shape.ts'
import type { FusedStep } from '../../../plan/step.ts'
import type { Operands } from '../wgsl/operands.ts'
import { type Dispatch, shaderOf, spread, storeSums, workgroupNumber } from '../wgsl/shader.ts'
import {
  type Factor,
  type Product,
  type ProductMethod,
  type Terms,
  type Tile,
  termOf,
  tileDepth,
  tileSize,
} from './product.ts'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, k) => k)

/** One factor's part of a workgroup's memory: vectors of four lines, for each k. */
interface Side {
  readonly factor: Factor
  /** `a` or `b`: begins its names. */
  readonly name: string
  /** Text of the tile's first line, and the number of lines of the whole factor. */
  readonly first: string
  readonly lines: number
  /** Vectors of four lines in the tile. */
  readonly vectors: number
  /** Vectors from one k to the next in memory; one more than there are, so that lanes use different banks. */
  readonly pitch: number
}

/** The dispatch of a product in tiles. */
export function tiledProduct(
  step: FusedStep,
  product: Product,
  { tile, parts, share }: ProductMethod & { readonly tile: Tile },
  operands: Operands,
  pairs: boolean,
): Dispatch {
  const { batches, m, n, k, a, b } = product
  const [rows, columns] = tileSize(tile)
  const { down, across, vectorsDown, vectorsAcross } = tile
  const threads = down * across
  const sideOf = (factor: Factor, name: string, first: string, lines: number, vectors: number): Side => {
    if (factor.vectors) operands.asVectors(factor.tensor)
    return { factor, name, first, lines, vectors, pitch: vectors + 1 }
  }
  const sides = [
    sideOf(a, 'a', 'firstRow', m, down * vectorsDown),
    sideOf(b, 'b', 'firstColumn', n, across * vectorsAcross),
  ]
  const end = parts === 1 ? `${k}u` : `min((part + 1u) * ${share}u, ${k}u)`
  const loads = sides.map(side => new Loader(side, threads, product.terms, operands))
  const sums = numbers(4 * vectorsDown).flatMap(row => numbers(vectorsAcross).map(v => `c${row}_${v}`))
  const steps = numbers(4 * vectorsDown).flatMap(row =>
    numbers(vectorsAcross).map(
      v => `c${row}_${v} = fma(vec4<f32>(rows${Math.floor(row / 4)}.${'xyzw'[row % 4]}), columns${v}, c${row}_${v});`,
    ),
  )
  const place = `let place = ${product.result('batch', 'row', 'column')};`
  const { width, store } = storeSums(step, operands, { parts, pairs, sums: 'values', at: 'j' })
  const stores = numbers(4 * vectorsDown).flatMap(row =>
    numbers(vectorsAcross).map(v => {
      const at = `firstRow + ${4 * down * Math.floor(row / 4) + (row % 4)}u + 4u * laneRow`
      return `storeVector(batch, part, ${at}, firstColumn + ${4 * across * v}u + 4u * laneColumn, c${row}_${v});`
    }),
  )
  const [tileRows, tileColumns] = [Math.ceil(m / rows), Math.ceil(n / columns)]
  // Neighboring workgroups share their columns of B, the larger factor of a convolution.
  const body = `let number = ${workgroupNumber};
  if (number >= ${tileRows * tileColumns}u) { return; }
  let part = group.z / ${batches}u;
  let batch = group.z % ${batches}u;
  let firstRow = (number % ${tileRows}u) * ${rows}u;
  let firstColumn = (number / ${tileRows}u) * ${columns}u;
  let laneRow = lane / ${across}u;
  let laneColumn = lane % ${across}u;
  ${loads.map(load => load.setup()).join('\n  ')}
  ${sums.map(name => `var ${name} = vec4<f32>(0.0);`).join(' ')}
  for (var start = ${parts === 1 ? '0u' : `part * ${share}u`}; start < ${end}; start += ${tileDepth}u) {
    ${loads.map(load => load.loop(end)).join('\n    ')}
    workgroupBarrier();
    for (var k = 0u; k < ${tileDepth}u; k++) {
      ${numbers(vectorsDown)
        .map(v => `let rows${v} = tileA[k * ${sides[0].pitch}u + laneRow + ${down * v}u];`)
        .join(' ')}
      ${numbers(vectorsAcross)
        .map(v => `let columns${v} = tileB[k * ${sides[1].pitch}u + laneColumn + ${across * v}u];`)
        .join(' ')}
      ${steps.join('\n      ')}
    }
    workgroupBarrier();
  }
  ${stores.join('\n  ')}`
  const declarations = `var<workgroup> tileA: array<vec4<f32>, ${tileDepth * sides[0].pitch}>;
var<workgroup> tileB: array<vec4<f32>, ${tileDepth * sides[1].pitch}>;
fn storeVector(batch: u32, part: u32, row: u32, first: u32, values: vec4<f32>) {
  if (row >= ${m}u) { return; }
  for (var j = 0u; j < 4u; j += ${width}u) {
    let column = first + j;
    if (column >= ${n}u) { return; }
    ${place}
    ${store}
  }
}`
  const [along, rowsOfGroups] = spread(tileRows * tileColumns)
  const workgroups = [along, rowsOfGroups, batches * parts] as const
  return shaderOf(operands, { body, declarations, workgroups, size: threads })
}

/** Statements with which the invocations of a workgroup load one factor's part of a tile. */
class Loader {
  readonly #side: Side
  readonly #threads: number
  readonly #terms: Terms
  readonly #operands: Operands
  /** Vectors that an invocation loads, one after another. */
  readonly #rounds: number

  constructor(side: Side, threads: number, terms: Terms, operands: Operands) {
    this.#side = side
    this.#threads = threads
    this.#terms = terms
    this.#operands = operands
    this.#rounds = Math.ceil((side.vectors * tileDepth) / threads)
  }

  /** Number of a vector among those of the tile, and its k. */
  #place(round: number): { vector: string; depth: string } {
    const { vectors, factor } = this.#side
    const number = round === 0 ? 'lane' : `(lane + ${round * this.#threads}u)`
    return factor.deep
      ? { vector: `${number} / ${tileDepth}u`, depth: `${number} % ${tileDepth}u` }
      : { vector: `${number} % ${vectors}u`, depth: `${number} / ${vectors}u` }
  }

  /** Rounds whose vectors lie on different lines; all rounds share one set of lines when k alone changes. */
  get #lineSets(): number {
    const { factor, vectors } = this.#side
    return factor.deep || this.#threads % vectors !== 0 ? this.#rounds : 1
  }

  #suffix(round: number, line: number): string {
    return `_${this.#side.name}${Math.min(round, this.#lineSets - 1)}_${line}`
  }

  /** Before the loop: what the places of an invocation's elements owe to their lines. */
  setup(): string {
    const { factor, name, first } = this.#side
    return numbers(this.#lineSets)
      .map(round => {
        const start = `line_${name}${round}`
        const lines = numbers(factor.vectors ? 1 : 4).map(line =>
          factor.line('batch', line === 0 ? start : `(${start} + ${line}u)`, this.#suffix(round, line)),
        )
        return `let ${start} = ${first} + 4u * (${this.#place(round).vector});\n  ${lines.join('\n  ')}`
      })
      .join('\n  ')
  }

  /** In the loop: one round after another, each brings a vector of four lines. */
  loop(end: string): string {
    const { factor, name, vectors, pitch, lines } = this.#side
    const { tensor } = factor
    const whole = this.#rounds * this.#threads === vectors * tileDepth
    return numbers(this.#rounds)
      .map(round => {
        const { vector, depth } = this.#place(round)
        const start = `line_${name}${Math.min(round, this.#lineSets - 1)}`
        const load = factor.vectors
          ? this.#whenInside(
              round,
              0,
              `v = ${this.#operands.vector(tensor, factor.index(this.#suffix(round, 0)))};`,
              '',
            )
          : numbers(4)
              .map(line => {
                const suffix = this.#suffix(round, line)
                const element = this.#operands.float(tensor, factor.index(suffix))
                const bound = lines % 4 === 0 ? '' : `${start} + ${line}u < ${lines}u`
                return this.#whenInside(round, line, `v.${'xyzw'[line]} = ${element};`, bound)
              })
              .join(' ')
        const statement = `{
      let depth = ${depth};
      let k = start + depth;
      var v = vec4<f32>(0.0);
      if (${sizeOf(this.#terms) % tileDepth === 0 ? '' : `k < ${end} && `}${start} < ${lines}u) { ${factor.depth('batch', termOf('k', this.#terms))} ${load} }
      tile${name.toUpperCase()}[depth * ${pitch}u + (${vector})] = v;
    }`
        const inRange = `lane + ${round * this.#threads}u < ${vectors * tileDepth}u`
        return whole ? statement : `if (${inRange}) ${statement}`
      })
      .join('\n    ')
  }

  #whenInside(round: number, line: number, statement: string, bound: string): string {
    const inside = this.#side.factor.inside?.(this.#suffix(round, line)) ?? ''
    const condition = [bound, inside].filter(part => part !== '').join(' && ')
    return condition === '' ? statement : `if (${condition}) { ${statement} }`
  }
}
