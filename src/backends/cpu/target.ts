/** The target of plans for a CPU: cache lines, and layouts whose lanes are samples or channels. */
import { align } from '../../plan/place.ts'
import type { Target } from '../../plan/target.ts'
import type { CpuForm } from './layouts/form.ts'
import { type CpuLayoutOptions, cpuLayout } from './layouts/layout.ts'

/** Alignment of every value, in bytes: a cache line, so that threads writing neighbors do not share one. */
export const cacheLine = 64

/** Rounds up to whole cache lines. */
export const alignToLines = (bytes: number): number => align(bytes, cacheLine)

/** Options of {@link cpuTarget}. */
export interface CpuTargetOptions extends CpuLayoutOptions {
  /** Bytes of scratch that each thread needs for any step; convolution methods may need more. 0 by default. */
  readonly workspace?: number
}

/** The target of a backend that computes on the CPU. */
export function cpuTarget({ workspace = 0, ...options }: CpuTargetOptions): Target<CpuForm> {
  return { alignment: cacheLine, workspace, layOut: program => cpuLayout(program, options) }
}
