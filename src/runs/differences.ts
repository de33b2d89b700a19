/** The fields in which recipes differ. */
import { isRecord } from '../rules/record.ts'

/** A field, `optimizer.lr`, and its value in each recipe; undefined where there is none. */
export interface Difference {
  readonly field: string
  readonly values: readonly unknown[]
}

/** Fields that say nothing about how a network is trained. */
const asides = ['fovea', 'epochs', 'test', 'checkpoints', 'alarms']

/**
 * Compares recipes, objects field by field and all other values as they are.
 * @param left names of fields of the recipe itself that are left out; by default those that say nothing about how a network is trained
 */
export function differencesOf(recipes: readonly unknown[], left: readonly string[] = asides): Difference[] {
  const found: Difference[] = []
  const visit = (values: readonly unknown[], path: string): void => {
    if (values.every(value => JSON.stringify(value) === JSON.stringify(values[0]))) return
    if (!values.every(isRecord)) {
      found.push({ field: path, values })
      return
    }
    for (const key of new Set(values.flatMap(value => Object.keys(value)))) {
      if (path === '' && left.includes(key)) continue
      visit(
        values.map(value => (Object.hasOwn(value, key) ? value[key] : undefined)),
        path === '' ? key : `${path}.${key}`,
      )
    }
  }
  visit(recipes, '')
  return found
}
