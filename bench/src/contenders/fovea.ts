/**
 * Fovea: the LeNet-5 training step of the built package (`../dist`, made by the bench's build).
 *
 * Besides the steps it answers `details` (what the plan says, and how fast each convolution kernel is) and, as a
 * process of its own, `epoch` (one epoch of real MNIST, loading and shuffling included).
 */
import { type Contender, serve } from '../protocol.ts'

/** A kernel of the training step, timed on its own. */
export interface KernelTime {
  /** `conv1`, `conv1 gradient to weights`, … */
  readonly name: string
  /** Multiply-adds of one run. */
  readonly multiplyAdds: number
  /** Median milliseconds of one run. */
  readonly ms: number
}

/** Answer to `details`. */
export interface FoveaDetails {
  /** Tracing, planning and assembling the step's kernels, in milliseconds. */
  readonly planMs: number
  /** Bytes of the plan's arena, of all threads' scratch included. */
  readonly arenaBytes: number
  /** What computes: backend and SIMD level. */
  readonly engine: string
  readonly kernels: readonly KernelTime[]
}

/** Answer to `epoch`. */
export interface FoveaEpoch {
  readonly ms: number
  readonly images: number
}

async function open(): Promise<Contender> {
  throw new Error('the training step is not connected to the bench yet')
}

await serve(open)
