/**
 * Classes that every runtime has, but TypeScript declares only with the DOM or with Node's types. With these names, a
 * program that has neither can still read the declarations; no value has these types there.
 */
type Global<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer Instance }> ? Instance : never

/** `Blob`, and so `File`. */
export type GlobalBlob = Global<'Blob'>

/** `URL` */
export type GlobalUrl = Global<'URL'>

/** `Response`, the answer of a server. */
export type GlobalResponse = Global<'Response'>
