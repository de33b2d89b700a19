/** What a page is shown of a run of scalars: a tag as the loss, one as the accuracy, and with each what it is on images that were held out. */
import type { ScalarEvent, ScalarRole } from '../eventLine.ts'
import { bucketSize, Curve } from './curve.ts'
import type { ScalarChoice, ScalarTag, StepReply } from './protocol.ts'
import type { Story, StoryNotice, StoryScore } from './runStory.ts'
import type { ScalarColumn, ScalarColumns } from './scalarColumns.ts'
import { heldOutTag, trainingTag } from './scalarNames.ts'

const roles = ['loss', 'accuracy', 'validationLoss', 'validationAccuracy'] as const satisfies readonly ScalarRole[]

/** A column that is shown; of percentages a hundredth, which is a share. */
interface Line {
  readonly tag: string
  readonly column: ScalarColumn
  readonly times: number
}

/** A line of a stream, and the turn of its value. */
export interface ScalarLine {
  readonly turn: number
  readonly text: string
}

/** The view of a moment: columns may grow while it is used, not more. */
export class ScalarView {
  readonly #columns: ScalarColumns
  readonly #lines: ReadonlyMap<ScalarRole, Line>

  constructor(columns: ScalarColumns, choice: ScalarChoice = {}) {
    this.#columns = columns
    this.#lines = linesOf(columns, choice)
  }

  /** The tags by what they are shown as. */
  get shown(): { readonly [role in ScalarRole]?: string } {
    return Object.fromEntries(Array.from(this.#lines, ([role, { tag }]) => [role, tag]))
  }

  /** What has to stay as it is for a page that only hears of new values. */
  get signature(): string {
    return JSON.stringify([this.#shift, Array.from(this.#lines, ([role, { tag, times }]) => [role, tag, times])])
  }

  get tags(): ScalarTag[] {
    return this.#columns.tags().map(([tag, column]) => ({ tag, isShare: shareOf(column) !== undefined }))
  }

  /** The curve of some steps in at most so many buckets. */
  curve(from: number, to: number, most: number): Curve {
    const last = Math.max(0, ...(['loss', 'accuracy'] as const).map(role => this.#lastStep(role)))
    const end = Math.max(from, Math.min(to, last))
    const size = bucketSize(from, end, most)
    const first = Math.floor((from - 1) / size)
    const curve = new Curve(size, first)
    const until = (Math.floor((end - 1) / size) + 1) * size
    for (const role of ['loss', 'accuracy'] as const) {
      const line = this.#lines.get(role)
      if (!line) continue
      for (let k = line.column.after(first * size - this.#shift); k < line.column.length; k++) {
        const { step, value, time } = line.column.row(k)
        if (step + this.#shift > until) break
        curve.add({ step: step + this.#shift, [role]: line.times * value, seconds: this.#seconds(time) })
      }
    }
    return curve
  }

  /** The values at a step, or the last ones before. */
  at(step: number): Omit<StepReply, 'key'> {
    const [loss, accuracy] = [this.#lines.get('loss'), this.#lines.get('accuracy')]
    const [lossAt, accuracyAt] = [loss, accuracy].map(line => line?.column.at(step - this.#shift))
    if (!lossAt && !accuracyAt) return {}
    return {
      step,
      // JSON has no words for numbers that are not finite.
      ...(lossAt && { loss: Number.isFinite(lossAt.value) ? lossAt.value : String(lossAt.value) }),
      ...(accuracyAt && { accuracy: accuracy!.times * accuracyAt.value }),
      seconds: this.#seconds(Math.max(lossAt?.time ?? 0, accuracyAt?.time ?? 0)),
    }
  }

  /** @param remarks of the files, sentences */
  story(remarks: readonly string[]): Story {
    const { began } = this.#columns
    const isEmpty = !Number.isFinite(began)
    const ends = [...this.#lines.values()].flatMap(({ column }) =>
      column.length > 0 ? [column.row(column.length - 1)] : [],
    )
    const step = Math.max(0, ...ends.map(end => end.step + this.#shift))
    const last = Math.max(began, ...ends.map(({ time }) => time))
    const seconds = isEmpty ? 0 : last - began
    return {
      epochs: 0,
      stepsPerEpoch: 0,
      step,
      epoch: 0,
      began: isEmpty ? '' : new Date(1000 * began).toISOString(),
      clock: { seconds, last: isEmpty ? Number.NaN : 1000 * last },
      scores: this.scores(),
      notices: remarks.map((message): StoryNotice => ({ kind: 'damaged', step, seconds, message })),
      isDone: false,
      isPaused: false,
      rate: 0,
    }
  }

  /** Scores on images that were held out, by their steps; what there is not of one is no number. */
  scores(): StoryScore[] {
    const scores = new Map<number, StoryScore>()
    for (const [role, quantity] of [
      ['validationLoss', 'loss'],
      ['validationAccuracy', 'accuracy'],
    ] as const) {
      const line = this.#lines.get(role)
      for (let k = 0; line && k < line.column.length; k++) {
        const { step, value, time } = line.column.row(k)
        const none = { step: step + this.#shift, epoch: 0, loss: Number.NaN, accuracy: Number.NaN }
        const score = scores.get(step) ?? { ...none, seconds: this.#seconds(time) }
        scores.set(step, { ...score, [quantity]: line.times * value })
      }
    }
    return [...scores.values()].sort((a, b) => a.step - b.step)
  }

  /** What was read after a turn, in order. */
  linesSince(turn: number): ScalarLine[] {
    const found: ScalarLine[] = []
    for (const [role, { column, times }] of this.#lines) {
      for (const point of column.since(turn)) {
        const value = times * point.value
        const event = {
          type: 'scalar',
          role,
          step: point.step + this.#shift,
          value: Number.isFinite(value) ? value : String(value),
          time: new Date(1000 * point.time).toISOString(),
        } satisfies Omit<ScalarEvent, 'value'> & { readonly value: number | string }
        found.push({ turn: point.turn, text: JSON.stringify(event) })
      }
    }
    return found.sort((a, b) => a.turn - b.turn)
  }

  /** Steps are counted from 1 here; where others begin with 0, each is one later. */
  get #shift(): number {
    return this.#columns.hasZero ? 1 : 0
  }

  #seconds(time: number): number {
    return time - this.#columns.began
  }

  #lastStep(role: ScalarRole): number {
    const column = this.#lines.get(role)?.column
    return column && column.length > 0 ? column.row(column.length - 1).step + this.#shift : 0
  }
}

function linesOf(columns: ScalarColumns, choice: ScalarChoice): ReadonlyMap<ScalarRole, Line> {
  const all = columns.tags()
  const tags = all.map(([tag, { length }]) => [tag, length] as const)
  const shares = all.flatMap(([tag, column]) => (shareOf(column) === undefined ? [] : [[tag, column.length] as const]))
  const loss = choice.loss ?? trainingTag('loss', tags)
  const accuracy = choice.accuracy ?? trainingTag('accuracy', shares)
  const names: Readonly<Record<ScalarRole, string | undefined>> = {
    loss,
    accuracy,
    validationLoss: heldOutTag('loss', loss, tags),
    validationAccuracy: heldOutTag('accuracy', accuracy, shares),
  }
  return new Map(
    roles.flatMap((role): [ScalarRole, Line][] => {
      const [tag, column] = [names[role], columns.column(names[role])]
      if (tag === undefined || !column) return []
      const times = role === 'loss' || role === 'validationLoss' ? 1 : shareOf(column)
      return times === undefined ? [] : [[role, { tag, column, times }]]
    }),
  )
}

/** What the values of a tag are multiplied by to be shares: 1, or 0.01 of percentages; undefined where they are none. */
function shareOf({ range: [low, high] }: ScalarColumn): number | undefined {
  if (!(low >= 0 && high <= 100)) return undefined
  return high <= 1 ? 1 : 0.01
}
