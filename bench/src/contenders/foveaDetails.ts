/** What Fovea's plan and profile say about a row: kernels with their shares of the time, and bytes that are moved. */
import {
  type CpuForm,
  type CpuPlan,
  type CpuStep,
  type Plan,
  type Step,
  type StepTime,
  stepInputs,
  type Winograd,
} from '../../../dist/debug.js'

/** Kernels of one kind. */
export interface KernelTime {
  /** `3×3 forward, winograd 4×4`, `max pooling`, … */
  readonly name: string
  /** Steps of the plan. */
  readonly count: number
  /** Multiply-adds of one run, on a CPU as the definition of the operation has them; 0 of what is not a contraction. */
  readonly multiplyAdds: number
  /** Milliseconds of one run: the sum of the medians. */
  readonly ms: number
}

/** A plan in numbers. */
export interface PlanDetails {
  /** Bytes of the plan's arena, of all threads' scratch included. */
  readonly arenaBytes: number
  /** Bytes that the steps read and write, whether from memory or from a cache. */
  readonly movedBytes: number
  /** Bytes that no plan could do without: inputs, outputs, and parameters once, twice when they are updated. */
  readonly leastBytes: number
  readonly kernels: readonly KernelTime[]
}

type Value = CpuStep['outputs'][number]

/** Numbers of a plan. @param times of the same program's steps, those of the preparation first */
export function detailsOf(plan: CpuPlan, times: readonly StepTime[], threads: number): PlanDetails {
  const steps = plan.groups.flatMap(group => group.steps)
  return {
    arenaBytes: plan.arenaBytes + plan.scratchBytes * threads,
    movedBytes: steps.reduce((sum, step) => sum + bytesOf(valuesOf(step)), 0),
    leastBytes: leastBytes(plan),
    kernels: kernelTimes(withoutPreparation(times, plan)),
  }
}

/** Bytes that no plan of a program could do without. */
export function leastBytes({ inputs, outputs, values, updates }: Plan): number {
  return (
    bytesOf(inputs) +
    bytesOf(Object.values(outputs)) +
    values.reduce((sum, { variable, bytes }) => sum + (variable ? bytes : 0), 0) +
    [...updates.values()].reduce((sum, tensor) => sum + bytesOf([tensor]), 0)
  )
}

const elementBytes = { f32: 4, i32: 4, u8: 1 } as const

function bytesOf(values: readonly Value[]): number {
  return values.reduce((sum, { shape, dtype }) => sum + shape.reduce((n, size) => n * size, elementBytes[dtype]), 0)
}

/** What a step reads and writes, each value once. */
const valuesOf = (step: CpuStep): Value[] => [...new Set([...stepInputs(step), ...step.outputs])]

function withoutPreparation(times: readonly StepTime[], { preparation }: CpuPlan): StepTime[] {
  const steps = [...new Set(times.map(({ step }) => step))]
  const ahead = new Set(steps.slice(0, preparation.flatMap(group => group.steps).length))
  return times.filter(({ step }) => !ahead.has(step))
}

/** How long something took that a step does, of any backend. */
export interface PartTime {
  readonly step: Step
  readonly multiplyAdds: number
  readonly milliseconds: number
}

/** Times of equal kernels together, the longest first. */
export function kernelTimes(times: readonly PartTime[]): KernelTime[] {
  const byName = new Map<string, KernelTime>()
  for (const { step, multiplyAdds, milliseconds } of times) {
    const name = nameOf(step as Step<CpuForm | Winograd>)
    const known = byName.get(name)
    byName.set(name, {
      name,
      count: (known?.count ?? 0) + 1,
      multiplyAdds: (known?.multiplyAdds ?? 0) + multiplyAdds,
      ms: (known?.ms ?? 0) + milliseconds,
    })
  }
  return [...byName.values()].sort((a, b) => b.ms - a.ms)
}

const convolutions: Readonly<Record<string, string>> = {
  conv2d: 'forward',
  conv2dInputGradient: 'gradient to input',
  conv2dWeightGradient: 'gradient to weights',
}

const names: Readonly<Record<string, string>> = {
  map: 'element-wise',
  matmul: 'matrix product',
  reduce: 'reduction',
  maxPool2d: 'max pooling',
  maxPool2dGradient: 'gradient of max pooling',
  averagePool2d: 'average pooling',
}

/** A convolution's stages and last kernel have one name on a CPU; without a method they are told apart by their input. */
function nameOf(step: Step<CpuForm | Winograd>): string {
  const { form } = step
  if (form?.kind === 'stage' || form?.kind === 'convolution') {
    const { op, attributes, operands, output } = form.task
    const [, , height, width] = op === 'conv2dWeightGradient' ? output : operands[1]
    const stride = attributes.stride[0] > 1 ? ` / ${attributes.stride[0]}` : ''
    return `${height}×${width}${stride} ${convolutions[op]}, ${form.method.name}`
  }
  const kind = convolutions[step.op]
  if (kind === undefined) return names[step.op] ?? step.op
  const stage = form?.kind === 'winograd' ? `, ${form.name}` : ''
  const { shape } = form?.kind === 'winograd' ? { shape: form.spec.source } : step.inputs[0]
  return `${kind}, ${step.op === 'conv2dInputGradient' ? 'from' : 'with'} ${shape.slice(1).join('×')}${stage}`
}
