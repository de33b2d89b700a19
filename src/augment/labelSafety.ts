/**
 * Label safety: a transform must not turn a picture into one of another class under the old label. The mirror image of a
 * photograph of a cat is a photograph of a cat; that of a b is a d, and a 6 upside down is a 9.
 */
import { LabelSafetyError } from './errors.ts'
import type { Transform } from './transform.ts'

/** Facts about a data set that the check needs. */
export interface LabeledClasses {
  readonly name: string
  readonly classes: readonly string[]
  /** True when the classes are written symbols, which are not the same mirrored or upside down. */
  readonly symbols?: boolean
}

/** True when the classes are symbols: every name is one letter or digit. */
export const areSymbols = (classes: readonly string[]): boolean =>
  classes.length > 1 && classes.every(name => /^[\p{L}\p{N}]$/u.test(name))

/** Why a transform is refused, for the first that is; undefined when all are safe. */
export function labelRisk(
  transforms: readonly Transform[],
  { name, classes, symbols }: LabeledClasses,
): string | undefined {
  if (symbols !== true) return undefined
  const risky = transforms.find(transform => transform.risk !== undefined)
  if (!risky) return undefined
  const shown = classes.slice(0, 3).join(', ')
  const what =
    risky.risk === 'mirrors pictures'
      ? 'mirrored, a symbol is another or none (b and d, 2 and 5)'
      : 'upside down, a symbol may be another (6 and 9, n and u)'
  return (
    `${risky.name} ${risky.risk}, but the classes of ${name} are written symbols (${shown}, …): ${what}; ` +
    'the labels would be wrong'
  )
}

/** @throws LabelSafetyError when a transform would make labels wrong, with the reason and how to insist. */
export function refuseLabelRisk(transforms: readonly Transform[], data: LabeledClasses): void {
  const reason = labelRisk(transforms, data)
  if (reason) throw new LabelSafetyError(`${reason}. To do so anyway: compose([…], { allowLabelChanges: true })`)
}
