/** What a WebAssembly engine can be asked for, and what it says of itself. */
import type { EngineDescription } from '../engine.ts'
import type { WideChoice, WideVectors } from './runtime/wideChoice.ts'

/** Options of `createWasmEngine`. */
export interface WasmEngineOptions {
  /**
   * Most threads that compute; all cores by default, or `FOVEA_THREADS`. One where memory cannot be shared or workers cannot
   * start; the engine's description says why. Programs that take less time than it takes to wake threads run on one.
   */
  readonly threads?: number
  /**
   * True to leave out relaxed SIMD, whose fused multiply-add may round differently from machine to machine: results
   * are then the same bits everywhere. False by default.
   */
  readonly precise?: boolean
  /**
   * Which values lie innermost in volumes: samples, which suits networks of few channels on large batches, or channels.
   * Chosen for each program by default.
   */
  readonly innermost?: 'samples' | 'channels'
  /**
   * Whether V8 may join pairs of vectors into 256-bit ones, which about doubles the speed of convolutions, with a compiler
   * pass that V8 calls experimental: Node from version 24 on, processors with AVX2. `'auto'` takes them where they are, `'on'`
   * insists. Before a kernel is used it is checked against its build without wide vectors; should one differ, the engine
   * warns and goes on without. A kernel's results do not change; but others may be the fastest, which round otherwise, so
   * `'auto'` leaves them with `precise`. `'off'` by default.
   */
  readonly wide?: WideChoice
  /** False to leave out Winograd's algorithm for convolutions of 3×3 and 5×5, where it is faster, which rounds a little more. True by default. */
  readonly winograd?: boolean
}

/** How a WebAssembly engine computes. */
export interface WasmDescription extends EngineDescription {
  readonly backend: 'wasm'
  /** Threads there are for a program; small ones run on one. Final once a program has been compiled. */
  readonly threads: number
  /** Why there is only one thread, where there cannot be more. */
  readonly alone?: string
  /** `relaxed` (fused multiply-add), or `precise` (no relaxed SIMD). */
  readonly simd: 'relaxed' | 'precise'
  /** Whether 256-bit vectors are in use, and why (not); absent when they were not asked for. */
  readonly wide?: WideVectors
}
