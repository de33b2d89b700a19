/** What an engine says when a program does not fit its memory. */

/** Memory that a program takes, and what there is. */
export interface MemoryNeed {
  /** Bytes that the engine would hold with the program: what it holds already, the program's variables, arena and scratch. */
  readonly bytes: number
  /** The most that it can hold. */
  readonly limit: number
}

/** Thrown for a program that does not fit an engine's memory. What was compiled before still runs. */
export class MemoryError extends Error {
  override readonly name = 'MemoryError'
  readonly need: MemoryNeed

  /** @param cure what to do about it */
  constructor(need: MemoryNeed, cure = 'use a smaller batch') {
    super(`out of memory: ${megabytes(need.bytes)} needed, ${megabytes(need.limit)} at most: ${cure}`)
    this.need = need
  }
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`
