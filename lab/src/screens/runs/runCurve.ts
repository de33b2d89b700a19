/**
 * A run that is drawn: all of its curve in a few buckets, finer ones of the range that is looked at, and what its log says besides. It
 * takes on lines as they come. A finer curve is asked for while lines come: those are kept until it is there.
 */
import { parseEventLine } from '../../../../src/runs/eventLine.ts'
import { Curve, type CurveStep } from '../../../../src/runs/live/curve.ts'
import type { CurveReply } from '../../../../src/runs/live/protocol.ts'
import { RunStory, type Story } from '../../../../src/runs/live/runStory.ts'

/** Buckets that are asked for; a curve that grows has up to twice as many before it is made coarser. */
export const askedBuckets = 1024

interface Detail {
  readonly curve: Curve
  /** Steps of it. */
  readonly from: number
  readonly to: number
}

/** The run. */
export class RunCurve {
  readonly key: number
  readonly #story: RunStory
  readonly #whole: Curve
  #detail: Detail | undefined
  #last: CurveStep | undefined
  /** Steps that came since a finer curve was asked for. */
  #waiting: CurveStep[] = []
  #expected: Pick<Detail, 'from' | 'to'> | undefined

  constructor({ key, story, curve }: CurveReply) {
    this.key = key
    this.#story = new RunStory(story)
    this.#whole = Curve.from(curve)
  }

  get story(): Story {
    return this.#story.story
  }

  /** The last step, if it came while this was looked at. */
  get last(): CurveStep | undefined {
    return this.#last
  }

  get whole(): Curve {
    return this.#whole
  }

  /** The finest curve there is of some steps. */
  curveOf(from: number, to: number): Curve {
    const detail = this.#detail
    return detail && detail.from <= from && to <= detail.to ? detail.curve : this.#whole
  }

  /** New lines of its log. */
  take(lines: readonly string[]): void {
    for (const line of lines) {
      const event = parseEventLine(line)
      if (!event) continue
      this.#story.take(event)
      if (event.type !== 'step') continue
      const { step, loss, accuracy } = event
      this.#add({ step, loss, accuracy, seconds: this.#story.seconds })
    }
    this.#whole.coarsen(2 * askedBuckets)
  }

  /**
   * A finer curve of some steps is about to be asked for: what comes from now on is kept for it.
   * @returns false when it is there, or was asked for
   */
  expectDetail(from: number, to: number): boolean {
    const known = this.#expected ?? this.#detail
    if (known && known.from === from && known.to === to) return false
    this.#expected = { from, to }
    this.#waiting = []
    return true
  }

  /** It is here. @returns false when another is wanted now */
  setDetail({ curve, story }: CurveReply, from: number, to: number): boolean {
    const expected = this.#expected
    if (expected?.from !== from || expected.to !== to) return false
    const waiting = this.#waiting
    const detail = { curve: Curve.from(curve), from, to }
    this.#expected = undefined
    this.#waiting = []
    this.#detail = detail
    for (const step of waiting) if (step.step > story.step) addTo(detail, step)
    return true
  }

  /** It is no longer wanted. */
  dropDetail(): void {
    this.#waiting = []
    this.#expected = this.#detail = undefined
  }

  #add(step: CurveStep): void {
    this.#last = step
    this.#whole.add(step)
    if (this.#expected) this.#waiting.push(step)
    if (this.#detail) addTo(this.#detail, step)
  }
}

function addTo({ curve, to }: Detail, step: CurveStep): void {
  if (step.step > to) return
  curve.add(step)
  curve.coarsen(2 * askedBuckets)
}
