/**
 * Wide vectors: V8 can join pairs of 128-bit operations of WebAssembly into 256-bit ones, which about doubles the speed
 * of contractions. V8 calls the compiler pass experimental, so the library uses it only on request (the commands
 * request it), only for our own modules (`compile.ts`), and only after every kernel has been checked (`wideCheck.ts`).
 *
 * Only Node can do this, so bundles for browsers contain `wide.browser.ts` instead of this file (the field `browser` of
 * package.json).
 */
import type { Plan } from '../../../plan/plan.ts'
import type { GeneratedCode } from '../codegen.ts'
import { compileQuickly } from './compile.ts'
import { nodeModules, v8Version } from './features.ts'
import { type CheckedKernels, checkedKernels } from './wideCache.ts'
import { buildOfModule, problemOfKernels } from './wideCheck.ts'
import { settledChoice, type WideChoice, type WideVectors, withoutWide } from './wideChoice.ts'

/** First major version of V8 that joins vectors in loops like those of our kernels: that of Node 24. */
const joiningV8 = 13

/**
 * What a choice means on this runtime and this processor.
 * @param precise whether results must be the same everywhere: with wide vectors, other kernels are the fastest
 * @throws Error when `'on'` is impossible.
 */
export function wideVectors(choice: WideChoice, precise = false): WideVectors {
  const settled = settledChoice(choice, precise)
  if (settled) return settled
  const { process } = globalThis as { process?: { arch: string; platform: string; versions: { node: string } } }
  if (!process || !nodeModules() || v8Version() < joiningV8 || process.arch !== 'x64') {
    return withoutWide(
      choice,
      process && nodeModules() ? `Node ${process.versions.node} on ${process.arch}` : 'a browser',
    )
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

/**
 * Whether the processor has 256-bit integer and floating-point vectors; `undefined` where that cannot be determined.
 */
function hasAvx2(platform: string): boolean | undefined {
  // Every Intel Mac on which Node 24 runs (macOS 13.5) has them.
  if (platform === 'darwin') return true
  if (platform !== 'linux') return undefined
  try {
    return /^flags\s*:.*\bavx2\b/m.test(nodeModules()?.fs.readFileSync('/proc/cpuinfo', 'latin1') ?? '')
  } catch {
    return undefined
  }
}

/** A compiled program whose kernels must be checked. */
export interface WideProgram {
  readonly plan: Plan
  /** The code, which exports its kernels. */
  readonly code: GeneratedCode
  /** The code as compiled with wide vectors. */
  readonly module: WebAssembly.Module
  /** Whether its memory is shared. */
  readonly shared: boolean
}

/**
 * What is wrong with wide vectors in a program; `undefined` when every kernel computes the same with and without them.
 * @param checked kernels known to be correct, which are not tried again; kernels found to be correct are added
 */
export function problemOfWide(
  { plan, code: { bytes, kernels }, module, shared }: WideProgram,
  checked: CheckedKernels = checkedKernels('wide'),
): string | undefined {
  const difference = 'computes something else with them than without'
  return problemOfKernels({ plan, kernels, shared, difference }, checked, () => ({
    builds: [memory => buildOfModule(compileQuickly(bytes))(memory), buildOfModule(module)],
  }))
}
