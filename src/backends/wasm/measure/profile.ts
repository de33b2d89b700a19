/** Times a program step by step, for the engine's `profile`. */

import type { CpuStep } from '../../cpu/layouts/form.ts'
import type { MeasuredCall } from '../codegen.ts'
import type { TileShape } from '../emit/tile.ts'

/** Time of one kernel call of a step, measured separately. */
export interface StepTime {
  readonly step: CpuStep
  /** Key of the kernel: calls with equal keys run the same code. */
  readonly kernel: string
  /** Bytes of the kernel's code and of the functions it calls. */
  readonly codeBytes: number
  /** For contractions: rows and columns of the kernel's register tile. */
  readonly tile?: TileShape
  /** Whether the step runs ahead of the runs instead of in each run. */
  readonly ahead: boolean
  readonly multiplyAdds: number
  readonly milliseconds: number
}

/** A kernel call that can be run. */
export interface RunnableCall extends MeasuredCall {
  readonly run: (arena: number, scratch: number) => void
}

/** Warm-up runs before those that count: caches fill, and a browser's compiler takes its time. */
const warmUp = 10

/** Times the calls one by one: medians of `repeats` runs, after at most as many warm-up runs. */
export function timeCalls(
  calls: readonly RunnableCall[],
  [arena, scratch]: readonly [arena: number, scratch: number],
  repeats: number,
): StepTime[] {
  return calls.map(({ step, ahead, kernel: { key, codeBytes, tile }, run }) => {
    const first = Math.min(warmUp, repeats)
    const times = Array.from({ length: first + repeats }, () => {
      const started = performance.now()
      run(arena, scratch)
      return performance.now() - started
    })
    const settled = times.slice(first).sort((a, b) => a - b)
    const milliseconds = settled[settled.length >> 1]
    return { step, kernel: key, codeBytes, ...(tile && { tile }), ahead, multiplyAdds: step.multiplyAdds, milliseconds }
  })
}
