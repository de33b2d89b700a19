/** The target of plans for WebGPU: all values are row-major, and most stores can do element-wise work. */
import type { OpName } from '../../graph/table.ts'
import { makePlan, type Plan } from '../../plan/plan.ts'
import type { Program } from '../../plan/program.ts'
import { rowsLayout } from '../../plan/rowsLayout.ts'
import type { KernelTraits, Target } from '../../plan/target.ts'
import type { Hardware } from './kernels/kernel.ts'
import { workspaceOf } from './kernels/table.ts'

/** What bindings of a buffer must begin at on every device, in bytes. */
const bindingAlignment = 256

/** Operations whose kernel stores f32 only, element by element. */
const epilogues: ReadonlySet<OpName> = new Set<OpName>([
  'averagePool2d',
  'averagePool2dGradient',
  'conv2d',
  'conv2dInputGradient',
  'conv2dWeightGradient',
  'matmul',
  'maxPool2d',
  'maxPool2dGradient',
  'random',
  'reduce',
])

/** A program's plan. */
export function planFor(program: Program, hardware: Hardware): Plan<never> {
  // A step may also bind its result, and its switches or its scratch.
  const kernels: KernelTraits = {
    epilogues,
    prologues: true,
    floatsOnly: new Set(),
    mostInputs: hardware.mostBindings - 2,
  }
  const target: Target<never> = {
    alignment: bindingAlignment,
    layOut(program) {
      const choice = rowsLayout(program, kernels)
      return { ...choice, steps: choice.steps.map(step => ({ ...step, workspace: workspaceOf(step, hardware) })) }
    },
  }
  return makePlan(program, target)
}
