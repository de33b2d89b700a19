/**
 * Stored moments of a training, within a limit of memory. Any other moment is a stored one and the steps since, taken again,
 * which gives the same bits. When the limit is reached every second moment is let go, so that they stay evenly spread.
 */
import { historyKey, type Intervention } from '../state/recipe.ts'

/** All that a training is at one moment. */
export interface Snapshot {
  /** Steps taken. */
  readonly step: number
  /** Images taken. */
  readonly seen: number
  readonly optimizer: string
  /** Variables by part and path. */
  readonly tensors: ReadonlyMap<string, Float32Array>
}

/** Steps between two stored moments, to begin with. */
const firstSpacing = 8

/** Of the moments in between, that many are kept: those that were stored last. */
const mostRecent = 8

/** The stored moments of a training and of its fork. */
export class Snapshots {
  /** Most bytes. */
  readonly limit: number
  #spacing = firstSpacing
  #bytes = 0
  readonly #stored = new Map<string, Snapshot>()
  /** Keys of stored moments that lie between the evenly spread ones, the latest last. */
  #recent: string[] = []

  constructor(limit: number) {
    this.limit = limit
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether the moment after `step` steps is one to store. */
  wants(step: number, interventions: readonly Intervention[]): boolean {
    return step % this.#spacing === 0 && !this.#stored.has(keyOf(step, interventions))
  }

  /** Stores a moment; others may have to go. One that is not {@link wants | wanted} stays for a few others. */
  add(snapshot: Snapshot, interventions: readonly Intervention[]): void {
    const key = keyOf(snapshot.step, interventions)
    if (this.#stored.has(key)) return
    this.#stored.set(key, snapshot)
    this.#bytes += sizeOf(snapshot)
    if (snapshot.step % this.#spacing !== 0) this.#recent.push(key)
    if (this.#recent.length > mostRecent) this.#letGo(this.#recent.shift()!)
    while (this.#bytes > this.limit && this.#stored.size > 2) this.#thin()
  }

  /** The last stored moment of a line of training at or before a step. */
  before(step: number, interventions: readonly Intervention[]): Snapshot | undefined {
    let best: Snapshot | undefined
    for (const [key, snapshot] of this.#stored) {
      if (snapshot.step > step || (best && best.step >= snapshot.step)) continue
      if (key === keyOf(snapshot.step, interventions)) best = snapshot
    }
    return best
  }

  /** The beginning always stays. */
  #thin(): void {
    this.#spacing *= 2
    this.#recent = []
    for (const [key, { step }] of this.#stored) if (step % this.#spacing !== 0) this.#letGo(key)
  }

  #letGo(key: string): void {
    this.#bytes -= sizeOf(this.#stored.get(key)!)
    this.#stored.delete(key)
  }
}

const keyOf = (step: number, interventions: readonly Intervention[]): string =>
  `${step} ${historyKey(interventions, step)}`

const sizeOf = ({ tensors }: Snapshot): number =>
  [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
