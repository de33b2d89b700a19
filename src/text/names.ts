/** Messages for names that do not exist, suggesting the nearest existing name. */

/** `unknown data set 'minst' (did you mean 'mnist'?); available: mnist`. */
export function unknownName(kind: string, name: string, names: readonly string[]): string {
  return `unknown ${kind} '${name}'${didYouMean(name, names)}; available: ${names.join(', ')}`
}

/** ` (did you mean 'mnist'?)`, to append to a name; empty when no other name is near. */
export function didYouMean(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names)
  return nearest === undefined ? '' : ` (did you mean '${nearest}'?)`
}

/**
 * The shortest candidate that begins with `name`, or else the candidate with the fewest edits, if a typo explains
 * them.
 */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '')
  const wanted = plain(name)
  const ranked = candidates
    .map(candidate => ({ candidate, text: plain(candidate), distance: editDistance(wanted, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance)
  const [nearest] = ranked
  if (nearest === undefined || nearest.distance === 0) return nearest?.candidate
  const whole = ranked.find(({ text }) => wanted.length >= leastBeginning && text.startsWith(wanted))
  if (whole) return whole.candidate
  return nearest.distance <= Math.max(2, Math.floor(nearest.text.length / 3)) ? nearest.candidate : undefined
}

/** The fewest letters of a prefix that identify the intended name. */
const leastBeginning = 3

/** Levenshtein distance: the smallest number of inserted, deleted and replaced characters. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
