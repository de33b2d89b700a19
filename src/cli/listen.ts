/** Servers of commands: where they listen, and how long. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CommandError } from './terminal/errors.ts'
import { Interrupt } from './terminal/interrupt.ts'

/** Where a server listens. */
export interface ListenPlace {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** How the command's option asks for a free port. */
  readonly anyPort: '0' | 'none'
}

/**
 * Starts a server.
 * @param place the options of the command: where to listen, and how to ask for any free port
 * @returns where it listens
 * @throws CommandError naming the option when the port is taken or not allowed, or the host is not an address of this
 * machine
 */
export async function listen(server: Server, place: ListenPlace): Promise<AddressInfo> {
  const { host, port } = place
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, place)))
    server.listen(port, host, resolve)
  })
  return server.address() as AddressInfo
}

function listenError(error: NodeJS.ErrnoException, { host, port, anyPort }: ListenPlace): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `--port ${port}: the port is taken; choose another, or ${anyPort} for any that is free`,
    EACCES: `--port ${port}: needs more rights; choose one from 1024`,
    EADDRNOTAVAIL: `--host ${host}: is not an address of this machine`,
    ENOTFOUND: `--host ${host}: is not an address of this machine`,
  }
  const reason = reasons[error.code ?? '']
  return reason === undefined ? error : new CommandError(reason, { cause: error })
}

/** Waits for Ctrl-C or a similar signal. @returns the signal, to be disposed of when the command is done */
export const interruption = (): Promise<Interrupt> =>
  new Promise(resolve => {
    const listening: Interrupt = new Interrupt(() => resolve(listening))
  })
