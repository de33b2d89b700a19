/** Replaces `wide.ts` in bundles for browsers, which cannot have wide vectors. */

import type * as node from './wide.ts'
import { settledChoice, withoutWide } from './wideChoice.ts'

/** Off. @throws Error when the choice is `'on'`. */
export const wideVectors: typeof node.wideVectors = (choice, precise = false) =>
  settledChoice(choice, precise) ?? withoutWide(choice, 'a browser')

/** Nothing is computed with wide vectors here, so nothing can be wrong with them. */
export const problemOfWide: typeof node.problemOfWide = () => undefined
