/**
 * Wide vectors: V8 can join pairs of 128-bit operations of WebAssembly into 256-bit ones, which about doubles the speed of
 * contractions. The compiler pass is one that V8 calls experimental, so the library uses it only when asked for (commands ask),
 * only for our own modules (`compile.ts`), and only after every kernel has been checked (`wideCheck.ts`).
 */
import { nodeModules, v8Version } from './features.ts'

/** What to do about wide vectors: use them where they work, insist, or leave them. */
export type WideChoice = 'auto' | 'on' | 'off'

/** Whether an engine uses wide vectors, and what decided that. */
export interface WideVectors {
  readonly on: boolean
  /** `Node 24.21.0 on a processor with AVX2`, or why not. */
  readonly reason: string
}

/** First major version of V8 that joins vectors in loops as our kernels have them: that of Node 24. */
const joiningV8 = 13

/**
 * What this runtime and this processor make of a choice.
 * @param precise whether results must be the same everywhere: other kernels are the fastest with wide vectors
 * @throws Error when `'on'` is impossible.
 */
export function wideVectors(choice: WideChoice, precise = false): WideVectors {
  if (choice === 'off') return { on: false, reason: "wide: 'off'" }
  if (choice === 'auto' && precise)
    return { on: false, reason: 'precise: the same results with wide vectors and without' }
  const { process } = globalThis as { process?: { arch: string; platform: string; versions: { node: string } } }
  if (!process || !nodeModules() || v8Version() < joiningV8 || process.arch !== 'x64') {
    const found = process && nodeModules() ? `Node ${process.versions.node} on ${process.arch}` : 'a browser'
    if (choice === 'on') throw new Error(`wide: 'on' needs Node 24 or later on x64; this is ${found}`)
    return { on: false, reason: `needs Node 24 or later on x64; this is ${found}` }
  }
  const node = `Node ${process.versions.node}`
  if (choice === 'on') return { on: true, reason: `wide: 'on', ${node}` }
  switch (hasAvx2(process.platform)) {
    case true:
      return { on: true, reason: `${node} on a processor with AVX2` }
    case false:
      return { on: false, reason: 'the processor has no AVX2' }
    default:
      return {
        on: false,
        reason: `whether the processor has AVX2 cannot be told on ${process.platform}; wide: 'on' insists`,
      }
  }
}

/** Whether the processor has 256-bit integer and floating-point vectors; `undefined` where nothing tells. */
function hasAvx2(platform: string): boolean | undefined {
  // Every Mac with an Intel processor on which Node 24 runs (macOS 13.5) has them.
  if (platform === 'darwin') return true
  if (platform !== 'linux') return undefined
  try {
    return /^flags\s*:.*\bavx2\b/m.test(nodeModules()?.fs.readFileSync('/proc/cpuinfo', 'latin1') ?? '')
  } catch {
    return undefined
  }
}

/** Tells the user once, as Node tells of what is deprecated: on the standard error stream, unless the program listens. */
export function warn(message: string): void {
  const { process } = globalThis as { process?: { emitWarning?(message: string, type: string): void } }
  if (process?.emitWarning) process.emitWarning(message, 'FoveaWarning')
  else console.warn(`fovea: ${message}`)
}
