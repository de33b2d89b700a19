/** `fovea eval`: the score of a model on images with labels. */

import { fiveCrop, flipViews, shiftViews, tenCrop } from '../../../augment/views.ts'
import { type ImageCollection, isInMemory, type Subset } from '../../../data/dataset.ts'
import { type ClassScore, scoreClasses } from '../../../inspect/classScores.ts'
import { type Calibration, calibration } from '../../../inspect/index.ts'
import { confusedPairs } from '../../../plot/confusionMatrix.ts'
import { reliabilityDiagram } from '../../../plot/reliabilityDiagram.ts'
import { version } from '../../../recipe/version.ts'
import { calibrationPage } from '../../../report/calibrationPage.ts'
import { isPage } from '../../../report/page.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { measured } from '../../../runs/result.node.ts'
import { formatCount, formatPercent, formatSignificant } from '../../../text/format.ts'
import { type Evaluation, Evaluator } from '../../../train/evaluate.ts'
import { checkEnding } from '../../endings.ts'
import { type ReadingChoices, readingEngine } from '../../readingEngine.ts'
import { exitCodes, UsageError } from '../../terminal/errors.ts'
import { EvaluationProgress } from '../../terminal/evaluationProgress.ts'
import { print, printJson, warn } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import { evalSubject, type SubjectOptions } from './subject.ts'

/** The views of test-time augmentation by name. */
const makeViews = {
  flip: () => flipViews(),
  shift: () => shiftViews(),
  five: fiveCrop,
  ten: tenCrop,
}

type ViewName = keyof typeof makeViews

/** Options of {@link evaluate}. */
export interface EvalOptions extends ReadingChoices, SubjectOptions {
  /** Averages the answers for several views of each image. */
  readonly views?: ViewName
  /** File for the reliability diagram: a drawing, `.svg`, or a page, `.html`. */
  readonly calibration?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Scores a run, the file of a classifier, or an ONNX file. @returns the exit code */
export async function evaluate(path: string, options: EvalOptions): Promise<number> {
  const { views, json, quiet } = options
  checkEnding('--calibration', options.calibration, ['.svg', '.html'])
  const { model, shape, recipe, images, name, imagesName, facts } = await evalSubject(path, options)
  const { classes } = images.dataset
  const allowLabelChanges = recipe?.data.augment?.allowLabelChanges ?? false
  if (views) checkViews(views, images.dataset, shape, allowLabelChanges)
  const engine = await readingEngine(recipe, options)
  const stream = json ? process.stderr : process.stdout
  const bar = quiet ? undefined : new EvaluationProgress(stream, imagesName, images.indices.length)
  try {
    const evaluator = new Evaluator(engine, model, shape)
    const onProgress = (done: number) => bar?.update(done)
    const evaluation = views
      ? await evaluator.evaluateViews(images, makeViews[views]([shape[0], shape[1]]), { onProgress, allowLabelChanges })
      : await evaluator.evaluate(images, onProgress)
    bar?.close()
    const score = measured(evaluation)
    const rows = scoreClasses(evaluation.confusion, classes)
    const { confusion } = evaluation
    const subject = `${path}: ${name} on ${formatCount(score.samples)} ${imagesName}${views ? `, averaged over ${views} views` : ''}`
    const reliability =
      options.calibration === undefined
        ? undefined
        : await drawCalibration(options.calibration, evaluation, images, subject)
    if (json) {
      const told = reliability && { calibration: { out: options.calibration, ...reliability } }
      printJson({
        ...{ ...facts, ...(views && { views }), ...score, classes: rows, confusion },
        ...told,
      })
    } else {
      const [low, high] = score.interval
      const wrong = score.samples - score.right
      print(
        subject,
        `accuracy ${formatPercent(score.accuracy)} (95 % interval ${(100 * low).toFixed(2)} to ${formatPercent(high)}), ${formatCount(wrong)} wrong`,
        `loss     ${formatSignificant(score.loss)}`,
        '',
        classTable(rows),
        '',
        confusionText(confusion, classes, process.stdout.columns ?? 80),
        ...(reliability ? ['', calibrationTable(reliability), `written to ${options.calibration}`] : []),
      )
    }
    return exitCodes.done
  } finally {
    bar?.close()
    await engine.close()
  }
}

/** The reliability diagram of answers, as a file. @param subject whose answers they are, for a page */
async function drawCalibration(
  out: string,
  evaluation: Evaluation,
  { dataset, indices }: Subset<ImageCollection>,
  subject: string,
): Promise<Calibration> {
  const labels = Array.from(indices, index => dataset.labels[index]!)
  const found = calibration(evaluation, labels)
  await writeAtomic(
    out,
    isPage(out) ? calibrationPage({ subject, calibration: found, version }) : reliabilityDiagram(found),
  )
  return found
}

/** Bins with answers: their range, the number of answers, how sure the model is and how often it is right. */
function calibrationTable({ ece, largestError, bins }: Calibration): string {
  const columns = ['probability', 'images', 'mean probability', 'right'].map(title => ({
    title,
    align: 'right' as const,
  }))
  const rows = bins
    .filter(({ count }) => count > 0)
    .map(({ from, to, count, confidence, accuracy }) => [
      `${(100 * from).toFixed(1)} to ${formatPercent(to, 1)}`,
      formatCount(count),
      formatPercent(confidence, 1),
      formatPercent(accuracy, 1),
    ])
  const summary = `expected calibration error ${formatPercent(ece, 2)}, largest of a bin ${formatPercent(largestError, 2)}`
  return `${textTable(columns, rows)}\n${summary}`
}

/** Names of the views that are parts of a larger picture. */
const crops: readonly ViewName[] = ['five', 'ten']

/**
 * The model does not know mirror images of written symbols, unless it was trained on them.
 * @throws UsageError saying what to do; warns when all views would be equal.
 */
function checkViews(
  views: ViewName,
  data: ImageCollection,
  [height, width]: readonly [number, number, number],
  allowLabelChanges: boolean,
): void {
  const areCropsAlike = isInMemory(data) && data.shape[0] === height && data.shape[1] === width
  if (views !== 'five' && data.symbols === true && !allowLabelChanges) {
    throw new UsageError(
      `--views ${views} has mirror images, but the classes of ${data.name} are written symbols, which the model knows one way ` +
        `round only: leave --views out${areCropsAlike ? '' : ', or take five'} ` +
        '(a model that was trained on mirrored symbols, by data.augment.allowLabelChanges, is scored on them)',
    )
  }
  if (crops.includes(views) && areCropsAlike) {
    const better = views === 'ten' ? '--views flip gives the same' : 'leave --views out'
    warn(`the images of ${data.name} are no larger than what the model takes, crops of one are all the same: ${better}`)
  }
}

function classTable(rows: readonly ClassScore[]): string {
  const columns = ['class', 'images', 'right', 'recall', 'precision'].map(title => ({
    title,
    align: title === 'class' ? ('left' as const) : ('right' as const),
  }))
  const percent = (share: number | null) => (share === null ? '–' : formatPercent(share))
  return textTable(
    columns,
    rows.map(row => [
      row.class,
      formatCount(row.images),
      formatCount(row.right),
      percent(row.recall),
      percent(row.precision),
    ]),
  )
}

/** The confusion matrix if it is no wider than the terminal, otherwise the most frequent errors. */
function confusionText(confusion: readonly (readonly number[])[], classes: readonly string[], columns: number): string {
  const matrix = textTable(
    ['true \\ predicted', ...classes].map((title, k) => ({
      title,
      align: k === 0 ? ('left' as const) : ('right' as const),
    })),
    confusion.map((row, k) => [classes[k]!, ...row.map(count => (count === 0 ? '·' : formatCount(count)))]),
  )
  if (Math.max(...matrix.split('\n').map(line => line.length)) <= columns) return matrix
  const pairs = confusedPairs(confusion).slice(0, 20)
  return textTable(
    [
      { title: 'true' },
      { title: 'predicted' },
      { title: 'images', align: 'right' },
      { title: 'of the class', align: 'right' },
    ],
    pairs.map(({ label, predicted, count, share }) => [
      classes[label]!,
      classes[predicted]!,
      formatCount(count),
      formatPercent(share),
    ]),
  )
}
