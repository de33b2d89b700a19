/** Warnings of the engine. */

/** Warns the user once, as Node warns of deprecations: on the standard error stream, unless the program listens. */
export function warn(message: string): void {
  const { process } = globalThis as { process?: { emitWarning?(message: string, type: string): void } }
  if (process?.emitWarning) process.emitWarning(message, 'FoveaWarning')
  else console.warn(`fovea: ${message}`)
}
