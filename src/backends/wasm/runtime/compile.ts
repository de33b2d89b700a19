/**
 * From bytes to a module, by the best compiler the runtime has.
 *
 * V8 compiles a function quickly when it is first called, and optimizes it only after it has run for some time. Kernels
 * run a few times per step, for milliseconds each, so the first steps of a program would be several times slower than
 * the rest. In Node we can have kernels optimized at once, by flags that are set only while one of our modules is
 * compiled; other WebAssembly in the process is not affected. The flag for wide vectors is set in the same way.
 * (ResNet-18's first training step: 4.4 → 1.9 s of processor time, for 0.3 s of compiling.)
 */
import { withSection } from '../emit/module.ts'
import { type NodeModules, nodeModules } from './features.ts'

/** A `WebAssembly.Module`. (TypeScript declares that type only with the DOM, which our declarations cannot use.) */
export type CompiledModule = object

/** Makes a module from bytes, with or without wide vectors. */
export type Compiler = (bytes: Uint8Array<ArrayBuffer>, wide: boolean) => Promise<CompiledModule>

/**
 * Flags set while a module is compiled: the optimizing compiler for all functions at once, without inlining and
 * unrolling, which our code already has where it pays off. (Code inlined into a register tile keeps V8 from joining its
 * vectors: ResNet-18 on one image with wide vectors takes 29 ms without inlining, 52 ms with it. Compiling takes two
 * thirds of the time.)
 */
const optimizing = ['no-liftoff', 'no-wasm-lazy-compilation', 'no-wasm-inlining', 'no-wasm-loop-unrolling']
const widening = 'experimental-wasm-revectorize'

/**
 * Compiles a module.
 * @throws WebAssembly.CompileError for bytes that are not a module; Error where a Content-Security-Policy forbids
 *   compiling.
 */
export const compileModule: Compiler = async (bytes, wide) => {
  if (!nodeModules()) {
    return WebAssembly.compile(bytes).catch(async (error: unknown) => {
      throw (await isForbidden()) ? new Error(forbidden, { cause: error }) : error
    })
  }
  // V8 caches one compilation of equal bytes, so the bytes of a wide module must differ.
  const own = wide ? withSection(bytes, 'wide') : bytes
  return withFlags(wide ? [...optimizing, widening] : optimizing, () => new WebAssembly.Module(own))
}

const forbidden =
  "WebAssembly may not be compiled here: the Content-Security-Policy of the page, or of the worker's script, must allow `script-src 'wasm-unsafe-eval'`"

/** Whether not even the smallest module may be compiled. (Each browser has its own message for this.) */
const isForbidden = (): Promise<boolean> =>
  WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)).then(
    () => false,
    () => true,
  )

/**
 * Compiles a module without wide vectors, by V8's quick compiler: for what computes little, the few calls of a check or the calls of
 * native code.
 * @throws WebAssembly.CompileError for bytes that are not a module.
 */
export function compileQuickly(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  return new WebAssembly.Module(withSection(bytes, 'quick'))
}

/** Runs `work` with flags of V8 set, and restores the earlier flags afterwards. */
function withFlags<T>(flags: readonly string[], work: () => T): T {
  const { v8 } = nodeModules() as NodeModules
  /** Sets a flag; true when that changed something, as shown by V8's tag of its version and flags. */
  const set = (flag: string): boolean => {
    const before = v8.cachedDataVersionTag()
    v8.setFlagsFromString(`--${flag}`)
    return v8.cachedDataVersionTag() !== before
  }
  const changed = flags.filter(set)
  try {
    return work()
  } finally {
    for (const flag of changed) set(flag.startsWith('no-') ? flag.slice(3) : `no-${flag}`)
  }
}
