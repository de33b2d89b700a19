/** Contents of a pickle once it is read: plain data, and opaque objects that the reader's host has made. */

/**
 * A value of a pickle. `None` is `null`; Python's ints are `number` where exact and `bigint` beyond; bytes are views.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleSequence
  | PickleDictionary
  | PickleObject

/** A list, tuple, set or frozenset. */
export class PickleSequence {
  readonly kind: 'list' | 'tuple' | 'set' | 'frozenset'
  readonly items: PickleValue[]
  constructor(kind: PickleSequence['kind'], items: PickleValue[] = []) {
    this.kind = kind
    this.items = items
  }
}

/** A dictionary, in order of insertion. */
export class PickleDictionary {
  #entries: Map<PickleValue, PickleValue> | undefined
  /** Keys and values; made when first used, so that a file of empty dictionaries costs little memory. */
  get entries(): Map<PickleValue, PickleValue> {
    this.#entries ??= new Map()
    return this.#entries
  }
}

/** Base of what a host returns for a global, a call or a persistent id. None of it comes from the file. */
export abstract class PickleObject {
  /** Its name in messages: `torch.FloatStorage`. */
  abstract readonly description: string
}

/** Short description of any value, for messages; never descends. */
export function describeValue(value: PickleValue): string {
  if (value === null) return 'None'
  if (typeof value === 'string') return value.length > 60 ? `text of ${value.length} characters` : JSON.stringify(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (value instanceof PickleSequence) return `${value.kind} of ${value.items.length} values`
  if (value instanceof PickleDictionary) return `dictionary of ${value.entries.size} entries`
  if (value instanceof PickleObject) return value.description
  return String(value)
}

/** Short descriptions of the first few values. */
export function describeValues(values: readonly PickleValue[]): string {
  return [...values.slice(0, 8).map(describeValue), ...(values.length > 8 ? ['…'] : [])].join(', ')
}
