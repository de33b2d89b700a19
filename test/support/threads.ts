/** Engines whose threads share every program, however small: as tests of threads want them. */
import { createWasmEngineWith, type EngineTools, type WasmEngine } from '../../src/backends/wasm/engine.ts'
import type { WasmEngineOptions } from '../../src/backends/wasm/options.ts'

/** Every program is worth sharing. */
export const sharing: EngineTools = { isWorthSharing: () => true }

/** An engine whose threads share every program. */
export const threadedEngine = (options: WasmEngineOptions): WasmEngine => createWasmEngineWith(sharing, options)
