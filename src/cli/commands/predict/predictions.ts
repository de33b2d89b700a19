/** The output of `fovea predict`: answers as they come, a batch at a time, as a table or as JSON. */
import { formatPercent } from '../../../text/format.ts'
import { print } from '../../terminal/output.ts'
import { type TableColumn, textTable } from '../../terminal/table.ts'

/** The answer for one file. */
export interface Prediction {
  readonly file: string
  readonly inverted: boolean
  /** The most probable classes, best first. */
  readonly predictions: readonly { readonly class: string; readonly probability: number }[]
}

/** Why a file, or a word that names no files, gets no answer. */
export interface Failure {
  readonly file: string
  readonly error: string
}

export const isFailure = (answer: Prediction | Failure): answer is Failure => 'error' in answer

/** Receives the answers of one batch after another. */
export interface PredictionOutput {
  add(answers: readonly (Prediction | Failure)[]): void
  end(): void
}

/** All answers as one list in JSON. */
export class JsonOutput implements PredictionOutput {
  #isFirst = true

  add(answers: readonly (Prediction | Failure)[]): void {
    for (const answer of answers) {
      const text = JSON.stringify(answer, undefined, 2).replace(/^/gm, '  ')
      process.stdout.write(`${this.#isFirst ? '[' : ','}\n${text}`)
      this.#isFirst = false
    }
  }

  end(): void {
    process.stdout.write('\n]\n')
  }
}

/** A table, without the failures. Its column widths are fixed before the first answer is known. */
export class TableOutput implements PredictionOutput {
  readonly #columns: readonly TableColumn[]
  readonly #widest: readonly string[]
  #isFirst = true
  #hasInverted = false

  /**
   * @param files all files that may get a row
   * @param classes names of the classes
   * @param top number of classes in each row
   * @param canInvert whether a picture may have been inverted
   */
  constructor(files: readonly string[], classes: readonly string[], top: number, canInvert: boolean) {
    const places = Array.from({ length: top }, (_, place) => [
      { title: place === 0 ? 'class' : `#${place + 1}` },
      { title: 'probability', align: 'right' as const },
    ])
    this.#columns = [{ title: 'file' }, ...places.flat(), ...(canInvert ? [{ title: 'note' }] : [])]
    const longest = (texts: readonly string[]) => texts.reduce((a, b) => (b.length > a.length ? b : a), '')
    const cells = places.flatMap(() => [longest(classes), ''])
    this.#widest = [longest(files), ...cells, ...(canInvert ? [inverted] : [])]
  }

  add(answers: readonly (Prediction | Failure)[]): void {
    const shown = answers.filter((answer): answer is Prediction => !isFailure(answer))
    if (shown.length === 0) return
    this.#hasInverted ||= shown.some(answer => answer.inverted)
    const [head, rule, , ...rows] = textTable(this.#columns, [
      this.#widest,
      ...shown.map(row => this.#cells(row)),
    ]).split('\n')
    print(...(this.#isFirst ? [head!, rule!] : []), ...rows)
    this.#isFirst = false
  }

  end(): void {
    if (!this.#hasInverted) return
    print('', 'inverted: dark strokes on light paper were turned into light strokes on black (see --invert)')
  }

  #cells({ file, predictions, inverted: isInverted }: Prediction): string[] {
    const cells = predictions.flatMap(({ class: name, probability }) => [name, formatPercent(probability, 1)])
    const hasNote = this.#columns.at(-1)!.title === 'note'
    return [file, ...cells, ...(hasNote ? [isInverted ? inverted : ''] : [])]
  }
}

const inverted = 'inverted'
