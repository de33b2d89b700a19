/** Where the package koffi is, an optional peer that calls libraries of the system. */

/** A place from which koffi can be loaded. */
export interface KoffiPlace {
  readonly path: string
  readonly require: (name: string) => unknown
}

/** The places of koffi, the best first: from this package, where npm puts its peers, and from the folder of the program that is run. */
export function* koffiPlaces(process: NodeJS.Process): Generator<KoffiPlace> {
  const { createRequire } = process.getBuiltinModule('node:module')
  for (const start of [import.meta.url, `${process.cwd()}/`]) {
    const require = createRequire(start)
    try {
      yield { path: require.resolve('koffi'), require }
    } catch {
      // Not there.
    }
  }
}
