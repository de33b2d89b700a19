/** How well each class is recognized, read off a confusion matrix. */

/** How well one class is known. */
export interface ClassScore {
  readonly class: string
  readonly images: number
  readonly right: number
  /** Share of the class's images that were recognized; null when there are none. */
  readonly recall: number | null
  /** Share of the answers with this class that were right; null when there are none. */
  readonly precision: number | null
}

/**
 * Recall and precision of each class.
 * @param confusion answers, `[true class][answered class]`
 */
export function scoreClasses(confusion: readonly (readonly number[])[], classes: readonly string[]): ClassScore[] {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : null)
  return classes.map((name, k) => {
    const images = sum(confusion[k]!)
    const right = confusion[k]![k]!
    const answers = sum(confusion.map(row => row[k]!))
    return { class: name, images, right, recall: share(right, images), precision: share(right, answers) }
  })
}
