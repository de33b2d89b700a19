/** `fovea inspect`: pictures of what a trained network sees. */
import { ShapeError } from '../../../graph/shape.ts'
import { Inspector, PointError } from '../../../inspect/index.ts'
import { contactSheet, encodePng, enlarged, type SheetPicture } from '../../../plot/index.ts'
import { imagesOf } from '../../../recipe/images.ts'
import { preparationOf } from '../../../recipe/preparation.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { loadRun } from '../../../runs/trainedModel.node.ts'
import { formatCount } from '../../../text/format.ts'
import { unknownName } from '../../../text/names.ts'
import { checkEnding, hasEnding } from '../../endings.ts'
import { checkInvert } from '../../preparePicture.ts'
import { readingEngine } from '../../readingEngine.ts'
import { sheetFor } from '../../sheet.ts'
import { exitCodes, UsageError } from '../../terminal/errors.ts'
import { EvaluationProgress } from '../../terminal/evaluationProgress.ts'
import { print, printJson, warn } from '../../terminal/output.ts'
import { type Answer, draw, methods } from './methods.ts'
import { deadUnits, drawFilters, drawPatches } from './network.ts'
import { classOf, type InspectOptions, type Picture, picturesFor, type Subject } from './subject.ts'
import { drawDream, drawVisualizations } from './visualize.ts'

const networkMethods: Readonly<Record<string, (subject: Subject, words: readonly string[]) => Promise<void>>> = {
  filters: drawFilters,
  visualize: drawVisualizations,
  deepdream: drawDream,
  dead: deadUnits,
  patches: drawPatches,
}

/** Methods that need only the network. */
const withoutPictures: readonly string[] = ['filters', 'visualize']

/** Options that some methods have, and these. */
const methodsOf: Readonly<Record<string, readonly string[]>> = {
  layer: [...['gradcam', 'gradcam++', 'guided-gradcam', 'all'], ...Object.keys(networkMethods)],
  class: [...Object.keys(methods), 'all', 'visualize'],
  steps: ['integrated-gradients', 'smoothgrad', 'all', 'visualize', 'deepdream'],
  window: ['occlusion', 'all'],
  channel: ['visualize', 'deepdream'],
  seed: ['visualize', 'deepdream'],
  size: ['deepdream'],
  image: ['visualize'],
}

/** @throws UsageError for an option that the method does not have */
function checkOptions(options: InspectOptions): void {
  for (const [name, having] of Object.entries(methodsOf)) {
    if (options[name as keyof InspectOptions] === undefined || having.includes(options.method)) continue
    throw new UsageError(`--${name}: is no option of --method ${options.method}, but of ${having.join(', ')}`)
  }
}

/**
 * Draws what a network looks at.
 * @param words files, folders and patterns
 * @returns the exit code
 */
export async function inspect(run: string, words: readonly string[], options: InspectOptions): Promise<number> {
  const { method, out } = options
  const names = [...Object.keys(methods), ...Object.keys(networkMethods), 'all']
  if (!names.includes(method)) throw new UsageError(`--method: ${unknownName('method', method, names)}`)
  checkOptions(options)
  checkEnding('--out', out, ['.png', '.svg', '.html'])
  if (words.length === 0 && !withoutPictures.includes(method)) throw new UsageError(`--method ${method} needs pictures`)
  const { recipe, model } = await loadRun(run, options.checkpoint, warn)
  const { classes, shape } = imagesOf(recipe)
  const rules = { shape, ...preparationOf(recipe, shape) }
  checkInvert(run, rules, options.invert)
  const pictures = await picturesFor(words, rules, options.invert)
  const engine = await readingEngine(recipe, { backend: options.backend })
  const progress = new LateProgress()
  try {
    const inspector = new Inspector(engine, model, shape)
    const onProgress = (done: number, of: number): void => progress.update(done, of)
    const subject: Subject = { run, inspector, shape, classes, pictures, options, onProgress }
    await (networkMethods[method] ?? explain)(subject, words)
  } catch (error) {
    const isLayer = error instanceof PointError || (error instanceof ShapeError && options.layer !== undefined)
    throw isLayer ? new UsageError(`--layer: ${(error as Error).message}`, { cause: error }) : error
  } finally {
    progress.close()
    await engine.close()
  }
  return exitCodes.done
}

/** Findings about one picture. */
interface Explained {
  readonly row: { readonly title: string; readonly pictures: readonly SheetPicture[] }
  readonly report: {
    readonly file: string
    /** The class that is explained. */
    readonly class: string
    readonly predicted: string
    /** Its logit. */
    readonly score: number
    readonly methods: Readonly<Record<string, Readonly<Record<string, number | string>>>>
  }
}

/** The maps of all pictures by one method, or by all. */
async function explain(subject: Subject): Promise<void> {
  const { classes, pictures, options, onProgress } = subject
  const chosen = options.method === 'all' ? Object.keys(methods) : [options.method]
  const maps = pictures.length * chosen.length
  const out = options.out ?? (maps > 1 ? 'inspect.svg' : 'inspect.png')
  if (maps > 1) {
    checkEnding('--out', out, ['.svg', '.html'], `${formatCount(maps)} maps make a sheet, which is written as`)
  }
  const wanted = options.class === undefined ? undefined : classOf(options.class, classes)
  const found: Explained[] = []
  for (const picture of pictures) {
    found.push(await explainOne(subject, picture, chosen, wanted))
    if (maps > 1) onProgress(found.length, pictures.length)
    if (!options.json) print(...linesOf(found.at(-1)!))
  }
  await writeMaps(out, found, chosen, subject)
  if (options.json) printJson({ out, pictures: found.map(({ report }) => report) })
  else print(`written to ${out}`)
}

async function explainOne(
  subject: Subject,
  { file, pixels }: Picture,
  chosen: readonly string[],
  wanted: number | undefined,
): Promise<Explained> {
  const { inspector, classes, shape } = subject
  const { predicted, logits } = await inspector.capture(pixels)
  const label = wanted ?? predicted[0]
  const score = logits.values[label]
  const caption = `${classes[label]} ${score.toFixed(2)}`
  const cells: SheetPicture[] = [{ pixels, shape, caption, said: `${file}: ${caption}` }]
  const details: Record<string, Readonly<Record<string, number | string>>> = {}
  for (const name of chosen) {
    const answer = await answerOf(subject, name, pixels, label)
    const drawn = draw(name, answer, pixels, shape)
    const found = answer.details ?? {}
    const said = [`${file}, ${name} of ${caption}`, ...factsOf(found)].join(', ')
    cells.push({ pixels: drawn, shape: [shape[0], shape[1], 3], caption: answer.note ?? '', said })
    details[name] = found
  }
  const report = { file, class: classes[label], predicted: classes[predicted[0]], score, methods: details }
  return { row: { title: baseName(file), pictures: cells }, report }
}

/** One map alone, enlarged, or a sheet of all. */
async function writeMaps(
  out: string,
  found: readonly Explained[],
  chosen: readonly string[],
  { run, shape: [height, width] }: Subject,
): Promise<void> {
  if (!hasEnding(out, '.png')) {
    // The columns have the names, too.
    const title = `What a network looks at${chosen.length > mostInTitle ? '' : `: ${chosen.join(', ')}`}`
    const sheet = contactSheet(
      found.map(({ row }) => row),
      { columns: ['', ...chosen], cell: chosen.length > 1 ? 112 : 160, description: title },
    )
    const notes = ['Orange is negative, blue positive, and zero has no color.']
    return writeAtomic(out, sheetFor(out, sheet, { title, subject: run, notes }))
  }
  const factor = Math.max(1, Math.floor(smallestSide / Math.max(height, width)))
  const { pixels } = found[0].row.pictures[1]
  return writeAtomic(out, encodePng(enlarged(pixels, [height, width, 3], factor), [height * factor, width * factor, 3]))
}

/** Methods that a title names. */
const mostInTitle = 3

/** Small pictures are enlarged to about this side. */
const smallestSide = 224

/** One map; progress counts passes through the network for a single map, and maps for several. */
async function answerOf(subject: Subject, name: string, pixels: Uint8Array, of: number): Promise<Answer> {
  const { inspector, options, onProgress, pictures } = subject
  const isAlone = pictures.length === 1 && options.method !== 'all'
  return methods[name]!.compute(inspector, pixels, {
    of,
    ...(isAlone && { onProgress }),
    layer: options.layer,
    steps: options.steps,
    window: options.window,
  })
}

/** The picture with its score, and facts about each map: `  integrated-gradients: completenessError −0.012`. */
function linesOf({ report: { file, class: name, predicted, score, methods: found } }: Explained): string[] {
  const other = name === predicted ? '' : ` (predicted: ${predicted})`
  const notes = Object.entries(found).filter(([, details]) => Object.keys(details).length > 0)
  return [
    `${file}: ${name} ${score.toFixed(2)}${other}`,
    ...notes.map(([method, details]) => `  ${method}: ${factsOf(details).join(', ')}`),
  ]
}

/** `completenessError −0.012` */
const factsOf = (details: Readonly<Record<string, number | string>>): string[] =>
  Object.entries(details).map(([key, value]) => `${key} ${typeof value === 'number' ? value.toPrecision(4) : value}`)

const baseName = (file: string): string => file.slice(file.search(/[^/\\]*$/))

/** A bar that appears when work takes longer than two seconds. */
class LateProgress {
  readonly #started = performance.now()
  #bar: EvaluationProgress | undefined
  #of = 0

  update(done: number, of: number): void {
    if (performance.now() - this.#started < 2000) return
    if (of !== this.#of) this.close()
    this.#of = of
    this.#bar ??= new EvaluationProgress(process.stderr, 'passes', of)
    this.#bar.update(done)
  }

  close(): void {
    this.#bar?.close()
    this.#bar = undefined
  }
}
