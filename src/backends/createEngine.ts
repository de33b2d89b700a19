/** Chooses a backend by name. */
import { type BackendName, backendNames, type Engine } from './engine.ts'
import { createReferenceEngine } from './reference/engine.ts'
import { createWasmEngine, type WasmEngine } from './wasm/engine.ts'
import type { WasmEngineOptions } from './wasm/options.ts'

/** The WebAssembly backend, which is the default, with its options. */
export interface WasmBackend extends WasmEngineOptions {
  readonly backend?: 'wasm'
}

/** The reference backend: plain loops in double precision. It has no options. */
export interface ReferenceBackend {
  readonly backend: 'reference'
}

/** Options of {@link createEngine}: a backend and that backend's own options. */
export type EngineOptions = WasmBackend | ReferenceBackend

/** How to start each backend. */
const backends: { readonly [K in BackendName]: (options: Extract<EngineOptions, { backend?: K }>) => Engine } = {
  wasm: createWasmEngine,
  reference({ backend, ...others }) {
    for (const [option, value] of Object.entries(others)) {
      if (value === undefined) continue
      throw new Error(
        `createEngine: the backend '${backend}' has no option '${option}' (=${typeof value === 'string' ? `'${value}'` : String(value)}); it has none`,
      )
    }
    return createReferenceEngine()
  },
}

/**
 * Starts an engine. Close it when done: its threads never keep a finished process alive, but its memory stays
 * allocated.
 * @throws Error for an unknown backend, and for options that the backend does not have; also whatever
 *   {@link createWasmEngine} throws.
 * @example const engine = createEngine({ threads: 2 })
 */
export function createEngine(options?: WasmBackend): WasmEngine
export function createEngine(options: EngineOptions): Engine
export function createEngine(options: EngineOptions = {}): Engine {
  const { backend = backendNames[0] } = options
  if (!Object.hasOwn(backends, backend)) {
    throw new Error(`createEngine: unknown backend '${backend}'; available: ${backendNames.join(', ')}`)
  }
  return (backends[backend] as (options: EngineOptions) => Engine)(options)
}
