/** Softmax with cross-entropy: a workgroup takes a row of logits, in passes for its maximum, its sum and its result. */
import type { StepOf } from '../../../plan/step.ts'
import type { Operands } from '../wgsl/operands.ts'
import { type Dispatch, lanes, shaderOf, spread, storeResult, workgroupNumber } from '../wgsl/shader.ts'
import type { Hardware, Lower } from './kernel.ts'
import { foldings, laneFold, laneMemory } from './lanes.ts'

/** −log softmax(logits)[label] of every row. */
export const softmaxCrossEntropy: Lower<'softmaxCrossEntropy'> = (step, tools) => {
  const operands = tools.operands()
  const classes = step.inputs[0].shape[1]
  const own = operands.float(step.inputs[0], `row * ${classes}u + u32(clamp(label, 0, ${classes - 1}))`)
  const finish = `if (lane == 0u) ${storeResult(step, operands, 'row', `logarithm(total) - (${own} - largest)`)}`
  return [rowShader(step, operands, tools, finish)]
}

/** (softmax(logits) − one-hot label) · upstream. */
export const softmaxCrossEntropyGradient: Lower<'softmaxCrossEntropyGradient'> = (step, tools) => {
  const operands = tools.operands()
  const [logits, , upstream] = step.inputs
  const classes = logits.shape[1]
  const share = `exponential(${operands.float(logits, 'at')} - largest) / total`
  const value = `(${share} - select(0.0, 1.0, i32(k) == label)) * ${operands.float(upstream, 'row')}`
  const finish = `for (var k = lane; k < ${classes}u; k += ${lanes}u) {
    let at = row * ${classes}u + k;
    ${storeResult(step, operands, 'at', value)}
  }`
  return [rowShader(step, operands, tools, finish)]
}

/** Gives `finish` the `row`, its `label`, its `largest` logit, and the `total` of exp(logit − largest). */
function rowShader(
  { inputs: [logits, labels] }: StepOf<'softmaxCrossEntropy'> | StepOf<'softmaxCrossEntropyGradient'>,
  operands: Operands,
  hardware: Hardware,
  finish: string,
): Dispatch {
  const [rows, classes] = logits.shape
  const overRow = (statement: string): string =>
    `for (var k = lane; k < ${classes}u; k += ${lanes}u) { let e = ${operands.float(logits, `row * ${classes}u + k`)}; ${statement} }`
  const body = `let row = ${workgroupNumber};
  if (row >= ${rows}u) { return; }
  let label = ${operands.integer(labels, 'row')};
  if (label < 0 || label >= ${classes}) { ${operands.fail()} }
  var most = ${foldings.max.start};
  ${overRow(`most = ${foldings.max.join('most', 'e')};`)}
  let largest = foldMaximum(lane, most);
  var sum = 0.0;
  ${overRow('sum += exponential(e - largest);')}
  let total = foldSum(lane, sum);
  ${finish}`
  return shaderOf(operands, {
    body,
    declarations: `${laneMemory}\n${laneFold('foldMaximum', 'max', hardware)}\n${laneFold('foldSum', 'sum', hardware)}`,
    workgroups: spread(rows),
  })
}
