/** Replaces `native.ts` in bundles for browsers, which cannot run machine code. */
import type * as node from './native.ts'

/** Off. @throws Error when the choice is `'on'`. */
export const nativeKernels: typeof node.nativeKernels = choice => {
  if (choice === 'on') throw new Error("native: 'on' is impossible here: it needs Node; this is a browser")
  return { on: false, reason: choice === 'off' ? "native: 'off'" : 'it needs Node; this is a browser' }
}

/** @throws Error always: there is no machine code here. */
export const linkNative: typeof node.linkNative = () => {
  throw new Error('native code needs Node; this is a browser')
}

/** There are no native kernels here, so nothing can be wrong with them. */
export const problemOfNative: typeof node.problemOfNative = () => undefined
