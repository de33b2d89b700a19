/**
 * The functions and constants of an MPI library, through koffi. Open MPI's handles are the addresses of its global
 * variables, MPICH's are numbers (the ABI that Intel MPI and MVAPICH share): `mpi.h` of both.
 */
import process from 'node:process'
import { peerPlaces } from '../backends/peers.ts'
import { type Launched, MpiError, type MpiKind } from './launcher.node.ts'

/** A handle or an address. */
export type Handle = bigint | number

/** The functions that are called, all of which return an error code. Counts are `int`. */
export interface MpiFunctions {
  readonly Init_thread: (argc: Handle, argv: Handle, required: number, provided: Handle) => number
  readonly Finalize: () => number
  readonly Comm_rank: (comm: Handle, rank: Handle) => number
  readonly Comm_size: (comm: Handle, size: Handle) => number
  readonly Comm_set_errhandler: (comm: Handle, handler: Handle) => number
  readonly Get_library_version: (text: Handle, length: Handle) => number
  readonly Error_string: (code: number, text: Handle, length: Handle) => number
  readonly Ibcast: (...args: readonly Handle[]) => number
  readonly Iallgather: (...args: readonly Handle[]) => number
  readonly Ialltoall: (...args: readonly Handle[]) => number
  readonly Iallreduce: (...args: readonly Handle[]) => number
  readonly Ibarrier: (comm: Handle, request: Handle) => number
  readonly Isend: (...args: readonly Handle[]) => number
  readonly Iprobe: (...args: readonly Handle[]) => number
  readonly Test: (request: Handle, flag: Handle, status: Handle) => number
  readonly Abort: (comm: Handle, code: number) => number
}

/** A library. */
export interface MpiLibrary {
  readonly kind: MpiKind
  readonly functions: MpiFunctions
  readonly constants: MpiConstants
  /** Address of an array's first byte; the array must stay alive while the library uses it. */
  addressOf(view: ArrayBufferView): bigint
  /** Ends this process after some seconds, whatever it is doing by then: POSIX's `alarm`. */
  alarm(seconds: number): void
}

/** The constants that are used. */
export interface MpiConstants {
  readonly world: Handle
  readonly types: { readonly byte: Handle; readonly int: Handle; readonly float: Handle; readonly double: Handle }
  readonly reductions: { readonly sum: Handle; readonly min: Handle; readonly max: Handle }
  readonly errorsReturn: Handle
  readonly inPlace: Handle
  readonly ignoreStatus: Handle
}

interface Koffi {
  load(path: string | null, options?: object): KoffiLibrary
  address(value: unknown): bigint | number
}

interface KoffiLibrary {
  func(name: string, result: string, parameters: readonly string[]): (...args: unknown[]) => number
  symbol(name: string, type: string): unknown
}

/** Names of the libraries, the most precise first. */
const names: Readonly<Record<MpiKind, readonly string[]>> = {
  'Open MPI': ['libmpi.so.40', 'libmpi.so', 'libmpi.dylib'],
  MPICH: ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so', 'libmpi.so', 'libmpi.dylib'],
}

/**
 * Loads the library that a launcher's processes need.
 * @param isProbe true to look at it only, beside another one
 * @throws MpiError when koffi or the library is missing
 */
export function loadMpi({ kind, library }: Pick<Launched, 'kind' | 'library'>, isProbe = false): MpiLibrary {
  const koffi = loadKoffi()
  // UCX, a transport of MPICH, would replace V8's handler of memory faults; WebAssembly's traps would end the process.
  process.env.UCX_ERROR_SIGNALS ??= ''
  // It would also hook the calls that give memory, and try its hooks by growing and shrinking the heap, while V8's
  // threads allocate from it: a few starts in a hundred would end in a memory fault.
  process.env.UCX_MEM_EVENTS ??= 'n'
  // Processes that wait inside of the library leave the core to others.
  process.env.OMPI_MCA_mpi_yield_when_idle ??= '1'
  const wanted = library === undefined ? names[kind ?? 'Open MPI'] : [library]
  const problems: string[] = []
  for (const name of wanted) {
    let loaded: KoffiLibrary
    try {
      // Global: the library loads parts of itself that look for its symbols.
      loaded = koffi.load(name, { global: !isProbe, lazy: true })
    } catch (error) {
      problems.push((error as Error).message)
      continue
    }
    const found = kindOf(loaded)
    if (kind === undefined || found === kind) return bind(koffi, loaded, found)
    problems.push(`${name} is ${found}`)
  }
  throw new MpiError(
    `the MPI library is missing: tried ${wanted.join(', ')} (${problems.at(-1)}); install ${kind ?? 'MPI'} ` +
      `(Debian: ${kind === 'MPICH' ? 'mpich' : 'openmpi-bin'}), or name its library by FOVEA_MPI=/path/to/libmpi.so`,
  )
}

/** Whether an implementation can be used here. */
export interface MpiState {
  readonly found: boolean
  /** `Open MPI 4.1.4`, or why it is not there. */
  readonly detail: string
}

/** Looks for an implementation's library. Nothing is started. */
export function findMpi(kind: MpiKind): MpiState {
  try {
    return { found: true, detail: versionOf(loadMpi({ kind }, true)) }
  } catch (error) {
    return { found: false, detail: (error as Error).message }
  }
}

/** `Open MPI 4.1.4`. */
export function versionOf({ functions, addressOf, kind }: MpiLibrary): string {
  const text = new Uint8Array(16384)
  const length = new Int32Array(16)
  functions.Get_library_version(addressOf(text), addressOf(length))
  const said = Buffer.from(text.subarray(0, length[0])).toString('latin1')
  return `${kind} ${/\d+\.\d+(\.\d+)?/.exec(said)?.[0] ?? ''}`.trim()
}

function loadKoffi(): Koffi {
  for (const { path, require } of peerPlaces(process, 'koffi')) return require(path) as Koffi
  throw new MpiError(
    'processes that train together (mpirun, srun) need the npm package koffi, which is missing: run `npm install koffi`',
  )
}

function kindOf(library: KoffiLibrary): MpiKind {
  try {
    library.symbol('ompi_mpi_comm_world', 'void')
    return 'Open MPI'
  } catch {
    return 'MPICH'
  }
}

function bind(koffi: Koffi, library: KoffiLibrary, kind: MpiKind): MpiLibrary {
  const handle = kind === 'MPICH' ? 'int' : 'uintptr_t'
  const make = (name: string, ...parameters: readonly string[]) =>
    library.func(
      `MPI_${name}`,
      'int',
      parameters.map(type => (type === 'handle' ? handle : type === 'address' ? 'uintptr_t' : type)),
    )
  const functions = {
    Init_thread: make('Init_thread', 'address', 'address', 'int', 'address'),
    Finalize: make('Finalize'),
    Comm_rank: make('Comm_rank', 'handle', 'address'),
    Comm_size: make('Comm_size', 'handle', 'address'),
    Comm_set_errhandler: make('Comm_set_errhandler', 'handle', 'handle'),
    Get_library_version: make('Get_library_version', 'address', 'address'),
    Error_string: make('Error_string', 'int', 'address', 'address'),
    // buffer, count, type, root, comm, request
    Ibcast: make('Ibcast', 'address', 'int', 'handle', 'int', 'handle', 'address'),
    // send, count, type, receive, count, type, comm, request
    Iallgather: make('Iallgather', 'address', 'int', 'handle', 'address', 'int', 'handle', 'handle', 'address'),
    Ialltoall: make('Ialltoall', 'address', 'int', 'handle', 'address', 'int', 'handle', 'handle', 'address'),
    // send, receive, count, type, operation, comm, request
    Iallreduce: make('Iallreduce', 'address', 'address', 'int', 'handle', 'handle', 'handle', 'address'),
    Ibarrier: make('Ibarrier', 'handle', 'address'),
    // buffer, count, type, to, tag, comm, request
    Isend: make('Isend', 'address', 'int', 'handle', 'int', 'int', 'handle', 'address'),
    // from, tag, comm, flag, status
    Iprobe: make('Iprobe', 'int', 'int', 'handle', 'address', 'address'),
    Test: make('Test', 'address', 'address', 'address'),
    Abort: make('Abort', 'handle', 'int'),
  }
  const alarm = koffi.load(null).func('alarm', 'unsigned int', ['unsigned int'])
  const symbol = (name: string): bigint => BigInt(koffi.address(library.symbol(name, 'void')))
  return {
    kind,
    functions,
    constants: kind === 'MPICH' ? mpich : openMpi(symbol),
    addressOf: view => BigInt(koffi.address(view)),
    alarm: seconds => void alarm(seconds),
  }
}

const openMpi = (symbol: (name: string) => bigint): MpiConstants => ({
  world: symbol('ompi_mpi_comm_world'),
  types: {
    byte: symbol('ompi_mpi_byte'),
    int: symbol('ompi_mpi_int'),
    float: symbol('ompi_mpi_float'),
    double: symbol('ompi_mpi_double'),
  },
  reductions: { sum: symbol('ompi_mpi_op_sum'), min: symbol('ompi_mpi_op_min'), max: symbol('ompi_mpi_op_max') },
  errorsReturn: symbol('ompi_mpi_errors_return'),
  inPlace: 1n,
  ignoreStatus: 0n,
})

/** MPI_COMM_WORLD, MPI_BYTE, …, from MPICH's mpi.h. */
const mpich: MpiConstants = {
  world: 0x44000000,
  types: { byte: 0x4c00010d, int: 0x4c000405, float: 0x4c00040a, double: 0x4c00080b },
  reductions: { sum: 0x58000003, min: 0x58000002, max: 0x58000001 },
  errorsReturn: 0x54000001,
  inPlace: 0xffff_ffff_ffff_ffffn,
  ignoreStatus: 1n,
}
