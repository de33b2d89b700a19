/** Chooses a backend by name. */
import { type BackendName, backendNames, type Engine } from './engine.ts'
import { createReferenceEngine } from './reference/engine.ts'
import { createWasmEngine, type WasmEngine } from './wasm/engine.ts'
import type { WasmEngineOptions } from './wasm/options.ts'
import type { WebGPUEngine, WebGPUEngineOptions } from './webgpu/options.ts'

/** The WebAssembly backend, which is the default, with its options. */
export interface WasmBackend extends WasmEngineOptions {
  readonly backend?: 'wasm'
}

/** The reference backend: plain loops in double precision. It has no options. */
export interface ReferenceBackend {
  readonly backend: 'reference'
}

/** The WebGPU backend, with its options. */
export interface WebGPUBackend extends WebGPUEngineOptions {
  readonly backend: 'webgpu'
}

/** Options of {@link createEngine}: a backend and that backend's own options. */
export type EngineOptions = WasmBackend | ReferenceBackend | WebGPUBackend

/** How to start each backend. */
const backends: {
  readonly [K in BackendName]: (options: Extract<EngineOptions, { backend?: K }>) => Engine | Promise<Engine>
} = {
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
  // Loaded on demand: a page that computes otherwise does not carry it.
  async webgpu(options) {
    const { createWebGPUEngine } = await import('./webgpu/create.ts')
    return createWebGPUEngine(options)
  },
}

/**
 * Starts an engine. Close it when done: its threads never keep a finished process alive, but its memory stays
 * allocated. A graphics processor takes time to open, so the engine of `webgpu` comes as a promise.
 * @throws Error for an unknown backend, and for options that the backend does not have; also whatever
 *   {@link createWasmEngine} and `createWebGPUEngine` throw.
 * @example const engine = createEngine({ threads: 2 })
 * @example const engine = await createEngine({ backend: 'webgpu' })
 */
export function createEngine(options?: WasmBackend): WasmEngine
export function createEngine(options: WebGPUBackend): Promise<WebGPUEngine>
export function createEngine(options: WasmBackend | ReferenceBackend): Engine
export function createEngine(options: EngineOptions): Engine | Promise<Engine>
export function createEngine(options: EngineOptions = {}): Engine | Promise<Engine> {
  const { backend = backendNames[0] } = options
  if (!Object.hasOwn(backends, backend)) {
    throw new Error(`createEngine: unknown backend '${backend}'; available: ${backendNames.join(', ')}`)
  }
  return (backends[backend] as (options: EngineOptions) => Engine | Promise<Engine>)(options)
}
