/** What computes, in words. */
import type { EngineDescription } from '../backends/engine.ts'

/** `2 threads, SIMD: relaxed, wide`. */
export function engineText({ threads, simd, wide }: EngineDescription): string {
  const vectors = wide === undefined ? '' : wide.on ? ', wide' : ` (not wide: ${wide.reason})`
  return `${threads} thread${threads === 1 ? '' : 's'}, SIMD: ${simd}${vectors}`
}
