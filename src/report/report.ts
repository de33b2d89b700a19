/**
 * The report of a training run: one self-contained HTML file, which needs no network, that shows what was trained,
 * how well it performs, where it errs, what its filters look like, and how to repeat the run. A pure function of its
 * data.
 */
import { formatReceptiveField, formatVolume } from '../inspect/formatSummary.ts'
import type { NetworkGraph } from '../inspect/graphNodes.ts'
import { type ConfusedPair, confusedPairs, confusionMatrix, maxMatrixClasses } from '../plot/confusionMatrix.ts'
import { accuracyCurve, type Curve, learningRateCurve, lossCurve } from '../plot/curves.ts'
import { filters } from '../plot/filters.ts'
import { imageGrid } from '../plot/imageGrid.ts'
import { html, type Markup, raw } from '../plot/markup.ts'
import { networkDrawing } from '../plot/networkDrawing.ts'
import type { ImageShape } from '../plot/png.ts'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLarge,
  formatPercent,
  formatSignificant,
} from '../text/format.ts'
import { chartHint, drawingHint, fact, page, zoomable } from './page.ts'
import type { ReportData, ReportLayer, ReportScore } from './reportData.ts'
import { wilsonInterval } from './wilson.ts'

/**
 * Builds the report.
 *
 * @returns a whole HTML document as text.
 * @throws RangeError when the data are inconsistent: a confusion matrix whose size differs from the number of classes,
 * an image whose bytes do not fit its shape, a label without a class, an invalid date.
 */
export function report(data: ReportData): string {
  const main = html`${curves(data)}
${confusion(data)}
${mistakes(data)}
${firstLayer(data)}
${layers(data.layers ?? [], data)}
${recipe(data)}`
  return page({
    title: data.title,
    version: data.version,
    header: header(data),
    main,
    hasScript: data.steps.length > 0 || data.graph !== undefined,
  })
}

function header(data: ReportData): Markup {
  const { engine } = data
  const started = new Date(data.startedAt)
  if (Number.isNaN(started.getTime())) throw new RangeError(`report: startedAt is not a date: ${data.startedAt}`)
  const date = started.toISOString()
  const parameters = data.layers?.reduce((sum, layer) => sum + layer.parameters, 0)
  const lastStep = data.steps.at(-1)
  const facts: Markup[] = [result(data)]
  facts.push(fact('Training time', formatDuration(data.seconds), trained(data, lastStep?.step)))
  if (parameters !== undefined) facts.push(fact('Parameters', formatCount(parameters), trainedShare(data, parameters)))
  facts.push(fact('Engine', engine.backend, engine.detail))
  if (data.ranks) facts.push(processes(data.ranks))
  return html`<header>
<h1>${data.title}</h1>
<p class="byline">${data.model} on ${data.dataset}, <time datetime="${date}">${date.slice(0, 10)} ${date.slice(11, 16)} UTC</time></p>
<dl class="facts">${facts}</dl>
</header>`
}

/** Who trained together, and how much of the time they spent on it. */
function processes({ count, hosts, parts, exchange, by, exchangeShare }: NonNullable<ReportData['ranks']>): Markup {
  const where = count === 1 ? [] : [`on ${[...new Set(hosts)].join(', ')}`]
  const shared = count === 1 ? [] : [`${formatPercent(exchangeShare, 0)} of the time exchanging (${exchange}, ${by})`]
  return fact('Processes', formatCount(count), ...where, `${parts} parts of a batch`, ...shared)
}

/** How many of the parameters were trained: all, unless some were frozen. */
function trainedShare({ trainable }: ReportData, parameters: number): string {
  if (trainable === undefined || trainable === parameters) return 'weights and biases, all trained'
  return `weights and biases; ${formatCount(trainable)} trained, ${formatCount(parameters - trainable)} frozen`
}

/** The accuracy, which readers look for first: on the test set if it was evaluated, else on the validation split. */
function result({ test, validation }: ReportData): Markup {
  if (test) {
    const right = Math.round(test.accuracy * test.samples)
    const [low, high] = wilsonInterval(right, test.samples)
    return fact(
      'Test accuracy',
      formatPercent(test.accuracy),
      `${formatCount(test.samples - right)} of ${formatCount(test.samples)} images wrong`,
      `95\u00a0% interval ${(low * 100).toFixed(2)} to ${formatPercent(high)}`,
      `loss ${formatSignificant(test.loss)}`,
    )
  }
  const last = validation.at(-1)
  if (last) {
    return fact(
      'Validation accuracy',
      formatPercent(last.accuracy),
      'not evaluated on the test set',
      `loss ${formatSignificant(last.loss)}`,
    )
  }
  return fact('Accuracy', '–', 'not evaluated')
}

function trained({ epochs, seconds }: ReportData, steps: number | undefined): string {
  if (steps === undefined) return ''
  const all = `${formatCount(steps)} steps`
  if (epochs.length === 0) return all
  const inEpochs = `${epochs.length} epoch${epochs.length === 1 ? '' : 's'}, ${all}`
  return seconds > 0 ? `${inEpochs}, ${formatSignificant((1000 * seconds) / steps)}\u00a0ms a step` : inEpochs
}

function curves({ steps, epochs, validation }: ReportData): Markup {
  if (steps.length === 0) return html``
  return html`<section>
<h2>Training</h2>
${chartHint}
<div class="pair">
${curve('Loss', lossCurve(steps, validation))}
${curve('Accuracy', accuracyCurve(steps, validation))}
${curve('Learning rate', learningRateCurve(steps))}
${epochTable(epochs, validation)}
</div>
</section>`
}

function curve(name: string, { html: chart, note }: Curve): Markup {
  return html`<figure><h3>${name}</h3>${raw(chart)}<figcaption>${note}</figcaption></figure>`
}

function epochTable(epochs: readonly ReportScore[], validation: readonly ReportScore[]): Markup {
  if (epochs.length === 0) return html``
  const rows = epochs.map(({ epoch, loss, accuracy }) => {
    const score = validation.find(v => v.epoch === epoch)
    return html`<tr><th scope="row">${epoch}</th><td class="number">${formatSignificant(loss)}</td><td class="number">${formatPercent(accuracy)}</td>${
      validation.length > 0 &&
      html`<td class="number">${score ? formatSignificant(score.loss) : '–'}</td><td class="number">${score ? formatPercent(score.accuracy) : '–'}</td>`
    }</tr>\n`
  })
  const table = html`<div class="scroll" tabindex="0" role="group" aria-label="A table, scrolled sideways"><table><thead><tr><th scope="col">Epoch</th><th scope="col" class="number">Training loss</th><th scope="col" class="number">Accuracy</th>${
    validation.length > 0 &&
    html`<th scope="col" class="number">Validation loss</th><th scope="col" class="number">Accuracy</th>`
  }</tr></thead><tbody>${rows}</tbody></table></div>`
  const note = html`<p class="note">Training figures are means over the epoch's steps, made while the weights were still changing.</p>`
  if (epochs.length <= 12) return html`<div><h3>Each epoch</h3>${table}${note}</div>`
  return html`<div><h3>Each epoch</h3>${note}<details><summary>${epochs.length} epochs</summary>${table}</details></div>`
}

function confusion({ test, classes }: ReportData): Markup {
  if (!test) return html``
  const pairs = confusedPairs(test.confusion)
  const shown = pairs.slice(0, 12)
  const isDrawn = classes.length <= maxMatrixClasses
  const matrix = isDrawn && html`<figure class="matrix">${raw(confusionMatrix(test.confusion, classes))}</figure>`
  return html`<section class="whole">
<h2>Where it errs</h2>
<p class="note">${
    isDrawn
      ? 'Test images, counted. Blue is right, stronger the larger the share of the row (recall). Orange is wrong, stronger the more often, relative to the most frequent error.'
      : `Test images, counted. The full matrix of ${formatCount(classes.length)} classes would not fit a page.`
  }</p>
<div class="pair">
${matrix}
${shown.length > 0 && pairTable(shown, pairs.length, classes)}
</div>
</section>`
}

function pairTable(shown: readonly ConfusedPair[], total: number, classes: readonly string[]): Markup {
  const rows = shown.map(
    ({ label, predicted, count, share }) =>
      html`<tr><td>${classes[label]}</td><td>${classes[predicted]}</td><td class="number">${formatCount(count)}</td><td class="number">${formatPercent(share)}</td></tr>\n`,
  )
  const rest = total > shown.length ? `The first ${shown.length} of ${formatCount(total)} kinds of error.` : ''
  return html`<div><h3>Most frequent errors</h3>
<div class="scroll" tabindex="0" role="group" aria-label="A table, scrolled sideways"><table class="narrow"><thead><tr><th scope="col">True</th><th scope="col">Predicted</th><th scope="col" class="number">Images</th><th scope="col" class="number">Of the class</th></tr></thead><tbody>${rows}</tbody></table></div>
<p class="note">${rest}</p></div>`
}

/** The number of mistakes whose pixels take about 100 kB: 48 digits, 32 small color images, 12 photographs. */
function mistakesShown([height, width, channels]: ImageShape): number {
  const side = (size: number) => Math.min(size, 64)
  return Math.max(12, Math.min(48, Math.floor(100_000 / (side(height) * side(width) * channels))))
}

function mistakes({ mistakes = [], classes, test }: ReportData): Markup {
  if (mistakes.length === 0) return html``
  const worst = [...mistakes]
    .sort((a, b) => b.loss - a.loss || a.index - b.index)
    .slice(0, mistakesShown(mistakes[0]!.shape))
  const images = worst.map(({ image, shape, label, predicted, probability, loss, index }) => {
    const [truth, guess] = [className(classes, label), className(classes, predicted)]
    return {
      pixels: image,
      shape,
      alt: `Test image ${index}: a ${truth}, taken for ${guess}`,
      caption: [
        `true: ${truth}`,
        `predicted: ${guess}, ${formatPercent(probability, 1)}`,
        `loss ${formatSignificant(loss)}`,
        `image ${formatCount(index)}`,
      ],
    }
  })
  // The caller may have kept only the worst mistakes, so the total comes from the test score.
  const total = test ? test.samples - Math.round(test.accuracy * test.samples) : mistakes.length
  const which =
    worst.length < total
      ? `The ${worst.length} of ${formatCount(total)} wrongly classified images with the largest loss, worst first`
      : 'All wrongly classified images, the largest loss first'
  return html`<section>
<h2>Most confused test images</h2>
<p class="note">${which}: the true class, the class the model chose with its probability, the loss, and the position in the test set, from 0.</p>
${raw(imageGrid(images))}
</section>`
}

function firstLayer({ filters: first }: ReportData): Markup {
  if (!first) return html``
  const [outputs, channels, height, width] = first.shape
  const scale =
    channels === 3
      ? 'Drawn in color: mid-gray is zero, full black and full white are the largest weight of all.'
      : 'Orange is negative, white zero, blue positive.'
  return html`<section class="whole">
<h2>First-layer filters</h2>
<p class="note">${outputs} filters of ${height} × ${width} over ${channels} input channel${channels === 1 ? '' : 's'}. ${scale} One scale for all of them.</p>
<figure class="filters">${raw(filters(first.values, first.shape))}</figure>
</section>`
}

function layers(rows: readonly ReportLayer[], { graph, model }: ReportData): Markup {
  if (rows.length === 0) return html``
  const total = (of: (layer: ReportLayer) => number) => rows.reduce((sum, layer) => sum + of(layer), 0)
  const body = rows.map(layer => {
    const { path, type, window = '', output, parameters, arithmetic = '', multiplyAdds, activationBytes } = layer
    return html`<tr><th scope="row">${path}</th><td>${type}</td><td>${window}</td><td>${formatVolume(output)}</td><td class="number">${orDash(parameters, formatCount)}</td><td>${arithmetic.replace(/ = [\d,]+$/, '')}</td><td class="number">${orDash(multiplyAdds, formatLarge)}</td><td class="number">${orDash(activationBytes, formatBytes)}</td><td class="number">${formatReceptiveField(layer.receptiveField)}</td></tr>\n`
  })
  return html`<section>
<h2>Layers</h2>
<p class="note">For one image, forward. The receptive field is what one output value sees of the image, after the stroke the distance between the fields of neighbors. No memory is counted where a layer can overwrite its input.</p>
<div class="scroll" tabindex="0" role="group" aria-label="A table, scrolled sideways"><table class="layers">
<thead><tr><th scope="col">Layer</th><th scope="col">Type</th><th scope="col">Kernel</th><th scope="col">Output</th><th scope="col" class="number">Parameters</th><th scope="col">Arithmetic</th><th scope="col" class="number">Multiply-adds</th><th scope="col" class="number">Memory</th><th scope="col" class="number">Receptive field</th></tr></thead>
<tbody>${body}</tbody>
<tfoot><tr><th scope="row">Total</th><td></td><td></td><td></td><td class="number">${formatCount(total(l => l.parameters))}</td><td></td><td class="number">${formatLarge(total(l => l.multiplyAdds))}</td><td class="number">${formatBytes(total(l => l.activationBytes))}</td><td></td></tr></tfoot>
</table></div>
${graph && graphOf(graph, model)}</section>`
}

/** Most nodes of a graph that is drawn into a report: laying out thousands takes minutes, and nobody would read them. */
const mostNodes = 2000

function graphOf(graph: NetworkGraph, model: string): Markup {
  const drawn =
    graph.nodes.length > mostNodes
      ? html`<p class="note">It has ${formatCount(graph.nodes.length)} nodes, too many to be drawn here.</p>`
      : html`${drawingHint}${zoomable(networkDrawing(graph, { title: `The graph of ${model}` }))}`
  return html`<details><summary>The network as a graph</summary>${drawn}</details>\n`
}

/** A number, or a dash for zero: a column of zeros is hard to read. */
function orDash(value: number, format: (value: number) => string): string {
  return value === 0 ? '–' : format(value)
}

function recipe({ recipe, command }: ReportData): Markup {
  const json = JSON.stringify(recipe, undefined, 2) as string | undefined
  return html`<section>
<h2>Do it again</h2>
<p class="note">The command, and the recipe with every default filled in.</p>
<pre class="command"><code>${command}</code></pre>
${json !== undefined && html`<details open><summary>Recipe</summary><pre><code>${json}</code></pre></details>`}
</section>`
}

function className(classes: readonly string[], index: number): string {
  const name = classes[index]
  if (name === undefined) throw new RangeError(`report: there are ${classes.length} classes, but no class ${index}`)
  return name
}
