/** `fovea lab`: serves the Lab until Ctrl-C. */
import { interruption } from '../../listen.ts'
import { print, warn } from '../../terminal/output.ts'
import { serveLab } from './server.ts'
import { site } from './site.ts'

/**
 * @param runs a folder of runs, or one run, that the page shows first
 * @returns the exit code
 */
export async function lab(runs: string | undefined, { port = 0 }: { readonly port?: number }): Promise<number> {
  const server = await serveLab({ port, site, warn, runs })
  print(`The Lab is at ${server.address}${runs === undefined ? '' : '#screen=runs'}`, 'Ctrl-C ends it.')
  const interrupt = await interruption()
  await server.close()
  interrupt.dispose()
  return interrupt.exitCode
}
