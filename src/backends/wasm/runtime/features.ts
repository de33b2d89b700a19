/**
 * What the runtime offers: threads, shared memory, relaxed SIMD. Works in Node, browsers and workers. Node's own
 * modules are loaded at run time, so that a bundler finds no import to resolve.
 */

import type { VectorLanes } from '../emit/lanes.ts'
import { ModuleBuilder } from '../emit/module.ts'
import type { MachineTile } from '../emit/tile.ts'

/** The parts of Node that we use when we run there. */
export interface NodeModules {
  readonly v8: Pick<typeof import('node:v8'), 'setFlagsFromString' | 'cachedDataVersionTag'>
  readonly os: Pick<typeof import('node:os'), 'availableParallelism' | 'homedir'>
  readonly threads: typeof import('node:worker_threads')
  readonly fs: typeof import('node:fs')
  readonly path: typeof import('node:path')
  readonly crypto: typeof import('node:crypto')
}

/** Node's modules, or `undefined` elsewhere. */
export function nodeModules(): NodeModules | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => unknown; versions?: { node?: string } }
  }
  if (!process?.versions?.node || !process.getBuiltinModule) return undefined
  const names = { v8: 'v8', os: 'os', threads: 'worker_threads', fs: 'fs', path: 'path', crypto: 'crypto' }
  const modules = Object.entries(names).map(([key, name]) => [key, process.getBuiltinModule?.(`node:${name}`)])
  return Object.fromEntries(modules) as NodeModules
}

/** Cores this process may use. */
export function availableCores(): number {
  const cores = nodeModules()?.os.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1
  return Math.max(1, cores)
}

/**
 * True when this thread may wait for others: in Node and in the workers of a page, but not on the page itself, in a
 * service worker or in an Electron renderer.
 */
export function mayWait(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false
  try {
    // The word is not 1, so this returns at once; where waiting is forbidden it throws.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1)
    return true
  } catch {
    return false
  }
}

/** Why threads cannot work together here; `undefined` where they can: in Node, and in cross-origin isolated pages. */
export function obstacleToThreads(): string | undefined {
  if (nodeModules()) return undefined
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean }
  if (typeof SharedArrayBuffer === 'undefined' || !crossOriginIsolated) {
    return 'memory cannot be shared: the page is not cross-origin isolated'
  }
  return typeof Worker === 'undefined' ? 'there are no workers here' : undefined
}

/** @throws Error where there is no WebAssembly with SIMD, so that the engine cannot compute. */
export function requireWebAssembly(): void {
  if (typeof WebAssembly === 'undefined') {
    throw new Error(
      "there is no WebAssembly here (browsers switch it off in a lockdown mode): createEngine({ backend: 'reference' }) computes slowly without",
    )
  }
  if (!validates('f32x4.add')) {
    throw new Error(
      'WebAssembly has no SIMD here: needed are Chrome or Edge 91, Firefox 89, Safari 16.4, Node 20.16, or later',
    )
  }
}

/**
 * True when relaxed SIMD compiles. Node 20 has it behind a flag that can be set while running, before anything that
 * uses it is compiled.
 */
export function hasRelaxedSimd(): boolean {
  if (validates('f32x4.relaxed_madd')) return true
  nodeModules()?.v8.setFlagsFromString('--experimental-wasm-relaxed-simd')
  return validates('f32x4.relaxed_madd')
}

/** Whether the runtime supports a vector instruction with at most three operands. */
function validates(instruction: 'f32x4.add' | 'f32x4.relaxed_madd'): boolean {
  const module = new ModuleBuilder(false)
  const f = module.function(['v128'], ['v128'], 'probe')
  f.get(0).get(0)
  if (instruction === 'f32x4.relaxed_madd') f.get(0)
  f.op(instruction)
  return WebAssembly.validate(module.encode())
}

/** First major version of V8 whose compiler leaves loads where they were written. */
const schedulingV8 = 13

/** Major version of V8: Node's own, or derived from the version of a browser built on V8; 0 where it is unknown. */
export function v8Version(): number {
  const { process, navigator } = globalThis as {
    process?: { versions?: { v8?: string } }
    navigator?: { userAgent?: string }
  }
  const own = process?.versions?.v8 ?? /Chrom(?:e|ium)\/(\d+)/.exec(navigator?.userAgent ?? '')?.[1]
  // Chrome 130 has V8 13.0, and so on.
  const version = Number.parseInt(own ?? '0', 10)
  return version > 100 ? version / 10 : version
}

/**
 * The register tile for kernels whose lanes are channels. A tile of 4 × 8 fits sixteen registers even when all loads of
 * a step come first; 6 × 8 fits where loads stay in place, and 6 × 16 with pairs of vectors joined.
 */
export function registerTile(wide: boolean): MachineTile {
  if (wide) return { rows: 6, columns: 16, joined: true }
  return { rows: v8Version() >= schedulingV8 ? 6 : 4, columns: 8, joined: false }
}

/**
 * The register tile of native kernels for the same: two vectors of each of six positions, in 15 registers, or of
 * fourteen, in 31.
 */
export function nativeTile(lanes: VectorLanes): MachineTile {
  return { rows: 6, columns: 2 * lanes, joined: true, ...(lanes === 16 && { tall: 14 }) }
}

/** Most threads of an engine. */
const mostThreads = 64

/** Default number of threads: `FOVEA_THREADS`, else all cores. @throws Error when `FOVEA_THREADS` is not a number. */
export function defaultThreads(): number {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  const setting = process?.env?.FOVEA_THREADS
  if (setting === undefined || setting === '') return Math.min(mostThreads, availableCores())
  return checkThreads(Number(setting), `FOVEA_THREADS (=${setting})`)
}

/** @throws Error when `threads` is not a whole number from 1 to 64. */
export function checkThreads(threads: number, label = `threads (=${threads})`): number {
  if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads)
    throw new Error(`${label} must be a whole number from 1 to ${mostThreads}`)
  return threads
}
