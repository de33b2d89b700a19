/**
 * The scalars of a run by their tags, each in order of its steps, with the time and the turn in which they were read: 28
 * bytes each. There is room for so many; beyond that every second value of the largest column is given back.
 */

/** A value at a step. */
export interface ScalarPoint {
  readonly step: number
  readonly value: number
  /** Seconds since 1970. */
  readonly time: number
  /** Its number among all values of the run, from 1. */
  readonly turn: number
}

/** The values of one tag. */
export class ScalarColumn {
  #length = 0
  #step = new Uint32Array(64)
  #value = new Float64Array(64)
  #time = new Float64Array(64)
  #turn = new Float64Array(64)
  #low = Number.POSITIVE_INFINITY
  #high = Number.NEGATIVE_INFINITY
  /** Of so many values one is kept. */
  #every = 1
  #skipped = 0

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#step.byteLength + this.#value.byteLength + this.#time.byteLength + this.#turn.byteLength
  }

  get every(): number {
    return this.#every
  }

  /** The least and the largest finite value there ever was. */
  get range(): readonly [low: number, high: number] {
    return [this.#low, this.#high]
  }

  /**
   * Adds a value; one of a step that is known takes the place of the earlier one.
   * @returns false when it is not the last: who has read on from a turn does not know
   */
  add(point: ScalarPoint): boolean {
    const { step, value } = point
    if (Number.isFinite(value)) {
      this.#low = Math.min(this.#low, value)
      this.#high = Math.max(this.#high, value)
    }
    const k = this.after(step)
    const isKnown = k > 0 && this.#step[k - 1] === step
    if (isKnown) {
      this.#set(k - 1, point)
      return false
    }
    const isLast = k === this.#length
    if (isLast && ++this.#skipped < this.#every) return true
    this.#skipped = 0
    if (this.#length === this.#step.length) this.#resize(Math.ceil(this.#length * 1.5))
    if (!isLast) for (const values of this.#all) values.copyWithin(k + 1, k, this.#length)
    this.#length++
    this.#set(k, point)
    return isLast
  }

  /** Drops all values from a step on. @returns whether there were any */
  dropFrom(step: number): boolean {
    const length = this.after(step - 1)
    const isShorter = length < this.#length
    this.#length = length
    return isShorter
  }

  /** Gives back every second value. */
  halve(): void {
    const length = Math.ceil(this.#length / 2)
    for (const values of this.#all) for (let k = 1; k < length; k++) values[k] = values[2 * k]!
    this.#length = length
    this.#every *= 2
    this.#resize(Math.ceil(length * 1.5) + 64)
  }

  row(k: number): ScalarPoint {
    return { step: this.#step[k]!, value: this.#value[k]!, time: this.#time[k]!, turn: this.#turn[k]! }
  }

  /** The last value up to a step. */
  at(step: number): ScalarPoint | undefined {
    const k = this.after(step) - 1
    return k < 0 ? undefined : this.row(k)
  }

  /** How many values there are up to a step. */
  after(step: number): number {
    return upTo(this.#step, this.#length, step)
  }

  /** Values that were read after a turn; all of them are the last ones of the column. */
  *since(turn: number): Generator<ScalarPoint> {
    for (let k = upTo(this.#turn, this.#length, turn); k < this.#length; k++) yield this.row(k)
  }

  get #all(): readonly (Uint32Array | Float64Array)[] {
    return [this.#step, this.#value, this.#time, this.#turn]
  }

  #set(k: number, { step, value, time, turn }: ScalarPoint): void {
    this.#step[k] = step
    this.#value[k] = value
    this.#time[k] = time
    this.#turn[k] = turn
  }

  #resize(capacity: number): void {
    const copy = <T extends Uint32Array | Float64Array>(next: T, values: T): T => {
      next.set(values.subarray(0, this.#length) as never)
      return next
    }
    this.#step = copy(new Uint32Array(capacity), this.#step)
    this.#value = copy(new Float64Array(capacity), this.#value)
    this.#time = copy(new Float64Array(capacity), this.#time)
    this.#turn = copy(new Float64Array(capacity), this.#turn)
  }
}

/** How many of the first values are at most so large; they are in order. */
function upTo(values: Uint32Array | Float64Array, length: number, most: number): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (values[middle]! <= most) low = middle + 1
    else high = middle
  }
  return low
}

/** Tags of a run that are kept. */
const mostTags = 1000

/** All values of a run. */
export class ScalarColumns {
  readonly #columns = new Map<string, ScalarColumn>()
  readonly #left = new Set<string>()
  readonly #most: number
  #total = 0
  #turn = 0
  #first = Number.POSITIVE_INFINITY
  #hasZero = false

  /** @param most values of all tags together: 100 MB by default */
  constructor(most = 3_500_000) {
    this.#most = most
  }

  /** Number of values that were read. */
  get turn(): number {
    return this.#turn
  }

  /** Time of the first value, seconds since 1970; infinite before. */
  get began(): number {
    return this.#first
  }

  /** Whether steps are counted from 0. */
  get hasZero(): boolean {
    return this.#hasZero
  }

  get bytes(): number {
    let bytes = 0
    for (const column of this.#columns.values()) bytes += column.bytes
    return bytes
  }

  /** What was left out, a sentence each. */
  get omissions(): string[] {
    const thin = [...this.#columns].filter(([, { every }]) => every > 1)
    return [
      ...thin.map(([tag, { every }]) => `Of ${tag} there are so many values that one of ${every} is kept.`),
      ...(this.#left.size > 0 ? [`Tags beyond the first ${mostTags} are left out.`] : []),
    ]
  }

  tags(): [tag: string, column: ScalarColumn][] {
    return [...this.#columns]
  }

  column(tag: string | undefined): ScalarColumn | undefined {
    return tag === undefined ? undefined : this.#columns.get(tag)
  }

  /** Adds a value. @returns false when whoever has read on from a turn does not know enough: a new tag, or a value between others */
  add(tag: string, step: number, value: number, time: number): boolean {
    let column = this.#columns.get(tag)
    const isNew = column === undefined
    if (!column) {
      if (this.#columns.size >= mostTags) {
        if (this.#left.size < mostTags) this.#left.add(tag)
        return true
      }
      column = new ScalarColumn()
      this.#columns.set(tag, column)
    }
    this.#first = Math.min(this.#first, time)
    const isFirstZero = step === 0 && !this.#hasZero
    this.#hasZero ||= step === 0
    const before = column.length
    const isLast = column.add({ step, value, time, turn: ++this.#turn })
    this.#total += column.length - before
    if (this.#total > this.#most) {
      const largest = [...this.#columns.values()].reduce((a, b) => (b.length > a.length ? b : a))
      this.#total -= largest.length
      largest.halve()
      this.#total += largest.length
      return false
    }
    return isLast && !isNew && !isFirstZero
  }

  /** Drops all values from a step on, which a process that began there writes again. @returns whether there were any */
  dropFrom(step: number): boolean {
    let isShorter = false
    for (const column of this.#columns.values()) {
      const before = column.length
      isShorter = column.dropFrom(step) || isShorter
      this.#total += column.length - before
    }
    return isShorter
  }
}
