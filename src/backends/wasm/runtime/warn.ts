/** Warnings of the engine. */

/** Tells the user once, as Node tells of what is deprecated: on the standard error stream, unless the program listens. */
export function warn(message: string): void {
  const { process } = globalThis as { process?: { emitWarning?(message: string, type: string): void } }
  if (process?.emitWarning) process.emitWarning(message, 'FoveaWarning')
  else console.warn(`fovea: ${message}`)
}
