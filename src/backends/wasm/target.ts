/** What the engine asks of a plan: blocks its kernels have lanes for, and how each convolution is computed. */
import type { PlanOptions } from '../../plan/plan.ts'
import { chooseMethod } from './kernels/channels/methods.ts'
import { termSumsBytes } from './kernels/samples/termSums.ts'
import { registerTile } from './runtime/features.ts'

/** Block sizes the kernels have lanes for: sixteen samples are four vectors, the widest tile that fits the registers. */
export const wasmBlockSizes = [16, 8, 4] as const

/** What decides how values lie and what computes them. */
interface LayoutChoices {
  readonly innermost?: 'samples' | 'channels'
  readonly winograd?: boolean
  /** Whether kernels are written for wide vectors. */
  readonly wide?: boolean
}

/** Options of every plan of an engine. */
export function wasmPlanOptions({ innermost, winograd = true, wide = false }: LayoutChoices = {}): PlanOptions {
  const tile = registerTile(wide)
  return {
    blockSizes: wasmBlockSizes,
    convolutions: task => chooseMethod(task, { winograd, tile }),
    ...(innermost && { innermost }),
    ...(wide && { workspace: termSumsBytes }),
  }
}
