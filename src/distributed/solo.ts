/** A group of one process: for training in parts without MPI, and the plain case of every rule. */
import { type Communicator, checkStripes } from './communicator.ts'

/**
 * The communicator of a process that is alone.
 * @param host its name, for people
 * @example inParts({ parts: 8, communicator: soloCommunicator() })
 */
export function soloCommunicator(host = 'localhost'): Communicator {
  return {
    rank: 0,
    size: 1,
    hosts: [host],
    name: 'one process',
    computing: false,
    broadcast: async () => undefined,
    async allGather(mine, all) {
      checkStripes('allGather', [all], 1, mine.length)
      all.set(mine)
    },
    async allToAll(send, receive) {
      checkStripes('allToAll', [send, receive], 1)
      receive.set(send)
    },
    allReduce: async () => undefined,
    barrier: async () => undefined,
    abort(code) {
      const { process } = globalThis as { process?: { exit(code: number): never } }
      if (process) process.exit(code)
      throw new Error(`aborted with code ${code}`)
    },
    close: async () => undefined,
  }
}
