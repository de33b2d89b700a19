/** The options of a WebGPU engine, and its description. */
import type { EngineDescription } from '../engine.ts'

/** Options of `createWebGPUEngine`. */
export interface WebGPUEngineOptions {
  /** Which of several graphics processors: the fast one, by default, or the one that saves energy. */
  readonly power?: 'high-performance' | 'low-power'
  /** Impossible here: see `createWebGPUEngine`. For programs that pass the options of any backend. */
  readonly precise?: boolean
}

/** How a WebGPU engine computes. */
export interface WebGPUDescription extends EngineDescription {
  readonly backend: 'webgpu'
  /** The graphics processor as its driver names it; browsers may tell only vendor and architecture. */
  readonly adapter: WebGPUAdapter
}

/** A graphics processor with its driver. */
export interface WebGPUAdapter {
  readonly name: string
  readonly vendor: string
  readonly architecture: string
  /** Whether it is a processor that acts as one: for tests, not for speed. */
  readonly software: boolean
}
