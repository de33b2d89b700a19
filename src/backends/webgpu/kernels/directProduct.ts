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
  type Term,
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
  const { parts, block } = method
  const [rows, columns] = [numbers(block[0]), numbers(block[1])]
  const [down, across] = [m / rows.length, n / columns.length]
  const blocks = batches * down * across
  const sums = rows.flatMap(row => columns.map(column => `sum${row}_${column}`))
  const place = product.result('batch', `(row + q / ${columns.length}u)`, `(column + q % ${columns.length}u)`)
  const { width, store } = storeSums(step, operands, { parts, pairs, sums: 'sums', at: 'q' })
  const lines = (factor: Factor, first: string, offsets: readonly number[], name: string): string =>
    offsets.map(q => factor.line('batch', `(${first} + ${q}u)`, `${name}${q}`)).join('\n  ')
  const term = (at: Term): string => `${readFactor(a, at, rows, 'A', operands)}
    ${readFactor(b, at, columns, 'B', operands)}
    ${rows.flatMap(r => columns.map(c => `sum${r}_${c} = fma(elementA${r}, elementB${c}, sum${r}_${c});`)).join(' ')}`
  // Neighboring invocations differ in n.
  const body = `let part = i / ${blocks}u;
  let batch = (i / ${down * across}u) % ${batches}u;
  let row = ((i / ${across}u) % ${down}u) * ${rows.length}u;
  let column = (i % ${across}u) * ${columns.length}u;
  ${lines(a, 'row', rows, 'A')}
  ${lines(b, 'column', columns, 'B')}
  ${sums.map(sum => `var ${sum} = 0.0;`).join(' ')}
  ${overTerms(product, method, term)}
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
  const reads = lines.map(line => {
    const read = `element${name}${line} = ${operands.float(factor.tensor, factor.index(`${name}${line}`))};`
    const inside = factor.inside?.(`${name}${line}`)
    return inside === undefined ? read : `if (${inside}) { ${read} }`
  })
  return `${lines.map(line => `var element${name}${line} = 0.0;`).join(' ')}
    { ${factor.depth('batch', at)} ${reads.join(' ')} }`
}

/** Statements that visit the terms of the sum, or of a part of it, in their order. */
function overTerms({ k, terms }: Product, { parts, share }: ProductMethod, visit: (term: Term) => string): string {
  if (parts > 1) {
    return `for (var k = part * ${share}u; k < min((part + 1u) * ${share}u, ${k}u); k++) { ${visit(termOf('k', terms))} }`
  }
  // Loops for plane, row and column spare the divisions.
  const [, rows, columns] = terms
  const names = ['plane', 'row', 'column'].map((axis, at) => (terms[at] === 1 ? '0u' : `${axis}OfTerms`))
  const [plane, row, column] = names
  const inPlane = `(${row} * ${columns}u + ${column})`
  const number = `(${plane} * ${rows * columns}u + ${inPlane})`
  return names.reduceRight(
    (inner, name, at) =>
      terms[at] === 1 ? inner : `for (var ${name} = 0u; ${name} < ${terms[at]}u; ${name}++) { ${inner} }`,
    visit({ number, plane, inPlane, row, column }),
  )
}
