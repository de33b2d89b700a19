/** What ends a long call before its time. */

/** An `AbortSignal`, of which no more is used; browsers and Node have them, and the library needs the types of neither. */
export interface CancelSignal {
  /** Throws the signal's reason once it is aborted. */
  throwIfAborted(): void
}
