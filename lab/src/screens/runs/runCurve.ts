/**
 * A run that is drawn: all of its curve in a few buckets, finer ones of the range that is looked at, and what its log says besides. It
 * takes on lines as they come. A finer curve is asked for while lines come: those are kept until it is there.
 */
import { parseEventLine, type ScalarEvent } from '../../../../src/runs/eventLine.ts'
import { Curve, type CurveStep, type PartOfStep } from '../../../../src/runs/live/curve.ts'
import type { CurveReply, ScalarsReply } from '../../../../src/runs/live/protocol.ts'
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
  /** Of a run of scalars: its tags, and which are shown. */
  readonly scalars: ScalarsReply | undefined
  readonly #story: RunStory
  readonly #whole: Curve
  #detail: Detail | undefined
  #last: CurveStep | undefined
  /** Steps that came since a finer curve was asked for. */
  #waiting: PartOfStep[] = []
  #expected: Pick<Detail, 'from' | 'to'> | undefined

  constructor({ key, story, curve, scalars }: CurveReply) {
    this.key = key
    this.scalars = scalars
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
      const event = parseEventLine<ScalarEvent>(line)
      if (!event) continue
      this.#story.take(event)
      const { step } = event
      const { seconds } = this.#story
      if (event.type === 'step') {
        this.#last = { step, loss: event.loss, accuracy: event.accuracy, seconds }
        this.#add(this.#last)
      } else if (event.type === 'scalar' && (event.role === 'loss' || event.role === 'accuracy')) {
        this.#add({ step, [event.role]: event.value, seconds })
      }
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

  #add(step: PartOfStep): void {
    this.#whole.add(step)
    if (this.#expected) this.#waiting.push(step)
    if (this.#detail) addTo(this.#detail, step)
  }
}

function addTo({ curve, to }: Detail, step: PartOfStep): void {
  if (step.step > to) return
  curve.add(step)
  curve.coarsen(2 * askedBuckets)
}
