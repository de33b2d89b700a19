/** The options of a WebAssembly engine, and its description. */
import type { EngineDescription } from '../engine.ts'
import type { NativeChoice, NativeKernels } from '../native/choice.ts'
import type { WideChoice, WideVectors } from './runtime/wideChoice.ts'

/** Options of `createWasmEngine`. */
export interface WasmEngineOptions {
  /**
   * Most threads that compute; `FOVEA_THREADS` or all cores by default. Only one where memory cannot be shared or
   * workers cannot start; the engine's description says why. Programs that take less time than waking threads run on
   * one.
   */
  readonly threads?: number
  /**
   * True to avoid relaxed SIMD, whose fused multiply-add may round differently from machine to machine: results are
   * then the same everywhere, bit for bit. False by default.
   */
  readonly precise?: boolean
  /**
   * Which values are innermost in volumes: samples, which suit networks with few channels on large batches, or
   * channels. Chosen for each program by default.
   */
  readonly innermost?: 'samples' | 'channels'
  /**
   * Whether V8 may join pairs of vectors into 256-bit ones. This about doubles the speed of convolutions, but relies on
   * a compiler pass that V8 calls experimental. It needs Node 24 or later and a processor with AVX2. `'auto'` uses wide
   * vectors where they are available, `'on'` insists. Each kernel is checked against its build without wide vectors
   * before it is used; if one differs, the engine warns and goes on without wide vectors. They do not change a kernel's
   * results, but other kernels, which round differently, may then be the fastest; so `'auto'` does not use them with
   * `precise`. `'off'` by default.
   */
  readonly wide?: WideChoice
  /**
   * Whether kernels are machine code instead of WebAssembly. It needs Linux, a processor with AVX2, and Node 26 or the
   * package koffi. `'auto'` uses it where it is available, except with `precise`; `'on'` insists. `'off'` by default.
   */
  readonly native?: NativeChoice
  /**
   * False to avoid Winograd's algorithm, which is used for 3×3 and 5×5 convolutions where it is faster and rounds a
   * little more. True by default.
   */
  readonly winograd?: boolean
}

/** How a WebAssembly engine computes. */
export interface WasmDescription extends EngineDescription {
  readonly backend: 'wasm'
  /** Threads available to a program; small programs run on one. Final once one that is not has run. */
  readonly threads: number
  /** Why there is only one thread, if there cannot be more. */
  readonly alone?: string
  /** `relaxed` (fused multiply-add), or `precise` (no relaxed SIMD). */
  readonly simd: 'relaxed' | 'precise'
  /** Whether 256-bit vectors are in use, and why (not); absent when they were not requested. */
  readonly wide?: WideVectors
  /** Whether kernels are machine code, and why (not); absent when that was not requested. */
  readonly native?: NativeKernels
}
