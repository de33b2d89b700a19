/** The error for a program that does not fit an engine's memory. */

/** The memory a program needs and the memory available. */
export interface MemoryNeed {
  /** Bytes the engine would hold: what it already holds, plus the program's variables, arena and scratch. */
  readonly bytes: number
  /** The most bytes the engine can hold; infinite where that shows only when memory is taken. */
  readonly limit: number
}

/** Thrown for a program that does not fit an engine's memory. Programs compiled earlier still run. */
export class MemoryError extends Error {
  override readonly name = 'MemoryError'
  readonly need: MemoryNeed

  /** @param cure what to do about it */
  constructor(need: MemoryNeed, cure = 'use a smaller batch') {
    const most = Number.isFinite(need.limit) ? `${megabytes(need.limit)} at most` : 'more than the device has'
    super(`out of memory: ${megabytes(need.bytes)} needed, ${most}: ${cure}`)
    this.need = need
  }
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`
