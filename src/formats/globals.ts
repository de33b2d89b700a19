/**
 * Classes that every runtime has, but TypeScript declares with the DOM or with Node's types only. Declarations that name them so
 * can be read by a program that has neither; there no value is of these types.
 */
type Global<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer Instance }> ? Instance : never

/** `Blob`, and so `File`. */
export type GlobalBlob = Global<'Blob'>

/** `URL` */
export type GlobalUrl = Global<'URL'>

/** `Response`, the answer of a server. */
export type GlobalResponse = Global<'Response'>
