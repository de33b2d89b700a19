/** The target of plans for WebAssembly: block sizes its kernels have lanes for, and how to compute each convolution. */
import type { Target } from '../../plan/target.ts'
import type { CpuForm } from '../cpu/layouts/form.ts'
import { cpuTarget } from '../cpu/target.ts'
import type { VectorLanes } from './emit/lanes.ts'
import { chooseMethod } from './kernels/channels/methods.ts'
import { termSumsBytes } from './kernels/samples/termSums.ts'
import { nativeTile, registerTile } from './runtime/features.ts'

/**
 * Block sizes the kernels have lanes for: sixteen samples are four vectors, the widest tile that fits the registers.
 */
export const wasmBlockSizes = [16, 8, 4] as const

/** What decides the layout of values and the kernels that compute them. */
interface TargetOptions {
  readonly innermost?: 'samples' | 'channels'
  readonly winograd?: boolean
  /** Whether kernels are written for wide vectors. */
  readonly wide?: boolean
  /** Lanes of the longest vectors of native code, if kernels are such. */
  readonly native?: VectorLanes
}

/** The target of every plan of an engine. */
export function wasmTarget({ innermost, winograd = true, wide = false, native }: TargetOptions = {}): Target<CpuForm> {
  const tile = native ? nativeTile(native) : registerTile(wide)
  return cpuTarget({
    blockSizes: wasmBlockSizes,
    convolutions: task => chooseMethod(task, { winograd, tile }),
    ...(innermost && { innermost }),
    ...(wide && { workspace: termSumsBytes }),
  })
}
