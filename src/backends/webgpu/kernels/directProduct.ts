/** Products of which every invocation computes a block of C on its own, or one part of its sums; and the sum of the parts. */
import { sizeOf } from '../../../graph/shape.ts'
import type { FusedStep } from '../../../plan/step.ts'
import type { Operands } from '../wgsl/operands.ts'
import { type Dispatch, elementShader, resultShader, storeSums } from '../wgsl/shader.ts'
import type { KernelTools } from './kernel.ts'
import {
  columnsArePairs,
  type Factor,
  type Product,
  type ProductMethod,
  productMethod,
  type SharedReads,
  type Term,
  type Terms,
  termOf,
} from './product.ts'
import { tiledProduct } from './tiledProduct.ts'

/** The dispatches of a product. */
export function lowerProduct(step: FusedStep, product: Product, tools: KernelTools): readonly Dispatch[] {
  const operands = tools.operands()
  const pairs = operands.isHalf(step.outputs[0]) && columnsArePairs(step)
  const method = productMethod(product, tools, pairs)
  const first = method.tile
    ? tiledProduct(step, product, { ...method, tile: method.tile }, operands, pairs)
    : directProduct(step, product, method, operands, pairs)
  return method.parts === 1 ? [first] : [first, sumOfParts(step, method.parts, tools.operands())]
}

/** Adds the parts in their order. */
function sumOfParts(step: FusedStep, parts: number, operands: Operands): Dispatch {
  const size = sizeOf(step.outputs[0].shape)
  const body = `for (var k = 0u; k < ${parts}u; k++) { r += ${operands.workspace(`k * ${size}u + i`)}; }`
  return resultShader(step, operands, body)
}

/** Every invocation computes a block of C, with sums of its own. */
function directProduct(
  step: FusedStep,
  product: Product,
  method: ProductMethod,
  operands: Operands,
  pairs: boolean,
): Dispatch {
  const { batches, m, n, a, b } = product
  const { parts, block, shared } = method
  const [rows, columns] = [numbers(block[0]), numbers(block[1])]
  const [down, across] = [m / rows.length, n / columns.length]
  const blocks = batches * down * across
  const sums = rows.flatMap(row => columns.map(column => `sum${row}_${column}`))
  const place = product.result('batch', `(row + q / ${columns.length}u)`, `(column + q % ${columns.length}u)`)
  const { width, store } = storeSums(step, operands, { parts, pairs, sums: 'sums', at: 'q' })
  const lines = (factor: Factor, first: string, offsets: readonly number[], name: string): string =>
    offsets.map(q => factor.line('batch', `(${first} + ${q}u)`, `${name}${q}`)).join('\n  ')
  const add = (element: (column: number) => string): string =>
    rows.flatMap(r => columns.map(c => `sum${r}_${c} = fma(elementA${r}, ${element(c)}, sum${r}_${c});`)).join(' ')
  const term = (at: Term): string => `${readFactor(a, at, rows, 'A', operands)}
    ${readFactor(b, at, columns, 'B', operands)}
    ${add(c => `elementB${c}`)}`
  // What the columns of a block have in common is read once.
  const run = ({ by, taps }: SharedReads, at: (tap: number) => Term): string => {
    const first = by === 1 ? 0 : 1 - columns.length
    const elements = numbers(columns.length + taps - 1).map(k =>
      readElements(b, at(first + k), [{ name: `element${k}`, line: 'B0' }], operands),
    )
    const products = numbers(taps).map(
      tap => `{ ${readFactor(a, at(tap), rows, 'A', operands)} ${add(c => `element${tap + by * c - first}`)} }`,
    )
    return [...elements, ...products].join('\n    ')
  }
  // Neighboring invocations differ in n.
  const body = `let part = i / ${blocks}u;
  let batch = (i / ${down * across}u) % ${batches}u;
  let row = ((i / ${across}u) % ${down}u) * ${rows.length}u;
  let column = (i % ${across}u) * ${columns.length}u;
  ${lines(a, 'row', rows, 'A')}
  ${lines(b, 'column', shared ? [0] : columns, 'B')}
  ${sums.map(sum => `var ${sum} = 0.0;`).join(' ')}
  ${shared ? overRuns(product.terms, parts, shared.taps, at => run(shared, at)) : overTerms(product, method, term)}
  var sums = array<f32, ${sums.length}>(${sums.join(', ')});
  for (var q = 0u; q < ${sums.length}u; q += ${width}u) {
    let place = ${place};
    ${store}
  }`
  return elementShader(operands, parts * blocks, body)
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, k) => k)

/** Statements that declare `elementA0`, `elementA1` … or `elementB0` …: those of some lines at a term. */
function readFactor(factor: Factor, at: Term, lines: readonly number[], name: string, operands: Operands): string {
  const elements = lines.map(line => ({ name: `element${name}${line}`, line: `${name}${line}` }))
  return readElements(factor, at, elements, operands)
}

/** An element of a factor: the variable that it becomes, and the suffix of its line. */
interface NamedElement {
  readonly name: string
  readonly line: string
}

/** Statements that declare variables: elements of a factor at a term. */
function readElements(factor: Factor, at: Term, elements: readonly NamedElement[], operands: Operands): string {
  const reads = elements.map(({ name, line }) => {
    const read = `${name} = ${operands.float(factor.tensor, factor.index(line))};`
    const inside = factor.inside?.(line)
    return inside === undefined ? read : `if (${inside}) { ${read} }`
  })
  return `${elements.map(({ name }) => `var ${name} = 0.0;`).join(' ')}
    { ${factor.depth('batch', at)} ${reads.join(' ')} }`
}

/** Statements that visit the terms of the sum, or of a part of it, in their order. */
function overTerms({ k, terms }: Product, { parts, share }: ProductMethod, visit: (term: Term) => string): string {
  const hasWholePlanes = parts * share === k && share % (terms[1] * terms[2]) === 0
  if (!hasWholePlanes) {
    return `for (var k = part * ${share}u; k < min((part + 1u) * ${share}u, ${k}u); k++) { ${visit(termOf('k', terms))} }`
  }
  return inLoops(terms, parts, ([plane, row, column]) => visit(termAt(terms, plane, row, column)))
}

/** Statements that visit the terms of the sum some neighbors of a row at a time, in their order. */
function overRuns(terms: Terms, parts: number, taps: number, visit: (at: (tap: number) => Term) => string): string {
  const [planes, rows, columns] = terms
  return inLoops([planes, rows, columns / taps], parts, ([plane, row, run]) =>
    // Those before the run wrap around, until a place is made a signed number.
    visit(tap => termAt(terms, plane, row, `(${run} * ${taps}u + ${tap < 0 ? `u32(${tap}i)` : `${tap}u`})`)),
  )
}

type Triple = readonly [plane: string, row: string, column: string]

/** Loops for plane, row and column, which spare the divisions of {@link termOf}. Each part has as many planes. */
function inLoops([planes, rows, columns]: Terms, parts: number, visit: (at: Triple) => string): string {
  const counts = [planes / parts, rows, columns]
  const names = ['planeOfTerms', 'rowOfTerms', 'columnOfTerms'].map((name, at) => (counts[at] === 1 ? '0u' : name))
  const [plane, row, column] = names as unknown as Triple
  return names.reduceRight(
    (inner, name, at) =>
      counts[at] === 1 ? inner : `for (var ${name} = 0u; ${name} < ${counts[at]}u; ${name}++) { ${inner} }`,
    visit([parts === 1 ? plane : `(part * ${counts[0]}u + ${plane})`, row, column]),
  )
}

function termAt([, rows, columns]: Terms, plane: string, row: string, column: string): Term {
  const inPlane = `(${row} * ${columns}u + ${column})`
  return { number: `(${plane} * ${rows * columns}u + ${inPlane})`, plane, inPlane, row, column }
}
