/** Which Fovea this is. */
import { createRequire } from 'node:module'

/** The package's version, read from its `package.json`; the path is the same from `src/cli` and `dist/cli`. */
export function foveaVersion(): string {
  const about = createRequire(import.meta.url)('../../package.json') as { readonly version: string }
  return about.version
}
