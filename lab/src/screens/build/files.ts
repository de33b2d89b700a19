import type { Shown } from './state.ts'

/** A network of a file. */
export interface OpenedFile {
  readonly shown: Shown
}
