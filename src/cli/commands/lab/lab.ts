/** `fovea lab`: serves the Lab until Ctrl-C. */
import { fileURLToPath } from 'node:url'
import { interruption } from '../../listen.ts'
import { print, warn } from '../../terminal/output.ts'
import { serveLab } from './server.ts'

/** The built page, beside the built command line. */
const site = fileURLToPath(new URL('../../../lab', import.meta.url))

/** @returns the exit code */
export async function lab({ port = 0 }: { readonly port?: number }): Promise<number> {
  const server = await serveLab({ port, site, warn })
  print(`The Lab is at ${server.address}`, 'Ctrl-C ends it.')
  const interrupt = await interruption()
  await server.close()
  interrupt.dispose()
  return interrupt.exitCode
}
