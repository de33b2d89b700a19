/**
 * What the WebAssembly backend needs of native code: whether there is any, the groups of a program as machine code, and
 * whether its kernels compute what their WebAssembly does.
 *
 * Only Node can do this, so bundles for browsers contain `native.browser.ts` instead of this file (the field `browser` of
 * package.json).
 */
import type { Plan } from '../../plan/plan.ts'
import { type CodeOptions, type GeneratedKernel, generateKernels } from '../wasm/codegen.ts'
import type { FunctionBuilder } from '../wasm/emit/assembler.ts'
import { compileQuickly } from '../wasm/runtime/compile.ts'
import { type CheckedKernels, checkedKernels } from '../wasm/runtime/wideCache.ts'
import { buildOfModule, problemOfKernels } from '../wasm/runtime/wideCheck.ts'
import { type NativeChoice, type Processor, type SettledNative, settleNative } from './choice.ts'
import { LinkedGroups } from './link.ts'
import { nativeCode, printer } from './program.ts'

/**
 * What a choice means on this runtime and this processor.
 * @param precise whether results must be the same on every machine, which leaves native kernels out
 * @throws Error when `'on'` is impossible.
 */
export function nativeKernels(choice: NativeChoice, precise = false): SettledNative {
  return settleNative(choice, precise)
}

/**
 * Functions on integers as machine code, in pages of their own.
 * @throws Error for an instruction that native code does not have, and when the system refuses executable pages.
 */
export function linkNative(functions: readonly FunctionBuilder[], { door, avx512 }: Processor): LinkedGroups {
  const { bytes, entries } = nativeCode(functions, avx512)
  return new LinkedGroups(door, door.install(bytes), entries)
}

/** The kernels of a plan, and how their code is generated. */
interface NativeProgram {
  readonly plan: Plan
  readonly kernels: readonly GeneratedKernel[]
  readonly options: CodeOptions
}

/**
 * What is wrong with the native kernels of a program; `undefined` when each computes the same as its WebAssembly.
 * @param checked kernels known to be correct, which are not tried again; kernels found to be correct are added. They are
 *   remembered for this printer.
 */
export function problemOfNative(
  { plan, kernels, options }: NativeProgram,
  processor: Processor,
  checked: CheckedKernels = checkedKernels(`native-${processor.avx512 ? 'avx512' : 'avx2'}-${printer}`),
): string | undefined {
  const difference = 'computes something else than in WebAssembly'
  return problemOfKernels({ plan, kernels, shared: options.shared, difference }, checked, unknown => {
    const functions = unknown.map(({ code }) => code)
    const linked = linkNative(functions, processor)
    const indices = new Map(unknown.map(({ name }, index) => [name, index]))
    return {
      builds: [
        memory => buildOfModule(compileQuickly(generateKernels(unknown, options)))(memory),
        memory => name => linked.call(memory, indices.get(name) as number),
      ],
      release: () => linked.release(),
    }
  })
}
