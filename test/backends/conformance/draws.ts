/** How many random cases a backend is tried on, and which. */
import { full } from '../../support/full.ts'
import type { BackendUnderTest } from '../conformance.ts'

/**
 * Options of fast-check: the same cases in every run, and others for every backend, so that all of them together meet more
 * than one would. With FOVEA_FULL=1 three times as many.
 */
export const drawsFor = ({ name }: BackendUnderTest): { readonly seed: number; readonly numRuns: number } => ({
  seed: Array.from(name).reduce((hash, letter) => (31 * hash + letter.codePointAt(0)!) | 0, 20_250_101),
  numRuns: full ? 60 : 20,
})
