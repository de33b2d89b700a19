/** The shaders of a convolution by Winograd's algorithm, one for each of its steps (`../winograd.ts`). */
import type { Tensor } from '../../../graph/tensor.ts'
import type { FusedStep } from '../../../plan/step.ts'
import { coordinate } from '../wgsl/indexing.ts'
import type { Operands } from '../wgsl/operands.ts'
import { type Dispatch, elementShader, storeResult } from '../wgsl/shader.ts'
import { printTransform, type TileTransform } from '../wgsl/transform.ts'
import type { WinogradStep } from '../winograd.ts'
import { type WinogradSizes, type WinogradSpec, winogradSizes } from '../winogradSpec.ts'
import { matrix } from './convolutions.ts'
import { lowerProduct } from './directProduct.ts'
import type { Hardware, KernelTools } from './kernel.ts'
import { type Product, productWorkspace } from './product.ts'

/** The kernel of every step with the form. */
export const winograd = {
  lower(step: WinogradStep, tools: KernelTools): readonly Dispatch[] {
    const { inputs, outputs, form } = step
    const transform: Transform = { spec: form.spec, ...winogradSizes(form.spec), operands: tools.operands(), tools }
    switch (form.stage) {
      case 'filters':
        return [transformFilters(transform, inputs[0], outputs[0])]
      case 'input':
        return [transformInput(transform, inputs[0], outputs[0])]
      case 'both': {
        const ofFilters = { ...transform, operands: tools.operands() }
        return [transformInput(transform, inputs[0], outputs[0]), transformFilters(ofFilters, inputs[1], outputs[1])]
      }
      case 'products':
        return lowerProduct(step as FusedStep, productOf(step), tools)
      case 'output':
        return [transformOutput(transform, step as FusedStep)]
      default:
        return form.stage satisfies never
    }
  },
  workspace: (step: WinogradStep, hardware: Hardware): number =>
    step.form.stage === 'products' ? productWorkspace(step as FusedStep, productOf(step), hardware) : 0,
}

/** The products of all places. */
function productOf({ inputs: [filters, input], form }: WinogradStep): Product {
  const { places, depth, lines, columns } = winogradSizes(form.spec)
  return {
    batches: places,
    m: lines,
    n: columns,
    k: depth,
    terms: [depth, 1, 1],
    a: matrix(filters, lines, { line: 1, depth: lines, batch: depth * lines }),
    b: matrix(input, columns, { line: 1, depth: columns, batch: depth * columns }),
    result: (place, line, tile) => `(${place} * ${lines}u + ${line}) * ${columns}u + ${tile}`,
  }
}

/** What every transform needs. */
interface Transform extends WinogradSizes {
  readonly spec: WinogradSpec
  readonly operands: Operands
  readonly tools: KernelTools
}

/** Every invocation transforms one filter; neighbors differ in the line. */
function transformFilters(
  { spec, matrices, depth, lines, operands, tools }: Transform,
  filters: Tensor,
  result: Tensor,
): Dispatch {
  const forward = spec.op === 'conv2d'
  const [deep, line] = [`i / ${lines}u`, `i % ${lines}u`]
  const number = forward ? `(${line}) * ${depth}u + ${deep}` : `(${deep}) * ${lines}u + ${line}`
  // Of the gradient, the filters are turned.
  const place = (row: string, column: string): string =>
    forward ? `first + ${row} * 3u + ${column}` : `first + 8u - ${row} * 3u - ${column}`
  const tile: TileTransform = {
    matrix: matrices.weights,
    read: (row, column) => operands.float(filters, place(row, column)),
    store: (row, column, value) =>
      operands.store(result, placed('i', row, column, matrices.weights.length, depth * lines), value),
  }
  const body = `let first = (${number}) * 9u;
  ${printTransform(tile, tools.parallel)}`
  return elementShader(operands, depth * lines, body)
}

/** Every invocation transforms one tile of one channel; neighbors differ in the tile. */
function transformInput(transform: Transform, source: Tensor, result: Tensor): Dispatch {
  const { spec, matrices, depth, tiles, columns, operands, tools } = transform
  const [, , height, width] = spec.source
  // Tiles that only round up repeat the last: nobody reads their products.
  const number = columns === tiles ? `i % ${columns}u` : `min(i % ${columns}u, ${tiles - 1}u)`
  const tile: TileTransform = {
    matrix: matrices.input,
    read: (down, right) => `elementAt(plane, row + i32(${down}), column + i32(${right}))`,
    store: (down, right, value) =>
      operands.store(result, placed('i', down, right, matrices.input.length, depth * columns), value),
  }
  const body = `let tile = ${number};
  let plane = (${imageOf('tile', transform)} * ${depth}u + i / ${columns}u) * ${height * width}u;
  let row = i32(${rowOf('tile', transform)}) * ${spec.outputs} - ${spec.lead[0]};
  let column = i32(${columnOf('tile', transform)}) * ${spec.outputs} - ${spec.lead[1]};
  ${printTransform(tile, tools.parallel)}`
  // Without branches, for which a software driver compiles long. A negative row is a large one without its sign.
  const declaration = `fn elementAt(plane: u32, row: i32, column: i32) -> f32 {
  let inside = (u32(row) < ${height}u) & (u32(column) < ${width}u);
  let at = select(0u, plane + u32(row * ${width} + column), inside);
  return select(0.0, ${operands.float(source, 'at')}, inside);
}`
  return elementShader(operands, depth * columns, body, declaration)
}

/** Every invocation transforms the products of one tile of one line back; neighbors differ in the tile. */
function transformOutput(transform: Transform, step: FusedStep): Dispatch {
  const { spec, matrices, lines, tiles, columns, operands, tools } = transform
  const [products] = step.inputs
  const [, , height, width] = spec.result
  const tile: TileTransform = {
    matrix: matrices.output,
    read: (down, right) =>
      operands.float(products, placed('first', down, right, matrices.input.length, lines * columns)),
    store: (down, right, value) => `storeElement(plane, row + ${down}, column + ${right}, ${value});`,
  }
  const body = `let tile = i % ${tiles}u;
  let line = i / ${tiles}u;
  let first = line * ${columns}u + tile;
  let plane = (${imageOf('tile', transform)} * ${lines}u + line) * ${height * width}u;
  let row = ${rowOf('tile', transform)} * ${spec.outputs}u;
  let column = ${columnOf('tile', transform)} * ${spec.outputs}u;
  ${printTransform(tile, tools.parallel)}`
  const declaration = `fn storeElement(plane: u32, row: u32, column: u32, value: f32) {
  if (row >= ${height}u || column >= ${width}u) { return; }
  ${storeResult(step, operands, `plane + row * ${width}u + column`, 'value')}
}`
  return elementShader(operands, lines * tiles, body, declaration)
}

/** Index of element `first` of the matrix at a row and a column of n × n places, each of which has so many elements. */
const placed = (first: string, row: string, column: string, n: number, size: number): string =>
  `${first} + (${row} * ${n}u + ${column}) * ${size}u`

type Grid = Pick<WinogradSizes, 'tileRows' | 'tileColumns' | 'tiles'>

const imageOf = (tile: string, { tileRows, tileColumns }: Grid): string => `(${tile} / ${tileRows * tileColumns}u)`
const rowOf = (tile: string, { tileRows, tileColumns, tiles }: Grid): string =>
  coordinate(tile, tileRows, tileColumns, tiles)
const columnOf = (tile: string, { tileColumns, tiles }: Grid): string => coordinate(tile, tileColumns, 1, tiles)
