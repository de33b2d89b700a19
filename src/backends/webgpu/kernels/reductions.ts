/**
 * Reductions. What is folded into one result is cut into parts when the results alone would not fill a GPU: each part
 * is folded on its own, then the parts, in their order. Where folded elements are neighbors in memory, the lanes of a
 * workgroup take one each and fold their results in a tree; else every invocation folds a part alone, next to others
 * that read the neighbors. A pair of sums is folded at once (`pairs.ts`).
 */
import { sizeOf, stridesOf } from '../../../graph/shape.ts'
import type { StepOf } from '../../../plan/step.ts'
import { foldedShape, membersOf } from '../pairs.ts'
import { printExpression } from '../wgsl/expression.ts'
import { type Axes, broadcastIndex, mergeAxes, stridedIndex, unsigned } from '../wgsl/indexing.ts'
import type { Operands } from '../wgsl/operands.ts'
import {
  type Dispatch,
  elementShader,
  lanes,
  resultShader,
  shaderOf,
  spread,
  storeResult,
  workgroupNumber,
} from '../wgsl/shader.ts'
import type { Hardware, Lower } from './kernel.ts'
import { foldings, laneFold, laneMemory } from './lanes.ts'

/** How a reduction is computed. */
interface Method {
  readonly kept: Axes
  readonly folded: Axes
  /** Number of results, and of elements that each folds. */
  readonly results: number
  readonly length: number
  /** Whether a workgroup folds a part, instead of an invocation. */
  readonly together: boolean
  /** Parts that are folded separately. */
  readonly parts: number
  /** Elements of a part; the last may have fewer. */
  readonly share: number
}

/** A large GPU has this many lanes at work. */
const manyInvocations = 16_384
/** Fewest elements worth an invocation of their own. */
const fewestElements = 16

/** Decides by shapes. */
function methodOf(step: StepOf<'reduce'>, { parallel }: Hardware): Method {
  const shape = foldedShape(step)
  const strides = stridesOf(shape)
  const axesWhere = (wanted: boolean): Axes => {
    const chosen = shape.map((_, axis) => axis).filter(axis => step.attributes.axes.includes(axis) === wanted)
    return mergeAxes({ sizes: chosen.map(axis => shape[axis]), strides: chosen.map(axis => strides[axis]) })
  }
  const [kept, folded] = [axesWhere(false), axesWhere(true)]
  const [results, length] = [sizeOf(kept.sizes), sizeOf(folded.sizes)]
  if (!parallel) return { kept, folded, results, length, together: false, parts: 1, share: length }
  const together = folded.strides.at(-1) === 1 && length >= 2 * lanes
  const each = together ? lanes : 1
  const wanted = Math.ceil(manyInvocations / (results * each))
  const most = Math.ceil(length / (each * fewestElements))
  const share = Math.ceil(length / Math.max(1, Math.min(wanted, most)))
  return { kept, folded, results, length, together, parts: Math.ceil(length / share), share }
}

/** Bytes of the results of all parts of one reduction. */
export function reduceWorkspace(step: StepOf<'reduce'>, hardware: Hardware): number {
  const { parts, results } = methodOf(step, hardware)
  return parts > 1 ? parts * results * Float32Array.BYTES_PER_ELEMENT : 0
}

export const reduce: Lower<'reduce'> = (step, tools) => {
  const method = methodOf(step, tools)
  const { parts, results } = method
  const members = membersOf(step)
  const operands = tools.operands()
  const first = method.together ? foldTogether(members, method, operands, tools) : foldAlone(members, method, operands)
  if (parts === 1) return [first]
  const last = tools.operands()
  const sums = members.map((member, m) => {
    const { start, join } = foldings[member.attributes.fn]
    const read = last.workspace(`${unsigned(m * parts * results)} + k * ${results}u + i`)
    return `var r${m} = ${start};
  for (var k = 0u; k < ${parts}u; k++) { r${m} = ${join(`r${m}`, read)}; }
  ${storeResult(member, last, 'i', `r${m}`)}`
  })
  return [first, elementShader(last, results, sums.join('\n  '))]
}

/** The reductions that a dispatch does at once, one or two: number m folds into `r{m}`. */
type Members = readonly StepOf<'reduce'>[]

/** Statements that fold the element at memory index `at` into the results. */
const foldElement = (members: Members, operands: Operands): string =>
  members
    .map(({ prologue, inputs, attributes }, m) => {
      const { join } = foldings[attributes.fn]
      if (!prologue) return `r${m} = ${join(`r${m}`, operands.float(inputs[0], 'at'))};`
      const { statements, value } = printExpression(
        prologue.expression,
        index => operands.float(inputs[index], broadcastIndex(inputs[index].shape, prologue.shape, 'at')),
        `p${m}_`,
      )
      return `${statements}\n    r${m} = ${join(`r${m}`, value)};`
    })
    .join('\n    ')

const declareResults = (members: Members): string =>
  members.map(({ attributes }, m) => `var r${m} = ${foldings[attributes.fn].start};`).join(' ')

/** Statements that store the results of a part, or those of all. */
const storeAll = (
  members: Members,
  { parts, results }: Method,
  operands: Operands,
  number: string,
  name: (m: number) => string,
): string =>
  members
    .map((member, m) =>
      parts === 1
        ? storeResult(member, operands, number, name(m))
        : `${operands.workspace(`${unsigned(m * parts * results)} + ${number}`)} = ${name(m)};`,
    )
    .join('\n  ')

/** Every invocation folds one part of one result. */
function foldAlone(members: Members, method: Method, operands: Operands): Dispatch {
  const { kept, folded, results, length, parts, share } = method
  const [first, end] =
    parts === 1 ? ['0u', unsigned(length)] : [`part * ${share}u`, `min((part + 1u) * ${share}u, ${length}u)`]
  const body = `let part = i / ${results}u;
  let result = i % ${results}u;
  ${declareResults(members)}
  let base = ${stridedIndex('result', kept)};
  for (var j = ${first}; j < ${end}; j++) {
    let at = base + ${stridedIndex('j', folded)};
    ${foldElement(members, operands)}
  }
  ${storeAll(members, method, operands, 'i', m => `r${m}`)}`
  return elementShader(operands, parts * results, body)
}

/** Every workgroup folds one part of one result. */
function foldTogether(members: Members, method: Method, operands: Operands, hardware: Hardware): Dispatch {
  const { kept, folded, results, length, parts, share } = method
  const body = `let number = ${workgroupNumber};
  if (number >= ${parts * results}u) { return; }
  let result = number % ${results}u;
  let part = number / ${results}u;
  let base = ${stridedIndex('result', kept)};
  ${declareResults(members)}
  for (var j = part * ${share}u + lane; j < min((part + 1u) * ${share}u, ${length}u); j += ${lanes}u) {
    let at = base + ${stridedIndex('j', folded)};
    ${foldElement(members, operands)}
  }
  ${members.map((_, m) => `let all${m} = foldLanes(lane, r${m});`).join(' ')}
  if (lane == 0u) { ${storeAll(members, method, operands, 'number', m => `all${m}`)} }`
  return shaderOf(operands, {
    body,
    declarations: `${laneMemory}\n${laneFold('foldLanes', members[0].attributes.fn, hardware)}`,
    workgroups: spread(parts * results),
  })
}

/** The first largest element along an axis; a NaN is the largest. */
export const argmax: Lower<'argmax'> = (step, tools) => {
  const operands = tools.operands()
  const [x] = step.inputs
  const { axis } = step.attributes
  const inner = sizeOf(x.shape.slice(axis + 1))
  const extent = x.shape[axis]
  const body = `let start = (i / ${inner}u) * ${extent * inner}u + i % ${inner}u;
  var largest = ${operands.float(x, 'start')};
  for (var k = 1u; k < ${extent}u && !isNan(largest); k++) {
    let e = ${operands.float(x, `start + k * ${inner}u`)};
    if (e > largest || isNan(e)) { q = i32(k); largest = e; }
  }`
  return [resultShader(step, operands, body)]
}
