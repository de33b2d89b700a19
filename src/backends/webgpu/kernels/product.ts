/**
 * Contractions as products: C[b, m, n] = Σₖ A[b, m, k] · B[b, k, n]. Matrix products are one; so are a convolution and
 * its gradients (implicit GEMM: `convolutions.ts` says which element of a volume A and B mean), with a product for each
 * of their groups. This file decides how a product is computed; `tiledProduct.ts` and `directProduct.ts` print it.
 */
import type { Tensor } from '../../../graph/tensor.ts'
import type { FusedStep } from '../../../plan/step.ts'
import { coordinate } from '../wgsl/indexing.ts'
import type { Hardware } from './kernel.ts'

/** A product in terms of a step's operands. */
export interface Product {
  /** Products that do not depend on each other. */
  readonly batches: number
  readonly m: number
  readonly n: number
  readonly k: number
  /** The terms of the sum as planes of rows and columns, row by row; those of a matrix product are planes of one. */
  readonly terms: Terms
  readonly a: Factor
  readonly b: Factor
  /** Index of C[batch, m, n] in the step's result. */
  result(batch: string, m: string, n: string): string
}

/** How many planes the terms of a sum are, and the size of these. */
export type Terms = readonly [planes: number, rows: number, columns: number]

/** A term of the sum, in WGSL: its number, its plane and its number in that, which is a row and a column. */
export interface Term {
  readonly number: string
  readonly plane: string
  readonly inPlane: string
  readonly row: string
  readonly column: string
}

/** A term of which only the number is known. */
export function termOf(number: string, [planes, rows, columns]: Terms): Term {
  const total = planes * rows * columns
  return {
    number,
    plane: coordinate(number, planes, rows * columns, total),
    inPlane: coordinate(number, rows * columns, 1, total),
    row: coordinate(number, rows, columns, total),
    column: coordinate(number, columns, 1, total),
  }
}

/**
 * Where the elements of A or B are. A *line* is a row of A or a column of B; its number is m or n. Texts are WGSL with
 * unsigned arguments.
 */
export interface Factor {
  readonly tensor: Tensor
  /** Statements that declare what an element's place owes to its line; `suffix` ends every name they declare. */
  line(batch: string, line: string, suffix: string): string
  /** Statements that declare what an element's place owes to its term of the sum. */
  depth(batch: string, term: Term): string
  /** Index of an element, after the statements of {@link line} and {@link depth}. */
  index(suffix: string): string
  /** What must hold for an element to be inside of the tensor; otherwise it is 0. */
  inside?(suffix: string): string
  /** Whether neighbors in memory differ in k, not in the line: which of the two neighboring lanes should differ in. */
  readonly deep: boolean
  /** Whether four lines, of which the first is a multiple of 4, are a vector in memory, at an index that is one too. */
  readonly vectors: boolean
  /** Where the windows of neighboring lines overlap: those of a stride of 1. */
  readonly overlap?: Overlap
}

/** Lines are positions, row by row: the element of a line at a column of terms is that of the line before it, so many columns on. */
export interface Overlap {
  /** Positions of a row. */
  readonly width: number
  readonly by: 1 | -1
}

/** How a product is computed. */
export interface ProductMethod {
  /** The tile of C that a workgroup computes; absent when every invocation computes a block on its own. */
  readonly tile?: Tile
  /** Rows and columns of a block. They divide those of C. */
  readonly block: readonly [rows: number, columns: number]
  /** What the columns of a block read together. */
  readonly shared?: SharedReads | undefined
  /** Parts of the sum over k that are computed separately, and added in order. */
  readonly parts: number
  /** Terms of a part; the last may have fewer. */
  readonly share: number
}

/** Invocations of a workgroup, down and across, and vectors of four elements that each computes, down and across. */
export interface Tile {
  readonly down: number
  readonly across: number
  readonly vectorsDown: number
  readonly vectorsAcross: number
}

/** Terms of the sum that a workgroup holds in its memory. */
export const tileDepth = 16

/** Tiles from large to small. Large ones read less of A and B; small ones waste less at the edges of C. */
const tiles: readonly Tile[] = [
  { down: 16, across: 16, vectorsDown: 2, vectorsAcross: 1 },
  { down: 16, across: 16, vectorsDown: 1, vectorsAcross: 1 },
  { down: 8, across: 16, vectorsDown: 1, vectorsAcross: 1 },
  { down: 16, across: 8, vectorsDown: 1, vectorsAcross: 1 },
  { down: 4, across: 32, vectorsDown: 1, vectorsAcross: 1 },
  { down: 16, across: 4, vectorsDown: 1, vectorsAcross: 1 },
  { down: 8, across: 8, vectorsDown: 1, vectorsAcross: 1 },
  { down: 4, across: 16, vectorsDown: 1, vectorsAcross: 1 },
]

/** Rows and columns of C in a tile. */
export const tileSize = ({ down, across, vectorsDown, vectorsAcross }: Tile): readonly [number, number] => [
  4 * down * vectorsDown,
  4 * across * vectorsAcross,
]

/** Workgroups that fill a large GPU about once. */
const manyWorkgroups = 256
/** Below this many multiply-adds, barriers cost more than tiles save. */
const fewMultiplyAdds = 1 << 15
/** Fewest terms of a sum worth a part of their own. */
const fewestTerms = 128

/**
 * Chooses a method by sizes.
 * @param pairs whether an invocation should compute columns of C in pairs, to store two at once
 */
export function productMethod(product: Product, hardware: Hardware, pairs = false): ProductMethod {
  const { batches, m, n, k } = product
  const columns = pairs ? 2 : 1
  if (!hardware.parallel) return softwareMethod(product, columns)
  const tile = tileOf(product, hardware)
  return tile
    ? withParts({ tile, block: [1, columns] }, batches * tilesOf(tile, m, n), 1, k)
    : withParts({ block: [1, columns] }, batches * m * n, 64, k)
}

/** The tile with which a product is computed; `undefined` where every invocation computes on its own. */
export function tileOf(
  { batches, m, n, k }: Pick<Product, 'batches' | 'm' | 'n' | 'k'>,
  { parallel }: Hardware,
): Tile | undefined {
  // A single line of A or B is read once whatever the tile; depthwise convolutions are such products.
  if (!parallel || m < 4 || n < 4 || k < 4 || batches * m * n * k < fewMultiplyAdds) return undefined
  const costs = tiles.map(tile => cost(tile, batches, m, n))
  return tiles[costs.indexOf(Math.min(...costs))]
}

function withParts(method: Pick<ProductMethod, 'tile' | 'block'>, units: number, unitsPerWorkgroup: number, k: number) {
  const wanted = Math.floor((manyWorkgroups * unitsPerWorkgroup) / units)
  const parts = Math.max(1, Math.min(wanted, Math.floor(k / fewestTerms)))
  const share = Math.ceil(k / parts / tileDepth) * tileDepth
  return { ...method, parts: Math.ceil(k / share), share }
}

/** What the columns of a block read together: elements for so many neighbors (`taps`) of a row of terms at once. */
export interface SharedReads {
  readonly by: Overlap['by']
  readonly taps: number
}

/** Most rows and columns of a block, and most terms whose work is printed one after another. */
const [longestBlock, mostTaps] = [8, 8]

/** How the columns of a block share what they read, where their windows overlap in a row. */
function sharedReads({ b, terms }: Product, columns: number): SharedReads | undefined {
  if (!b.overlap || columns === 1 || b.overlap.width % columns !== 0) return undefined
  const taps = numbersTo(mostTaps).findLast(count => terms[2] % count === 0)!
  return taps === 1 ? undefined : { by: b.overlap.by, taps }
}

const numbersTo = (most: number): number[] => Array.from({ length: most }, (_, k) => k + 1)

/** Fewest invocations that keep a processor's cores busy. */
const fewestInvocations = 256

/**
 * For drivers where reading is what takes time: the block that reads the fewest elements for each of its own. Where that leaves few
 * invocations, the sums are cut into parts of whole planes.
 */
function softwareMethod(product: Product, fewestColumns: number): ProductMethod {
  const { batches, m, n, k, terms } = product
  const mostParts = Math.max(1, Math.min(terms[0], Math.floor(k / fewestTerms)))
  const counts = numbersTo(mostParts).filter(parts => terms[0] % parts === 0)
  const sizes = numbersTo(longestBlock)
  const methods = counts.flatMap(parts =>
    sizes.flatMap(rows => sizes.map(columns => ({ parts, share: k / parts, block: [rows, columns] as const }))),
  )
  const fitting = methods.filter(({ parts, block: [rows, columns] }) => {
    const invocations = (batches * m * n * parts) / (rows * columns)
    const smallest = rows === 1 && columns === fewestColumns && parts === 1
    const divides = m % rows === 0 && n % columns === 0 && columns % fewestColumns === 0
    return divides && (smallest || invocations >= fewestInvocations)
  })
  // A sum of a part is written, and read again.
  const reads = ({ parts, block: [rows, columns] }: (typeof methods)[number]): number => {
    const { taps } = sharedReads(product, columns) ?? { taps: 1 }
    return (columns + taps - 1) / (columns * taps) / rows + 1 / columns + (parts > 1 ? (2 * parts) / k : 0)
  }
  const best = fitting.reduce((best, method) => (reads(method) < reads(best) ? method : best))
  return { ...best, shared: sharedReads(product, best.block[1]) }
}

const tilesOf = (tile: Tile, m: number, n: number): number => {
  const [rows, columns] = tileSize(tile)
  return Math.ceil(m / rows) * Math.ceil(n / columns)
}

/** Time of a product in units of one multiply-add, roughly: the area of its tiles, and what they read. */
function cost(tile: Tile, batches: number, m: number, n: number): number {
  const [rows, columns] = tileSize(tile)
  const count = batches * tilesOf(tile, m, n)
  // A large tile needs enough others beside it to fill the GPU.
  const idle = tile.vectorsDown > 1 && count < manyWorkgroups ? 2 : 1
  return count * (rows * columns + 4 * (rows + columns)) * idle
}

/**
 * Whether two neighboring columns of C, of which the first is even, are neighbors in memory and begin at an even element:
 * where rows of C, or the planes of a volume that they are cut into, are even.
 */
export function columnsArePairs({ op, outputs: [{ shape }] }: FusedStep): boolean {
  const rows = op === 'conv2dWeightGradient' ? shape.slice(1) : op === 'matmul' ? shape.slice(-1) : shape.slice(-2)
  return rows.some(extent => extent % 2 === 0)
}

/** Bytes of the sums of all parts. */
export function productWorkspace(step: FusedStep, product: Product, hardware: Hardware): number {
  const ways = columnsArePairs(step) ? [false, true] : [false]
  const parts = Math.max(...ways.map(pairs => productMethod(product, hardware, pairs).parts))
  const size = step.outputs[0].shape.reduce((all, extent) => all * extent, 1)
  return parts > 1 ? parts * size * Float32Array.BYTES_PER_ELEMENT : 0
}
