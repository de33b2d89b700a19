/**
 * What tags of TensorBoard mean, by the words in them: `Loss/train`, `train_loss`, `epoch_loss` and `loss` are losses of
 * the training, `val/acc`, `val_accuracy` and `validation/epoch_accuracy` accuracies on images that were held out.
 */

const losses = new Set(['loss', 'cost', 'nll', 'crossentropy'])
const accuracies = new Set(['accuracy', 'acc', 'acc1', 'top1'])
const training = new Set(['train', 'training'])
const heldOut = new Set(['val', 'valid', 'validation', 'eval', 'dev'])
const testing = new Set(['test', 'testing'])
/** Words that say how often a value is written. */
const often = new Set(['step', 'epoch', 'batch', 'iteration', 'iter', 'avg', 'mean'])

/** A tag by its words. */
interface Meaning {
  readonly part: 'training' | 'heldOut' | 'testing'
  readonly kind: 'loss' | 'accuracy' | undefined
  /** The words that say what it is, but for the part and how often. */
  readonly base: string
  readonly words: number
}

function meaningOf(tag: string): Meaning {
  const words = tag
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
  const has = (set: ReadonlySet<string>): boolean => words.some(word => set.has(word))
  const base = words.filter(word => ![training, heldOut, testing, often].some(set => set.has(word))).sort()
  return {
    part: has(heldOut) ? 'heldOut' : has(testing) ? 'testing' : 'training',
    kind: has(losses) ? 'loss' : has(accuracies) ? 'accuracy' : undefined,
    base: base.join(' '),
    words: base.length,
  }
}

/** Whether a tag is by its words a loss or an accuracy of the training: of several the one with the fewest other words, and of those the one with the most values. */
export function trainingTag(
  kind: 'loss' | 'accuracy',
  tags: readonly (readonly [tag: string, values: number])[],
): string | undefined {
  const known = tags
    .map(([tag, values]) => ({ tag, values, ...meaningOf(tag) }))
    .filter(one => one.kind === kind && one.part === 'training')
    .sort((a, b) => a.words - b.words || b.values - a.values || (a.tag < b.tag ? -1 : 1))
  return known[0]?.tag
}

/** The tag that is the same on images that were held out; without a tag, the plainest of its kind. */
export function heldOutTag(
  kind: 'loss' | 'accuracy',
  tag: string | undefined,
  tags: readonly (readonly [tag: string, values: number])[],
): string | undefined {
  const base = tag === undefined ? undefined : meaningOf(tag).base
  const known = tags
    .map(([name, values]) => ({ name, values, ...meaningOf(name) }))
    .filter(one => one.part === 'heldOut' && one.name !== tag)
    .filter(one => (base === undefined ? one.kind === kind : one.base === base))
    .sort((a, b) => a.words - b.words || b.values - a.values || (a.name < b.name ? -1 : 1))
  return known[0]?.name
}
