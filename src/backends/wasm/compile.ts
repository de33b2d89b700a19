/**
 * From bytes to a module, by the best compiler the runtime has.
 *
 * V8 compiles a function quickly when it is first called, and well only after it has run for some time. Kernels run a few times
 * a step and for milliseconds each, so the first steps of a program would be several times slower than the others. In
 * Node we can have them compiled well at once: by flags that hold while a module of ours is compiled, so that whatever else
 * of the process is WebAssembly is compiled as ever. The flag for wide vectors is set in the same way. (ResNet-18's first training
 * step: 4.4 → 1.9 s of processor time, for 0.3 s of compiling.)
 */
import { withSection } from './assembler.ts'
import { nodeModules } from './features.ts'

/** Makes a module of bytes, with wide vectors or without. */
export type Compiler = (bytes: Uint8Array<ArrayBuffer>, wide: boolean) => Promise<WebAssembly.Module>

/** Flags as they are while a module is compiled; each is set back by its opposite. */
const optimizing = ['no-liftoff', 'no-wasm-lazy-compilation']
const widening = 'experimental-wasm-revectorize'

/** Compiles a module. @throws WebAssembly.CompileError for bytes that are none. */
export const compileModule: Compiler = async (bytes, wide) => {
  if (!nodeModules()) return WebAssembly.compile(bytes)
  // V8 keeps one compilation of equal bytes: those of a wide module must differ.
  const own = wide ? withSection(bytes, 'wide') : bytes
  return withFlags(wide ? [...optimizing, widening] : optimizing, () => new WebAssembly.Module(own))
}

/**
 * Compiles a module without wide vectors, by V8's quick compiler: for the few calls of a check.
 * @throws WebAssembly.CompileError for bytes that are none.
 */
export function compileQuickly(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  return new WebAssembly.Module(withSection(bytes, 'check'))
}

/** Runs `work` with flags of V8, and without them again afterwards. */
function withFlags<T>(flags: readonly string[], work: () => T): T {
  const set = (flag: string): void => nodeModules()?.v8.setFlagsFromString(`--${flag}`)
  const ours = flags.filter(flag => !givenFlags().has(nameOf(flag)))
  ours.forEach(set)
  try {
    return work()
  } finally {
    for (const flag of ours) set(flag.startsWith('no-') ? nameOf(flag) : `no-${flag}`)
  }
}

/** `no-liftoff` → `liftoff` */
const nameOf = (flag: string): string => flag.replace(/^no-/, '')

let given: ReadonlySet<string> | undefined

/** Flags that the user has given to Node, which stay as they are. */
function givenFlags(): ReadonlySet<string> {
  const { process } = globalThis as { process?: { execArgv: string[]; env: Record<string, string | undefined> } }
  given ??= new Set(
    [...(process?.execArgv ?? []), ...(process?.env.NODE_OPTIONS ?? '').split(/\s+/)].map(argument =>
      nameOf(argument.replace(/^--/, '').replace(/=.*/, '').replaceAll('_', '-')),
    ),
  )
  return given
}
