/** The error of an engine that has stopped. */

/**
 * Thrown when a computation breaks off (a thread or the graphics device was lost, a computed index was out of range), and by
 * every later call. Variables may be half updated, so the engine runs nothing more: start another one, and go on from a
 * snapshot or a checkpoint.
 */
export class StoppedError extends Error {
  override readonly name = 'StoppedError'

  /** What a call says that comes after the computation which broke off. */
  static after(failure: StoppedError): StoppedError {
    return new StoppedError(`the engine has stopped: ${failure.message}`, { cause: failure })
  }
}
