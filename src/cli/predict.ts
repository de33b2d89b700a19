/** `fovea predict`: what a trained model sees in pictures. */
import { ImageError } from '../data/errors.ts'
import { prepareImage } from '../data/image.node.ts'
import { formatPercent } from '../plot/format.ts'
import { Evaluator } from '../train/evaluate.ts'
import { exitCodes, oneLine, UsageError } from './errors.ts'
import { print, printJson } from './output.ts'
import { dataName } from './recipe.ts'
import { loadRun } from './runs.ts'
import { type EngineChoices, imagesOf, startEngine } from './setup.ts'
import { type TableColumn, textTable } from './table.ts'

/** Whether dark strokes on light paper are turned into light strokes on dark, which digit models are trained on. */
export const invertNames = ['auto', 'yes', 'no'] as const

/** Options of {@link predict}. */
export interface PredictOptions extends Pick<EngineChoices, 'wide'> {
  /** So many classes are shown for each picture: 3 by default, or all of fewer. */
  readonly top?: number
  readonly invert: (typeof invertNames)[number]
  readonly checkpoint: string
  readonly json?: boolean
}

/** The answer for one file. */
interface Prediction {
  readonly file: string
  readonly inverted: boolean
  /** The most probable classes, best first. */
  readonly predictions: readonly { readonly class: string; readonly probability: number }[]
}

/** What a file lacks that gets no answer. */
interface Failure {
  readonly file: string
  readonly error: string
}

const isFailure = (answer: Prediction | Failure): answer is Failure => 'error' in answer

/** Classifies pictures; a file that is none does not keep the others from being shown. @returns the exit code */
export async function predict(run: string, files: readonly string[], options: PredictOptions): Promise<number> {
  const { recipe, model } = await loadRun(run, options.checkpoint)
  const { classes, shape } = imagesOf(recipe)
  const { top = Math.min(3, classes.length) } = options
  if (top > classes.length) {
    throw new UsageError(`--top ${top}: ${dataName(recipe)} has only ${classes.length} classes`)
  }
  // Starting more threads takes longer than they save on a few images.
  const engine = startEngine(recipe, { threads: 1, wide: options.wide })
  try {
    const evaluator = new Evaluator(engine, model, shape)
    const answers: (Prediction | Failure)[] = []
    for (const file of files) {
      try {
        const { pixels, inverted } = await prepare(file, shape, options.invert)
        const probabilities = await evaluator.predict(pixels)
        answers.push({ file, inverted, predictions: best(probabilities, classes, top) })
      } catch (error) {
        if (!(error instanceof ImageError)) throw error
        answers.push({ file, error: oneLine(error.message) })
      }
    }
    const failed = answers.filter(isFailure)
    const shown = answers.filter((answer): answer is Prediction => !isFailure(answer))
    if (options.json) printJson(answers)
    else if (shown.length > 0) showTable(shown, top)
    for (const { error } of failed) process.stderr.write(`fovea: ${error}\n`)
    return failed.length > 0 ? exitCodes.failed : exitCodes.done
  } finally {
    await engine.close()
  }
}

/** The model's input for a picture. */
async function prepare(file: string, shape: readonly [number, number, number], invert: PredictOptions['invert']) {
  if (invert !== 'auto')
    return { pixels: await prepareImage(file, shape, { invert: invert === 'yes' }), inverted: invert === 'yes' }
  const pixels = await prepareImage(file, shape)
  if (shape[2] !== 1) return { pixels, inverted: false }
  // The picture was inverted when inverting it on demand gives the same; where that finds no strokes, it was not.
  const demanded = await prepareImage(file, shape, { invert: true }).catch(() => undefined)
  return { pixels, inverted: demanded !== undefined && Buffer.compare(pixels, demanded) === 0 }
}

function best(probabilities: Float32Array, classes: readonly string[], top: number) {
  return [...probabilities]
    .map((probability, k) => ({ class: classes[k]!, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top)
}

function showTable(shown: readonly Prediction[], top: number): void {
  const hasInverted = shown.some(answer => answer.inverted)
  const columns: TableColumn[] = [{ title: 'file' }]
  for (let place = 1; place <= top; place++) {
    columns.push({ title: place === 1 ? 'class' : `#${place}` }, { title: 'probability', align: 'right' })
  }
  if (hasInverted) columns.push({ title: 'note' })
  const rows = shown.map(({ file, predictions, inverted }) => [
    file,
    ...predictions.flatMap(({ class: name, probability }) => [name, formatPercent(probability, 1)]),
    ...(hasInverted ? [inverted ? 'inverted' : ''] : []),
  ])
  print(textTable(columns, rows))
  if (hasInverted)
    print('', 'inverted: dark strokes on light paper were turned into light strokes on black (see --invert)')
}
