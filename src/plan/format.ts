/** The plan as text: one line a step, with places, bytes and multiply-adds. */
import { formatExpression } from '../graph/expression.ts'
import type { MapAttributes } from '../graph/ops/map.ts'
import { formatShape } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Plan } from './plan.ts'
import { type Step, stepOutputs, storageOf } from './steps.ts'

/** 1234567 → `1.2 MB`. Powers of ten, as memory is stated in the lectures. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** 1234567 → `1.23 M`. */
export function formatCount(count: number): string {
  if (count < 1000) return String(count)
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} k` : `${(count / 1e6).toFixed(2)} M`
}

/** Text of a plan. */
export function formatPlan(plan: Plan): string {
  const lines = [
    `plan: ${plan.groups.reduce((sum, group) => sum + group.steps.length, 0)} steps in ${plan.groups.length} groups, ` +
      `${formatCount(plan.multiplyAdds)} multiply-adds`,
    `memory: arena ${formatBytes(plan.arenaBytes)}, scratch ${formatBytes(plan.scratchBytes)} per thread`,
  ]
  plan.groups.forEach((group, index) => {
    const how =
      group.kind === 'blocked'
        ? `for each of ${plan.blocks} blocks of ${plan.block} ${plan.block === 1 ? 'sample' : 'samples'}`
        : 'split between threads'
    lines.push('', `group ${index}: ${how}`)
    for (const step of group.steps) lines.push(`  ${formatStep(plan, step)}`)
  })
  return lines.join('\n')
}

function formatStep(plan: Plan, step: Step): string {
  const work = plan.multiplyAddsOf(step)
  const right = [
    stepOutputs(step)
      .map(tensor => `${step.partial ? 'partial ' : ''}${formatShape(tensor.shape)} ${placeOf(plan, tensor)}`)
      .join(' and '),
    ...(work > 0 ? [`${formatCount(work)} multiply-adds`] : []),
  ]
  return `${stepOutputs(step).map(nameOf).join(', ')} = ${callOf(step)}  ·  ${right.join('  ·  ')}`
}

/** `scratch+4096 (2.1 kB)`. */
function placeOf(plan: Plan, tensor: Tensor): string {
  const value = plan.value(tensor)
  if (!value) return 'unused'
  const where = value.variable ? `variable ${value.variable.name}` : `${value.space}+${value.offset}`
  return `${where} (${formatBytes(value.bytes)}${value.layout === 'blocked' ? ', blocked' : ''})`
}

function nameOf(tensor: Tensor): string {
  if (tensor.source?.kind === 'variable') return tensor.source.variable.name
  const storage = storageOf(tensor)
  return tensor.label || storage.label || `%${storage.id}`
}

function callOf(step: Step): string {
  if (step.op === 'map') {
    return formatExpression((step.attributes as MapAttributes).expression, index => nameOf(step.inputs[index]))
  }
  const call = `${step.op}(${step.inputs.map(nameOf).join(', ')})`
  const { epilogue } = step
  if (!epilogue) return call
  return formatExpression(epilogue.expression, index => (index === 0 ? call : nameOf(epilogue.inputs[index - 1])))
}
