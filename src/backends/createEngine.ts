/** Chooses a backend by name. */
import type { Engine } from './engine.ts'
import { createReferenceEngine } from './reference/engine.ts'
import { createWasmEngine, type WasmEngineOptions } from './wasm/engine.ts'

/** Options of {@link createEngine}. */
export interface EngineOptions extends WasmEngineOptions {
  /** `wasm` by default; `reference` computes with plain loops in double precision. */
  readonly backend?: 'wasm' | 'reference'
}

/**
 * Starts an engine. Close it when done: its threads never keep a finished process alive, but its memory stays.
 * @throws Error when `threads` is not a whole number from 1 to 64.
 * @example const engine = createEngine({ threads: 2 })
 */
export function createEngine({ backend = 'wasm', ...options }: EngineOptions = {}): Engine {
  return backend === 'reference' ? createReferenceEngine() : createWasmEngine(options)
}
