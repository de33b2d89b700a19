/** How a long call is ended early. */

/**
 * The part of an `AbortSignal` that is used; browsers and Node have them, and the library needs the types of neither.
 */
export interface CancelSignal {
  /** Throws the signal's reason once it is aborted. */
  throwIfAborted(): void
}
