/** The machine-independent part of the choice between plain and wide vectors. */

/** What to do about wide vectors: use them where they work, insist on them, or do without. */
export type WideChoice = 'auto' | 'on' | 'off'

/** Whether an engine uses wide vectors, and what decided that. */
export interface WideVectors {
  readonly on: boolean
  /** `Node 24.21.0 on a processor with AVX2`, or why not. */
  readonly reason: string
}

/** What a choice means on any machine; `undefined` when it depends on the machine. */
export function settledChoice(choice: WideChoice, precise: boolean): WideVectors | undefined {
  if (choice === 'off') return { on: false, reason: "wide: 'off'" }
  if (choice === 'auto' && precise) {
    return { on: false, reason: 'precise: the same results with wide vectors and without' }
  }
  return undefined
}

/**
 * What a choice means where V8 does not join vectors.
 * @param found the runtime: `a browser`, `Node 22.1.0 on arm64`
 * @throws Error when the choice is `'on'`.
 */
export function withoutWide(choice: WideChoice, found: string): WideVectors {
  if (choice === 'on') throw new Error(`wide: 'on' needs Node 24 or later on x64; this is ${found}`)
  return { on: false, reason: `needs Node 24 or later on x64; this is ${found}` }
}
