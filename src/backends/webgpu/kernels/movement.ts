/** Operations that move elements and compute nothing. */
import { sizeOf, stridesOf } from '../../../graph/shape.ts'
import type { Tensor } from '../../../graph/tensor.ts'
import type { FusedStep, StepOf } from '../../../plan/step.ts'
import { literal } from '../wgsl/expression.ts'
import { coordinate, stridedIndex, unsigned } from '../wgsl/indexing.ts'
import type { Operands } from '../wgsl/operands.ts'
import { type Dispatch, elementShader, pairsShader, resultShader, storePair } from '../wgsl/shader.ts'
import type { KernelTools, Lower } from './kernel.ts'

/** Statement that sets the result's element to an element of a value of the same type. */
const take = (operands: Operands, from: Tensor, at: string): string =>
  from.dtype === 'f32' ? `r = ${operands.float(from, at)};` : `q = ${operands.integer(from, at)};`

export const transpose: Lower<'transpose'> = (step, tools) => {
  const operands = tools.operands()
  const [x] = step.inputs
  const from = stridesOf(x.shape)
  const strides = step.attributes.permutation.map(axis => from[axis])
  const at = stridedIndex('i', { sizes: step.outputs[0].shape, strides })
  return [resultShader(step, operands, take(operands, x, at))]
}

export const slice: Lower<'slice'> = (step, tools) => {
  const operands = tools.operands()
  const [x] = step.inputs
  const { starts, steps } = step.attributes
  const from = stridesOf(x.shape)
  const strides = from.map((stride, axis) => stride * steps[axis])
  const start = from.reduce((sum, stride, axis) => sum + stride * starts[axis], 0)
  const at = `${unsigned(start)} + ${stridedIndex('i', { sizes: step.outputs[0].shape, strides })}`
  return [resultShader(step, operands, take(operands, x, at))]
}

/** Elements with a value before, after and between them. */
export const pad: Lower<'pad'> = (step, tools) => {
  const operands = tools.operands()
  const [x] = step.inputs
  const { before, interior, value } = step.attributes
  const { shape } = step.outputs[0]
  const [from, to] = [stridesOf(x.shape), stridesOf(shape)]
  const axes = shape.map((size, axis) => {
    const at = `a${axis}`
    const pitch = interior[axis] + 1
    const inside = [
      `${at} >= 0`,
      ...(pitch > 1 ? [`${at} % ${pitch} == 0`] : []),
      `${at} / ${pitch} < ${x.shape[axis]}`,
    ]
    return {
      declare: `let ${at} = i32(${coordinate('i', size, to[axis])}) - ${before[axis]};`,
      inside: inside.join(' && '),
      term: `(${at} / ${pitch}) * ${from[axis]}`,
    }
  })
  const inside = axes.map(axis => axis.inside).join(' && ') || 'true'
  const index = `u32(${axes.map(axis => axis.term).join(' + ') || '0'})`
  const body = `${axes.map(axis => axis.declare).join(' ')}
  if (${inside}) { r = ${operands.float(x, index)}; } else { r = ${literal(value)}; }`
  return [resultShader(step, operands, body)]
}

/** The elements of one index along an axis are `inner` neighbors. */
const innerOf = (shape: readonly number[], axis: number): number => sizeOf(shape.slice(axis + 1))

/** One dispatch for as many parts as a shader can bind; each writes its own range of the result. */
export const concat: Lower<'concat'> = (step, tools) => {
  const { inputs } = step
  const most = tools.mostBindings - 1
  const { axis } = step.attributes
  const dispatches: Dispatch[] = []
  let start = 0
  for (let first = 0; first < inputs.length; first += most) {
    const parts = inputs.slice(first, first + most)
    dispatches.push(concatSome(step, parts, start, tools))
    start += parts.reduce((sum, part) => sum + part.shape[axis], 0)
  }
  return dispatches
}

/** Writes some neighboring parts of a result; they begin at index `start` of the axis. */
function concatSome(step: StepOf<'concat'>, parts: readonly Tensor[], start: number, tools: KernelTools): Dispatch {
  const operands = tools.operands()
  const {
    attributes: { axis },
    outputs: [output],
  } = step
  const inner = innerOf(output.shape, axis)
  const extent = parts.reduce((sum, part) => sum + part.shape[axis], 0)
  const leading = sizeOf(output.shape.slice(0, axis))
  const total = output.shape[axis] * inner
  let before = 0
  const cases = parts.map(part => {
    const size = part.shape[axis] * inner
    const element = operands.float(part, `lead * ${size}u + tail - ${unsigned(before)}`)
    before += size
    return `if (tail < ${before}u) { r = ${element}; }`
  })
  const [run, offset] = [extent * inner, start * inner]
  const take = cases.join(' else ')
  if (operands.isHalf(output) && [run, offset, total].every(size => size % 2 === 0)) {
    const body = `let tail = i % ${total}u - ${offset}u;
      let lead = i / ${total}u;
      ${take}`
    return pairsShader(operands, leading * run, at => {
      const place = `(${at}) / ${run}u * ${total}u + ${offset}u + (${at}) % ${run}u`
      return storePair(step, operands, place, body)
    })
  }
  const body = `let tail = i % ${run}u;
  let lead = i / ${run}u;
  var r = 0.0;
  ${take}
  ${operands.store(output, `lead * ${total}u + ${offset}u + tail`, 'r')}`
  return elementShader(operands, leading * run, body)
}

/** `[…, K, …]` at the indices along an axis. */
export const gather: Lower<'gather'> = (step, tools) => {
  const operands = tools.operands()
  const [x, indices] = step.inputs
  const { axis } = step.attributes
  const inner = innerOf(x.shape, axis)
  const [count, extent] = [indices.shape[0], x.shape[axis]]
  const body = `let index = ${operands.integer(indices, `(i / ${inner}u) % ${count}u`)};
  if (index < 0 || index >= ${extent}) { ${operands.fail()} }
  ${take(operands, x, `((i / ${inner * count}u) * ${extent}u + u32(clamp(index, 0, ${extent - 1}))) * ${inner}u + i % ${inner}u`)}`
  return [resultShader(step, operands, body)]
}

/**
 * The transpose of `gather`. Each element of the result looks for its index among all, so that sums have a fixed order
 * and need no atomic addition.
 */
export const scatterAdd: Lower<'scatterAdd'> = (step, tools) => {
  const operands = tools.operands()
  const [x, indices] = step.inputs
  const { axis, size } = step.attributes
  const inner = innerOf(x.shape, axis)
  const count = indices.shape[0]
  const body = `let own = i32((i / ${inner}u) % ${size}u);
  for (var k = 0u; k < ${count}u; k++) {
    let index = ${operands.integer(indices, 'k')};
    if (index < 0 || index >= ${size}) { ${operands.fail()} }
    if (index == own) { r += ${operands.float(x, `((i / ${inner * size}u) * ${count}u + k) * ${inner}u + i % ${inner}u`)}; }
  }`
  return [resultShader(step, operands, body)]
}

/** Reshapes are views: the plan has no step for them. */
export const reshape = (step: FusedStep): never => {
  throw new Error(`${step.op}: a view is not computed`)
}
