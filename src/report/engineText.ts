/** What computes, in words. */
import type { EngineDescription } from '../backends/engine.ts'

/** `2 threads, SIMD: relaxed, wide`. Why vectors are not wide is told by `fovea doctor`. */
export function engineText({ threads, simd, wide }: EngineDescription): string {
  const vectors = wide?.on ? ', wide' : ''
  return `${threads} thread${threads === 1 ? '' : 's'}, SIMD: ${simd}${vectors}`
}
