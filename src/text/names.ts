/** What to say to a name that does not exist. */
import { nearestName } from '../models/catalog.ts'

/** `unknown data set 'minst' (did you mean 'mnist'?); there are: mnist`. */
export function unknownName(kind: string, name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names)
  const hint = nearest === undefined ? '' : ` (did you mean '${nearest}'?)`
  return `unknown ${kind} '${name}'${hint}; there are: ${names.join(', ')}`
}
