/** Where optional peers are: packages that only some programs need, such as koffi, which calls libraries of the system. */

/** A place from which a package can be loaded. */
export interface PeerPlace {
  readonly path: string
  readonly require: (name: string) => unknown
}

/** The places of a package, the best first: from this package, where npm puts its peers, and from the folder of the program that is run. */
export function* peerPlaces(process: NodeJS.Process, name: string): Generator<PeerPlace> {
  const { createRequire } = process.getBuiltinModule('node:module')
  for (const start of [import.meta.url, `${process.cwd()}/`]) {
    const require = createRequire(start)
    try {
      yield { path: require.resolve(name), require }
    } catch {
      // Not there.
    }
  }
}
