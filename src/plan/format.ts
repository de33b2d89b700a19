/** The plan as text: one line per step, with places, bytes and multiply-adds. */

import { formatExpression } from '../graph/expression.ts'
import { formatShape } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatDecimalBytes } from '../text/format.ts'
import type { Plan } from './plan.ts'
import { operandsOf, type Step, storageOf } from './step.ts'

/** Multiply-adds: 1234567 → `1.23 M`. */
function formatWork(count: number): string {
  if (count < 1000) return String(count)
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} k` : `${(count / 1e6).toFixed(2)} M`
}

/** Text of a plan. Values without a label are numbered in the order of their computation. */
export function formatPlan(plan: Plan): string {
  const steps = [...plan.preparation, ...plan.groups].flatMap(group => group.steps)
  const names = namesOf(steps)
  const lines = [
    `plan: ${counted(steps.length, 'step')} in ${counted(plan.groups.length, 'group')}, ` +
      `${formatWork(plan.multiplyAdds)} multiply-adds`,
    `memory: arena ${formatDecimalBytes(plan.arenaBytes)}, scratch ${formatDecimalBytes(plan.scratchBytes)} per thread`,
    ...plan.inputs.map(
      input => `input: ${names(input)} ${input.dtype} ${formatShape(input.shape)} ${placeOf(plan, input)}`,
    ),
  ]
  if (plan.preparation.length > 0) lines.push('', 'ahead of the runs:')
  for (const step of plan.preparation.flatMap(group => group.steps)) lines.push(`  ${formatStep(plan, step, names)}`)
  plan.groups.forEach((group, index) => {
    const how =
      group.kind === 'blocked'
        ? `for each of ${counted(plan.blocks, 'block')} of ${counted(plan.block, 'sample')}`
        : 'split between threads'
    lines.push('', `group ${index}: ${how}`)
    for (const step of group.steps) lines.push(`  ${formatStep(plan, step, names)}`)
  })
  return lines.join('\n')
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** The name of a value in the text. */
type Names = (tensor: Tensor) => string

/** A view has the name of its storage. Two values with one label (a value and its rows, say) get different names. */
function namesOf(steps: readonly Step[]): Names {
  const names = new Map<Tensor, string>()
  const taken = new Set<string>()
  let unnamed = 0
  for (const tensor of steps.flatMap(step => step.outputs)) {
    let name = tensor.label || `%${++unnamed}`
    while (taken.has(name)) name += "'"
    taken.add(name)
    names.set(tensor, name)
  }
  return tensor => {
    const storage = storageOf(tensor)
    const { source, shape } = storage
    if (source?.kind === 'variable') return source.variable.name
    if (source?.kind === 'constant')
      return source.values.length === 1 ? String(source.values[0]) : `constant${formatShape(shape)}`
    return names.get(storage) ?? storage.label ?? '?'
  }
}

function formatStep(plan: Plan, step: Step, names: Names): string {
  const { outputs, multiplyAdds, form } = step
  const extent = form?.extent === undefined ? '' : `${form.extent} `
  const right = [
    outputs.map(tensor => `${extent}${formatShape(tensor.shape)} ${placeOf(plan, tensor)}`).join(' and '),
    ...(multiplyAdds > 0 ? [`${formatWork(multiplyAdds)} multiply-adds`] : []),
  ]
  return `${outputs.map(names).join(', ')} = ${callOf(step, names)}  ·  ${right.join('  ·  ')}`
}

/** `scratch+4096 (2.1 kB)`. */
function placeOf(plan: Plan, tensor: Tensor): string {
  const value = plan.value(tensor)
  if (!value) return 'unused'
  const where = value.variable
    ? `variable ${value.variable.name}`
    : value.space === 'kept'
      ? 'kept'
      : `${value.space}+${value.offset}`
  return `${where} (${formatDecimalBytes(value.bytes)}${value.layout === 'rows' ? '' : `, ${value.layout}`})`
}

function callOf(step: Step, names: Names): string {
  if (step.op === 'map') {
    return formatExpression(step.attributes.expression, index => names(step.inputs[index]))
  }
  const call = operationOf(step, names)
  const { epilogue } = step
  if (!epilogue) return call
  return formatExpression(epilogue.expression, index => (index === 0 ? call : names(epilogue.inputs[index - 1])))
}

/** `matmul(a, bᵀ)`, `sum(x over axes 0, 2, 3)`, `conv2d(x, w)`. */
function operationOf(step: Step, names: Names): string {
  const inputs = operandsOf(step).map(names)
  const { op, form } = step
  if (form?.name !== undefined) return `${form.name}(${inputs.join(', ')})`
  switch (op) {
    case 'matmul': {
      const { transposeA, transposeB } = step.attributes
      return `matmul(${inputs[0]}${transposeA ? 'ᵀ' : ''}, ${inputs[1]}${transposeB ? 'ᵀ' : ''})`
    }
    case 'reduce': {
      const { fn, axes } = step.attributes
      return `${fn}(${inputs[0]} over ${axes.length === 1 ? 'axis' : 'axes'} ${axes.join(', ')})`
    }
    default:
      return `${op}(${inputs.join(', ')})`
  }
}
