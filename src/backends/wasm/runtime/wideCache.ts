/**
 * Remembers checked kernels. If a kernel's wide build was correct, the same V8 on the same kind of processor need not
 * try it again, in this process or a later one. A file in the cache folder keeps the hashes of such kernels' code.
 */
import type { FunctionBuilder } from '../emit/assembler.ts'
import { type NodeModules, nodeModules } from './features.ts'

/** Kernels known to be correct with wide vectors. */
export interface CheckedKernels {
  /** Whether a kernel (its code and that of all functions it calls) is known. */
  has(kernel: FunctionBuilder): boolean
  /** Records that kernels are correct. */
  add(kernels: readonly FunctionBuilder[]): void
}

/** Start of the file's name; its number changes with the format of the lines. */
const prefix = '1'

/**
 * The kernels known to this process and, where a file can be kept, to earlier processes.
 * @param kind of the build that was checked: `wide`, or `native` with the instructions in use
 */
export function checkedKernels(kind: string): CheckedKernels {
  const known = shared.get(kind) ?? new StoredKernels(nodeModules(), kind)
  shared.set(kind, known)
  return known
}

const shared = new Map<string, StoredKernels>()

/** Known kernels, kept in a file, or in memory where there is no Node. */
export class StoredKernels implements CheckedKernels {
  readonly #known = new Set<string>()
  readonly #node: NodeModules | undefined
  readonly #file: string | undefined

  /** @param folder for the file, by default the cache folder of downloads */
  constructor(node: NodeModules | undefined, kind: string, folder = node && defaultFolder(node)) {
    this.#node = node
    if (!node || folder === undefined) return
    // V8's own tag of everything that its code depends on: version, flags, processor features.
    this.#file = node.path.join(folder, `${kind}-${prefix}-${node.v8.cachedDataVersionTag().toString(16)}.txt`)
    try {
      for (const line of node.fs.readFileSync(this.#file, 'latin1').split('\n')) this.#known.add(line)
    } catch {
      // There is no file yet, or it cannot be read: kernels are checked again.
    }
  }

  has(kernel: FunctionBuilder): boolean {
    return this.#node !== undefined && this.#known.has(hashOf(kernel, this.#node))
  }

  add(kernels: readonly FunctionBuilder[]): void {
    const node = this.#node
    const file = this.#file
    if (!node) return
    const hashes = kernels.map(kernel => hashOf(kernel, node)).filter(hash => !this.#known.has(hash))
    for (const hash of hashes) this.#known.add(hash)
    if (file === undefined || hashes.length === 0) return
    try {
      node.fs.mkdirSync(node.path.dirname(file), { recursive: true })
      node.fs.appendFileSync(file, `${hashes.join('\n')}\n`)
    } catch {
      // A full or read-only disk only costs later processes the time of a check.
    }
  }
}

const hashes = new WeakMap<FunctionBuilder, string>()

/** Hash of the code of a kernel and of all functions it calls. */
function hashOf(kernel: FunctionBuilder, node: NodeModules): string {
  const known = hashes.get(kernel)
  if (known !== undefined) return known
  const hash = node.crypto.createHash('sha256').update(kernel.identity)
  for (const callee of kernel.callees) hash.update(hashOf(callee, node))
  const value = hash.digest('hex').slice(0, 32)
  hashes.set(kernel, value)
  return value
}

/**
 * The cache folder of downloads (`data/download.node.ts`): `FOVEA_CACHE`, else `fovea` in the system's cache folder.
 */
function defaultFolder({ os, path }: NodeModules): string {
  const { env, platform } = (globalThis as unknown as { process: NodeJS.Process }).process
  if (env.FOVEA_CACHE) return env.FOVEA_CACHE
  const windows = platform === 'win32' ? env.LOCALAPPDATA : undefined
  return path.join(env.XDG_CACHE_HOME || windows || path.join(os.homedir(), '.cache'), 'fovea')
}
