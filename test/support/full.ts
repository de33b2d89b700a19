/** Whether suites run in all their modes, sizes and cases (`FOVEA_FULL=1`), for an hour; usually each thing is tested once. */
export const full = process.env.FOVEA_FULL === '1'

/** The first cases always, and the others too with `FOVEA_FULL=1`. */
export const withMore = <T>(always: readonly T[], more: readonly T[]): readonly T[] =>
  full ? [...always, ...more] : always
