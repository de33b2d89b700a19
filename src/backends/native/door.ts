/**
 * The way from JavaScript to machine code: pages that the processor may execute, and calls of what is in them, by
 * Node's own `node:ffi` (Node 26 and later) or by the package koffi, if it is installed. Nothing else of a system
 * library is used than `mmap`, `mprotect`, `munmap`, `memcpy` and `bsearch`.
 *
 * Pages are written first and made executable then, never both at once. A fault in machine code ends the process; so
 * nothing is called here that has not been made for this processor, with addresses inside of WebAssembly's memory.
 */

/** Loads a module by its name or path. */
export type Require = (name: string) => unknown

/**
 * Makes a function of an address, which takes the address of its context. What is there is a function of C,
 * `int (void *context)`.
 */
export type Caller = (entry: bigint) => (context: bigint) => void

/** Pages with code. */
export interface Pages {
  /** Address of the first byte. */
  readonly address: bigint
  /** Gives the pages back; their code must not be called any more. */
  release(): void
}

/** Access to the processor. */
export interface Door {
  /** `node:ffi`, or `koffi` with its version. */
  readonly name: string
  /** Path of koffi for {@link openCaller} in other threads; `undefined` for `node:ffi`. */
  readonly koffi: string | undefined
  readonly caller: Caller
  /** Copies code to pages of its own. @throws Error when the system refuses executable pages. */
  install(code: Uint8Array<ArrayBuffer>): Pages
  /** Where a memory begins. It stays there while the memory is shared; otherwise, until it grows. */
  addressOf(buffer: ArrayBufferLike): bigint
}

interface NodeFfi {
  dlopen(path: null, functions: object): { functions: Record<string, (...values: unknown[]) => unknown> }
  getRawPointer(view: ArrayBufferView): bigint
}

interface Koffi {
  readonly version: string
  load(path: null): { func(declaration: string): (...values: unknown[]) => unknown }
  proto(result: string, parameters: readonly string[]): unknown
  decode(address: bigint, type: unknown): (context: bigint) => void
  address(view: ArrayBufferView): bigint | number
}

/**
 * Loads modules without Node's warning that they are experimental: whoever asks for native code knows. Other threads
 * evaluate the text of this function, so it refers to nothing outside.
 */
export function quietly(load: Require): Require {
  return name => {
    const { process } = globalThis
    const { emitWarning } = process
    process.emitWarning = () => undefined
    try {
      return load(name)
    } finally {
      process.emitWarning = emitWarning
    }
  }
}

/**
 * How to call machine code. Other threads evaluate the text of this function, so it refers to nothing outside.
 * @param load  loads Node's modules and koffi
 * @param koffi path of koffi; without one, Node's own calls are used
 */
export function openCaller(load: Require, koffi: string | undefined): Caller {
  if (koffi === undefined) {
    const search = { arguments: ['pointer', 'pointer', 'uint64', 'uint64', 'pointer'], return: 'pointer' }
    const { functions } = (load('node:ffi') as NodeFfi).dlopen(null, { bsearch: search })
    // A search among one element compares it once: the function that compares is ours, the key its context.
    return entry => context => {
      functions.bsearch(context, context, 1n, 1n, entry)
    }
  }
  const library = load(koffi) as Koffi
  // In a worker, koffi 3.3 crashes when it makes a type before it has loaded a library.
  library.load(null)
  const type = library.proto('int', ['void *'])
  return entry => library.decode(entry, type)
}

/** Sizes are rounded to pages of this many bytes. */
const pageBytes = 4096

/** Values of Linux's `mmap`: what pages may be used for, and that they are private and no file's. */
const [readable, writable, executable, privateAnonymous] = [1, 2, 4, 0x22]

/**
 * Opens the way through `node:ffi`.
 * @throws Error when this Node has no such module, or no permission for it.
 */
export function doorOfNode(load: Require): Door {
  const ffi = load('node:ffi') as NodeFfi
  const { functions } = ffi.dlopen(null, {
    mmap: { arguments: ['pointer', 'uint64', 'int32', 'int32', 'int32', 'int64'], return: 'pointer' },
    mprotect: { arguments: ['pointer', 'uint64', 'int32'], return: 'int32' },
    munmap: { arguments: ['pointer', 'uint64'], return: 'int32' },
    memcpy: { arguments: ['pointer', 'pointer', 'uint64'], return: 'pointer' },
  })
  const caller = openCaller(load, undefined)
  return {
    name: 'node:ffi',
    koffi: undefined,
    caller,
    addressOf: buffer => ffi.getRawPointer(new Uint8Array(buffer)),
    install: code =>
      installWith(code, {
        map: bytes => functions.mmap(0n, BigInt(bytes), readable | writable, privateAnonymous, -1, 0n) as bigint,
        copy: (to, from) => functions.memcpy(to, ffi.getRawPointer(from), BigInt(from.length)),
        protect: (address, bytes) => functions.mprotect(address, BigInt(bytes), readable | executable) as number,
        unmap: (address, bytes) => functions.munmap(address, BigInt(bytes)),
      }),
  }
}

/** Opens the way through koffi. @param path where koffi is */
export function doorOfKoffi(load: Require, path: string): Door {
  const koffi = load(path) as Koffi
  const system = koffi.load(null)
  const mmap = system.func('uintptr_t mmap(uintptr_t at, size_t bytes, int use, int flags, int file, int64_t offset)')
  const mprotect = system.func('int mprotect(uintptr_t at, size_t bytes, int use)')
  const munmap = system.func('int munmap(uintptr_t at, size_t bytes)')
  const memcpy = system.func('uintptr_t memcpy(uintptr_t to, const uint8_t *from, size_t bytes)')
  return {
    name: `koffi ${koffi.version}`,
    koffi: path,
    caller: openCaller(load, path),
    addressOf: buffer => BigInt(koffi.address(new Uint8Array(buffer))),
    install: code =>
      installWith(code, {
        map: bytes => BigInt(mmap(0, bytes, readable | writable, privateAnonymous, -1, 0) as number | bigint),
        copy: (to, from) => memcpy(to, from, from.length),
        protect: (address, bytes) => mprotect(address, bytes, readable | executable) as number,
        unmap: (address, bytes) => munmap(address, bytes),
      }),
  }
}

/** The calls of the system that pages need. */
interface PageCalls {
  map(bytes: number): bigint
  copy(to: bigint, from: Uint8Array): void
  protect(address: bigint, bytes: number): number
  unmap(address: bigint, bytes: number): void
}

function installWith(code: Uint8Array, calls: PageCalls): Pages {
  const bytes = Math.ceil(code.length / pageBytes) * pageBytes
  const address = calls.map(bytes)
  // What the system returns when it has no room: −1.
  if (address === 0n || BigInt.asIntN(64, address) === -1n) throw new Error('the system gave no pages for code')
  calls.copy(address, code)
  if (calls.protect(address, bytes) !== 0) {
    calls.unmap(address, bytes)
    throw new Error('the system does not let pages be executed')
  }
  return { address, release: () => calls.unmap(address, bytes) }
}
