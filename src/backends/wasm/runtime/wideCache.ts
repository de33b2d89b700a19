/**
 * What has been checked stays checked: a kernel whose wide build was right need not be tried again by the same V8 on a processor
 * of the same kind, in this process or a later one. A file in the cache folder keeps the hashes of such kernels' code.
 */
import type { FunctionBuilder } from '../emit/assembler.ts'
import { type NodeModules, nodeModules } from './features.ts'

/** Kernels that are known to be right with wide vectors. */
export interface CheckedKernels {
  /** Whether a kernel, its code and that of all it calls, is known. */
  has(kernel: FunctionBuilder): boolean
  /** Notes that kernels are right. */
  add(kernels: readonly FunctionBuilder[]): void
}

/** Names of the file: the format of its lines may change with the first number. */
const prefix = 'wide-1'

/** The kernels known to this process, and to earlier ones. Where nothing can be kept (or read), nothing is. */
export function checkedKernels(): CheckedKernels {
  shared ??= new StoredKernels(nodeModules())
  return shared
}

let shared: StoredKernels | undefined

/** Kernels known in a file, or in memory where there is no Node. */
export class StoredKernels implements CheckedKernels {
  readonly #known = new Set<string>()
  readonly #node: NodeModules | undefined
  readonly #file: string | undefined

  /** @param folder for the file, by default the cache folder of downloads */
  constructor(node: NodeModules | undefined, folder = node && defaultFolder(node)) {
    this.#node = node
    if (!node || folder === undefined) return
    // V8's own tag of what its code depends on: version, flags, features of the processor.
    this.#file = node.path.join(folder, `${prefix}-${node.v8.cachedDataVersionTag().toString(16)}.txt`)
    try {
      for (const line of node.fs.readFileSync(this.#file, 'latin1').split('\n')) this.#known.add(line)
    } catch {
      // There is no file yet, or none that may be read: then kernels are checked once more.
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
      // A full or read-only disk costs later processes the time of a check, nothing else.
    }
  }
}

const hashes = new WeakMap<FunctionBuilder, string>()

/** Hash of a kernel's code and of all that it calls. */
function hashOf(kernel: FunctionBuilder, node: NodeModules): string {
  const known = hashes.get(kernel)
  if (known !== undefined) return known
  const hash = node.crypto.createHash('sha256').update(kernel.identity)
  for (const callee of kernel.callees) hash.update(hashOf(callee, node))
  const value = hash.digest('hex').slice(0, 32)
  hashes.set(kernel, value)
  return value
}

/** Where downloads are kept too (`data/download.node.ts`): `FOVEA_CACHE`, else `fovea` in the system's cache folder. */
function defaultFolder({ os, path }: NodeModules): string {
  const { env, platform } = (globalThis as unknown as { process: NodeJS.Process }).process
  if (env.FOVEA_CACHE) return env.FOVEA_CACHE
  const windows = platform === 'win32' ? env.LOCALAPPDATA : undefined
  return path.join(env.XDG_CACHE_HOME || windows || path.join(os.homedir(), '.cache'), 'fovea')
}
