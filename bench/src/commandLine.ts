/** What the benches' command lines share. */
import { fileURLToPath } from 'node:url'

/** The folder of the repository. */
export const repository = fileURLToPath(new URL('../..', import.meta.url))

/** The command that this process was started by. @param script of bench/package.json */
export function commandOf(script: string): string {
  const options = process.argv.slice(2)
  return [`npm --prefix bench run ${script}`, ...(options.length > 0 ? ['--', ...options] : [])].join(' ')
}
