/** The target of plans for WebGPU: all values are row-major, most stores can do element-wise work, and sums are paired. */
import { byteSizeOf } from '../../graph/shape.ts'
import type { OpName } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { makePlan } from '../../plan/plan.ts'
import type { Program } from '../../plan/program.ts'
import { rowsLayout } from '../../plan/rowsLayout.ts'
import { storageOf } from '../../plan/step.ts'
import type { KernelTraits, Target } from '../../plan/target.ts'
import { halfLayout, halfValues } from './half.ts'
import type { Hardware } from './kernels/kernel.ts'
import { workspaceOf } from './kernels/table.ts'
import { type DeviceForm, type DevicePlan, pairReductions } from './pairs.ts'
import { withWinograd } from './winograd.ts'

/** What bindings of a buffer must begin at on every device, in bytes. */
export const bindingAlignment = 256

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
export function planFor(program: Program, hardware: Hardware): DevicePlan {
  // A step may also bind its result, and its switches or its scratch.
  const kernels: KernelTraits = {
    epilogues,
    prologues: true,
    floatsOnly: new Set(),
    mostInputs: hardware.mostBindings - 2,
  }
  const target: Target<DeviceForm> = {
    alignment: bindingAlignment,
    span: hardware.span,
    layOut(program) {
      const choice = rowsLayout(program, kernels)
      const staged = withWinograd(choice.steps, program.updates, hardware)
      const known = staged.map(step => ({ ...step, workspace: workspaceOf(step, hardware) }))
      const kept = new Set([...choice.updates.values()].map(storageOf))
      // Of the values as the program has them: what Winograd's algorithm transforms needs all of its digits.
      const half = hardware.half ? halfValues(choice) : new Set<Tensor>()
      return {
        ...choice,
        steps: pairReductions(known, kept, hardware.mostBindings),
        layoutOf: tensor => (half.has(tensor) ? halfLayout : choice.layoutOf(tensor)),
        bytesOf: tensor => byteSizeOf(tensor) / (half.has(tensor) ? 2 : 1),
      }
    },
  }
  return makePlan(program, target)
}
