/** Files in a folder of pictures whose names are not those of pictures: counted by ending, and reported. */

/** Number of files by ending: `{ '.txt': 3 }`; a name without an ending is its own key. */
export type EndingCounts = Readonly<Record<string, number>>

/** Number of files. */
export const total = (counts: EndingCounts): number => Object.values(counts).reduce((a, b) => a + b, 0)

/** The sums of two counts. */
export function addCounts(a: EndingCounts, b: EndingCounts): EndingCounts {
  const sums = new Map(Object.entries(a))
  for (const [ending, count] of Object.entries(b)) sums.set(ending, (sums.get(ending) ?? 0) + count)
  return Object.fromEntries(sums)
}

/** Most endings that are listed; the rest is `…`. */
const mostEndings = 5

/** `8 files that are not pictures (.txt, .csv)`, the most frequent ending first; an empty string for no files. */
export function describeOthers(counts: EndingCounts): string {
  const count = total(counts)
  if (count === 0) return ''
  const endings = Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const told = endings.slice(0, mostEndings).map(([ending]) => ending)
  if (endings.length > mostEndings) told.push('…')
  return `${count} ${count === 1 ? 'file that is not a picture' : 'files that are not pictures'} (${told.join(', ')})`
}
