/** Work whose results are kept, such as compiled programs. */

/** Results by key, each made when it is first asked for. What failed is made again when it is asked for again. */
export class Kept<K, V> {
  readonly #results = new Map<K, Promise<V>>()

  /** The result of a key. @param make called unless the result is kept, or on its way */
  of(key: K, make: () => Promise<V>): Promise<V> {
    const known = this.#results.get(key)
    if (known) return known
    const result = make()
    this.#results.set(key, result)
    result.catch(() => this.#results.delete(key))
    return result
  }
}
