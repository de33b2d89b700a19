/**
 * A communicator over MPI. Operations do not block: they are begun, and asked for until they are done, so that signals
 * are heard, a silent process is noticed, and processes that share a core leave it to each other.
 */
import { cpus, hostname } from 'node:os'
import process from 'node:process'
import { Turns } from '../async/turns.ts'
import {
  type Communicator,
  checkStripes,
  type Exchanged,
  mostBytes,
  nameOf,
  type Reduction,
  SilenceError,
} from './communicator.ts'
import { launched, MpiError } from './launcher.node.ts'
import { type Handle, loadMpi, type MpiLibrary, versionOf } from './library.node.ts'
import { soloCommunicator } from './solo.ts'
import { type Waiter, waitUntil } from './waiting.node.ts'

/** Options of {@link openMpi}. */
export interface MpiOptions {
  /**
   * Seconds after which a process that does not answer counts as lost; `FOVEA_MPI_TIMEOUT`, or 300. It must be longer
   * than any process works alone: reading data, writing a checkpoint.
   */
  readonly timeout?: number
}

const usualTimeout = 300
/** Seconds in which the launcher passes on what a process has said before it aborts. */
const farewellSeconds = 1
/** Seconds that an abort may take before the system ends the process. */
const abortSeconds = 5
/** Seconds in which the others' signs of life must arrive. */
const graceSeconds = 2
/** Tag of signs of life. */
const lifeTag = 7717

/**
 * Joins the processes that `mpirun` or `srun` has started together. A process that was started alone, or as the only
 * one, gets a communicator of its own, without MPI.
 * @throws MpiError when koffi or libmpi is missing, or the library is not the launcher's; RangeError for a timeout that
 * is not a positive number.
 * @example
 * const communicator = await openMpi()
 * const values = Float32Array.of(communicator.rank)
 * await communicator.allReduce(values) // 0 + 1 + 2 + … everywhere
 * await communicator.close()
 */
export async function openMpi({ timeout = timeoutOf(process.env) }: MpiOptions = {}): Promise<Communicator> {
  if (!(timeout > 0)) throw new RangeError(`openMpi: timeout (=${timeout}) must be a number of seconds above 0`)
  const found = launched()
  if (!found || found.size === 1) return soloCommunicator(hostname())
  const library = loadMpi(found)
  const communicator = new MpiCommunicator(library, 1000 * timeout)
  if (communicator.size !== found.size) {
    throw new MpiError(
      `the launcher started ${found.size} processes, but ${versionOf(library)} sees ${communicator.size}: ` +
        'mpirun and the library belong to different implementations of MPI (FOVEA_MPI=openmpi or mpich chooses one)',
    )
  }
  await communicator.meet()
  return communicator
}

/** @throws MpiError when FOVEA_MPI_TIMEOUT is no number of seconds */
function timeoutOf({ FOVEA_MPI_TIMEOUT: given }: Readonly<Record<string, string | undefined>>): number {
  if (given === undefined || given === '') return usualTimeout
  if (Number(given) > 0) return Number(given)
  throw new MpiError(`FOVEA_MPI_TIMEOUT (=${given}) must be a number of seconds above 0`)
}

class MpiCommunicator implements Communicator {
  readonly rank: number
  readonly size: number
  readonly name: string
  computing = false
  #hosts: readonly string[] = []
  readonly #library: MpiLibrary
  readonly #timeout: number
  readonly #turns = new Turns()
  /** A request (at most 8 bytes), and the flag of whether it is done. */
  readonly #request = new BigInt64Array(8)
  readonly #flag = new Int32Array(16)
  readonly #at: { readonly request: Handle; readonly flag: Handle }
  #waiter: Waiter = { crowded: true, computes: () => this.computing }
  #closed = false

  constructor(library: MpiLibrary, timeout: number) {
    this.#library = library
    this.#timeout = timeout
    const { functions, constants, addressOf } = library
    // The address of an array that has no buffer yet could change.
    this.#at = { request: addressOf(fixed(this.#request)), flag: addressOf(fixed(this.#flag)) }
    const { flag } = this.#at
    this.#check('MPI_Init_thread', functions.Init_thread(0, 0, 1, flag))
    this.#check('MPI_Comm_set_errhandler', functions.Comm_set_errhandler(constants.world, constants.errorsReturn))
    const ask = (what: 'Comm_rank' | 'Comm_size'): number => {
      this.#check(`MPI_${what}`, functions[what](constants.world, flag))
      return this.#flag[0]!
    }
    this.rank = ask('Comm_rank')
    this.size = ask('Comm_size')
    this.name = versionOf(library)
  }

  get hosts(): readonly string[] {
    return this.#hosts
  }

  /** Learns the others' hosts, and whether there are more processes than cores on one. */
  async meet(): Promise<void> {
    const longest = 256
    const own = new Uint8Array(longest)
    own.set(Buffer.from(hostname()).subarray(0, longest))
    const all = new Uint8Array(longest * this.size)
    await this.allGather(own, all)
    this.#hosts = Array.from({ length: this.size }, (_, rank) =>
      Buffer.from(all.subarray(rank * longest, (rank + 1) * longest))
        .toString()
        .replace(/\0+$/, ''),
    )
    const here = this.#hosts.filter(host => host === hostname()).length
    this.#waiter = { ...this.#waiter, crowded: here > cpus().length }
  }

  async broadcast(values: Exchanged, root = 0): Promise<void> {
    const { functions, constants } = this.#library
    const { byte } = constants.types
    for (const piece of piecesOf(values)) {
      await this.#run('MPI_Ibcast', [piece], ([at], request) =>
        functions.Ibcast(at!, piece.byteLength, byte, root, constants.world, request),
      )
    }
  }

  async allGather<T extends Exchanged>(mine: T, all: T): Promise<void> {
    checkStripes('allGather', [all], this.size, mine.length)
    const { functions, constants } = this.#library
    const { byte } = constants.types
    await this.#run('MPI_Iallgather', [mine, all], ([from, to], request) =>
      functions.Iallgather(from!, mine.byteLength, byte, to!, mine.byteLength, byte, constants.world, request),
    )
  }

  async allToAll<T extends Exchanged>(send: T, receive: T): Promise<void> {
    checkStripes('allToAll', [send, receive], this.size)
    const { functions, constants } = this.#library
    const { byte } = constants.types
    const bytes = send.byteLength / this.size
    await this.#run('MPI_Ialltoall', [send, receive], ([from, to], request) =>
      functions.Ialltoall(from!, bytes, byte, to!, bytes, byte, constants.world, request),
    )
  }

  async allReduce(values: Float32Array | Float64Array | Int32Array, reduction: Reduction = 'sum'): Promise<void> {
    const { functions, constants } = this.#library
    const { types, reductions, inPlace, world } = constants
    const type = values instanceof Float32Array ? types.float : values instanceof Int32Array ? types.int : types.double
    for (const piece of piecesOf(values)) {
      await this.#run('MPI_Iallreduce', [piece], ([at], request) =>
        functions.Iallreduce(inPlace, at!, piece.length, type, reductions[reduction], world, request),
      )
    }
  }

  async barrier(): Promise<void> {
    const { functions, constants } = this.#library
    await this.#run('MPI_Ibarrier', [], (_, request) => functions.Ibarrier(constants.world, request))
  }

  abort(code: number): never {
    const { functions, constants, alarm } = this.#library
    // A launcher that is told to abort may lose what this process has said just before.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000 * farewellSeconds)
    // When a link is cut, MPI_Abort may not return.
    alarm(abortSeconds)
    functions.Abort(constants.world, code)
    process.exit(code)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    // Here, with naps: MPI_Finalize would wait without.
    await this.barrier()
    this.#closed = true
    this.#check('MPI_Finalize', this.#library.functions.Finalize())
  }

  /** Begins an operation and waits until it is done. The arrays stay alive as long. */
  #run(
    what: string,
    arrays: readonly Exchanged[],
    begin: (addresses: readonly Handle[], request: Handle) => number,
  ): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#closed) throw new MpiError(`${what}: the communicator is closed`)
      const { addressOf } = this.#library
      const { request } = this.#at
      this.#check(
        what,
        begin(
          arrays.map(array => addressOf(fixed(array))),
          request,
        ),
      )
      if (!(await waitUntil(() => this.#isDone(what), this.#waiter, this.#timeout))) throw await this.#silence(arrays)
    })
  }

  #isDone(what: string): boolean {
    const { functions, constants } = this.#library
    const { request, flag } = this.#at
    this.#check(what, functions.Test(request, flag, constants.ignoreStatus))
    return this.#flag[0] !== 0
  }

  /** Asks the others for a sign of life: all that wait for the same operation do so at about the same time. */
  async #silence(_alive: readonly Exchanged[]): Promise<SilenceError> {
    const { functions, constants, addressOf } = this.#library
    const { world, types } = constants
    const sign = fixed(new Uint8Array(64))
    const requests = fixed(new BigInt64Array(Math.max(8, this.size)))
    const start = addressOf(requests)
    const others = Array.from({ length: this.size }, (_, rank) => rank).filter(rank => rank !== this.rank)
    for (const rank of others) {
      functions.Isend(addressOf(sign), 1, types.byte, rank, lifeTag, world, start + BigInt(8 * rank))
    }
    const silent = new Set(others)
    const isHeard = (rank: number): boolean => {
      functions.Iprobe(rank, lifeTag, world, this.#at.flag, constants.ignoreStatus)
      return this.#flag[0] !== 0
    }
    await waitUntil(
      () => {
        for (const rank of silent) if (isHeard(rank)) silent.delete(rank)
        return silent.size === 0
      },
      this.#waiter,
      1000 * graceSeconds,
    )
    const seconds = `${this.#timeout / 1000} s`
    const ranks = [...silent]
    const who = ranks.map(rank => nameOf(this, rank)).join(', ')
    return new SilenceError(
      ranks.length === 0
        ? `an exchange was not done in ${seconds}, though all processes live (FOVEA_MPI_TIMEOUT sets that time)`
        : `no answer for ${seconds} from ${who}: it hangs, or its host or link is gone (FOVEA_MPI_TIMEOUT sets that time)`,
      ranks,
    )
  }

  #check(what: string, code: number): void {
    if (code === 0) return
    const { functions, addressOf } = this.#library
    const text = fixed(new Uint8Array(8192))
    const length = fixed(new Int32Array(16))
    functions.Error_string(code, addressOf(text), addressOf(length))
    throw new MpiError(`${what} failed: ${Buffer.from(text.subarray(0, length[0])).toString('latin1')}`)
  }
}

/** An array whose address will not change: small ones get their place only when their buffer is asked for. */
function fixed<T extends ArrayBufferView>(array: T): T {
  void array.buffer
  return array
}

/** An array in pieces whose bytes MPI can count. */
function* piecesOf<T extends Exchanged>(values: T): Generator<T> {
  const most = Math.floor(mostBytes / values.BYTES_PER_ELEMENT)
  for (let start = 0; start < values.length; start += most) yield values.subarray(start, start + most) as T
}
