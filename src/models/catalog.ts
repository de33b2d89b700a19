/** The models that the command line and the documentation know by name. */
import type { Module } from '../nn/module.ts'
import { lenet5 } from './lenet.ts'

/** A model by name. */
export interface ModelEntry {
  /** A new model with unfilled parameters; call `initialize(seed)` on it. */
  create(options?: { readonly classes?: number }): Module
  /** `[channels, height, width]` of one image. */
  readonly inputShape: readonly [number, number, number]
  /** Number of outputs by default. */
  readonly classes: number
  /** One line for lists. */
  readonly description: string
  /** Where the network was published. */
  readonly reference: string
}

/** All models by name. */
export const models = {
  lenet5: {
    /** LeNet-5 with unfilled parameters. */
    create: options => lenet5(options),
    inputShape: [1, 28, 28],
    classes: 10,
    description: 'LeNet-5 with ReLU and max pooling, for 28×28 digits',
    reference: 'LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86(11), 1998',
  },
} as const satisfies Record<string, ModelEntry>

/** A name in {@link models}. */
export type ModelName = keyof typeof models

/**
 * The entry of a model.
 * @throws Error for an unknown name, with the names that exist and the nearest of them.
 * @example const model = findModel('lenet5').create().initialize(0)
 */
export function findModel(name: string): ModelEntry {
  if (Object.hasOwn(models, name)) return models[name as ModelName]
  const names = Object.keys(models)
  const nearest = nearestName(name, names)
  const hint = nearest ? ` Did you mean '${nearest}'?` : ''
  throw new Error(`There is no model '${name}'.${hint} Models: ${names.join(', ')}.`)
}

/** The candidate with the fewest edits to `name`, if that is few enough to be a slip. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '')
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const distance = editDistance(plain(name), plain(candidate))
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best !== undefined && least <= Math.max(2, Math.floor(plain(best).length / 3)) ? best : undefined
}

/** Levenshtein distance: the least number of inserted, deleted and replaced characters. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}
