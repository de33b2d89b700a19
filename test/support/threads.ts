/** Engines whose threads share every program, however small, and whose workers can be reached: as tests of threads want them. */
import { createWasmEngineWith, type EngineTools, WasmEngine } from '../../src/backends/wasm/engine.ts'
import type { WasmEngineOptions } from '../../src/backends/wasm/options.ts'
import { ThreadPool } from '../../src/backends/wasm/runtime/threads.ts'

/** Every program is worth sharing. */
export const sharing: EngineTools = { isWorthSharing: () => true }

const pools = new WeakMap<WasmEngine, ThreadPool>()

/** Makes an engine with tools that remember its workers for {@link poolOf}. */
export function watched(make: (tools: EngineTools) => WasmEngine, tools: EngineTools = {}): WasmEngine {
  let pool: ThreadPool | undefined
  const startPool: EngineTools['startPool'] = (threads, memory, takesPart) => {
    pool = new ThreadPool(threads, memory as WebAssembly.Memory, takesPart)
    return pool
  }
  const engine = make({ ...tools, startPool })
  if (pool) pools.set(engine, pool)
  return engine
}

/** The workers of an engine of this file. */
export function poolOf(engine: WasmEngine): ThreadPool {
  const pool = pools.get(engine)
  if (!pool) throw new Error('the engine has no workers, or was not made by watched()')
  return pool
}

/** An engine whose threads share every program. */
export const threadedEngine = (options: WasmEngineOptions): WasmEngine =>
  watched(tools => createWasmEngineWith(tools, options), sharing)

/** An engine whose calling thread only waits, as on a page, and whose workers share every program. */
export const pageEngine = (threads: number): WasmEngine =>
  watched(tools => new WasmEngine({ threads, fused: false, takesPart: false }, {}, tools), sharing)
