/** All steps of a run in typed arrays, which grow with it: 28 bytes a step. */
import { bucketSize, Curve, type CurveStep } from './curve.ts'

/** How much larger arrays become that are full. */
const growth = 1.5

/** The steps, in order. */
export class StepColumns {
  #length = 0
  #step = new Uint32Array(256)
  #loss = new Float64Array(256)
  #accuracy = new Float64Array(256)
  #seconds = new Float64Array(256)

  /** Number of steps. */
  get length(): number {
    return this.#length
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#step.byteLength + this.#loss.byteLength + this.#accuracy.byteLength + this.#seconds.byteLength
  }

  /** Adds a step. One that is not after the last is left out: a log has every step once. */
  add({ step, loss, accuracy, seconds }: CurveStep): void {
    const k = this.#length
    if (k > 0 && step <= this.#step[k - 1]!) return
    if (k === this.#step.length) this.#resize(Math.ceil(k * growth))
    this.#step[k] = step
    this.#loss[k] = loss
    this.#accuracy[k] = accuracy
    this.#seconds[k] = seconds
    this.#length++
  }

  /** Gives back what no step has filled. */
  trim(): void {
    if (this.#step.length > 1.1 * this.#length) this.#resize(Math.max(1, this.#length))
  }

  /** The last step up to a number; undefined before the first. */
  at(step: number): CurveStep | undefined {
    const k = this.#after(step) - 1
    return k < 0 ? undefined : this.#row(k)
  }

  /**
   * The curve of some steps, in whole buckets.
   * @param from the first one
   * @param to the last one
   * @param most buckets that it may have
   */
  curve(from: number, to: number, most: number): Curve {
    const last = this.#length === 0 ? 0 : this.#step[this.#length - 1]!
    const end = Math.max(from, Math.min(to, last))
    const size = bucketSize(from, end, most)
    const first = Math.floor((from - 1) / size)
    const curve = new Curve(size, first)
    const until = (Math.floor((end - 1) / size) + 1) * size
    for (let k = this.#after(first * size); k < this.#length && this.#step[k]! <= until; k++) curve.add(this.#row(k))
    return curve
  }

  #row(k: number): CurveStep {
    return {
      step: this.#step[k]!,
      loss: this.#loss[k]!,
      accuracy: this.#accuracy[k]!,
      seconds: this.#seconds[k]!,
    }
  }

  /** How many steps there are up to a number. */
  #after(step: number): number {
    let [low, high] = [0, this.#length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#step[middle]! <= step) low = middle + 1
      else high = middle
    }
    return low
  }

  #resize(capacity: number): void {
    const copy = <T extends Uint32Array | Float64Array>(next: T, values: T): T => {
      next.set(values.subarray(0, this.#length) as never)
      return next
    }
    this.#step = copy(new Uint32Array(capacity), this.#step)
    this.#loss = copy(new Float64Array(capacity), this.#loss)
    this.#accuracy = copy(new Float64Array(capacity), this.#accuracy)
    this.#seconds = copy(new Float64Array(capacity), this.#seconds)
  }
}
