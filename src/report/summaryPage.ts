/**
 * `fovea summary --html`: a network's volumes as a drawing, its layer table and its totals on one self-contained page.
 */
import { describeTrainingOnly, formatReceptiveField, formatVolume } from '../inspect/formatSummary.ts'
import type { NetworkGraph } from '../inspect/graphNodes.ts'
import type { Summary, SummaryRow } from '../inspect/summary.ts'
import { html, type Markup, raw } from '../plot/markup.ts'
import { networkDrawing } from '../plot/networkDrawing.ts'
import { volumes } from '../plot/volumes.ts'
import { formatBytes, formatCount, formatLarge } from '../text/format.ts'
import { drawingHint, fact, page, zoomable } from './page.ts'

/** The contents of the page. */
export interface SummaryPage {
  /** `lenet5` */
  readonly name: string
  readonly description: string
  /** Where the network was published; absent if unknown. */
  readonly reference?: string
  readonly summary: Summary
  /** The network as a graph; without it none is drawn. */
  readonly graph?: NetworkGraph
  /** Memory of each thread, in addition to the arena. */
  readonly scratchBytes: number
  /** Version of Fovea. */
  readonly version: string
}

/** The drawings for different window widths; the style sheet shows one of them. */
const drawings = [
  { name: 'on-wide', width: 1120 },
  { name: 'on-medium', width: 720 },
  { name: 'on-narrow', width: 330 },
] as const

/** Builds the page. @returns a whole HTML document as text. */
export function summaryPage({
  name,
  description,
  reference,
  summary,
  graph,
  scratchBytes,
  version,
}: SummaryPage): string {
  const { totals, rows, batch, arenaBytes, input } = summary
  const images = batch === 1 ? 'one image' : `${formatCount(batch)} images`
  const threads = scratchBytes > 0 ? `, and ${formatBytes(scratchBytes)} for each thread` : ''
  const header = html`<header>
<h1>${description}</h1>
<p class="byline">${reference === undefined ? name : `${name}: ${reference}`}</p>
<dl class="facts">${[
    fact('Parameters', formatCount(totals.parameters), `${formatBytes(totals.parameterBytes)} in single precision`),
    fact('Multiply-adds', formatLarge(totals.multiplyAdds), `for one image of ${formatVolume(input)}`),
    fact('Activations', formatBytes(totals.activationBytes), `of all layers, ${images}`),
    ...(arenaBytes === undefined
      ? []
      : [fact('Training memory', formatBytes(arenaBytes), `planned for ${images} a step${threads}`)]),
  ]}</dl>
</header>`
  const main = html`<section>
<h2>Volumes</h2>
<p class="note">Height × width × channels of each layer's output; every edge is drawn by the square root of its size, vectors stand upright. Layers that keep the volume, such as activations, are named when the pointer rests on the box before them. Branches follow each other in the order of computation.</p>
${drawings.map(({ width, name: window }) => html`<figure class="${window}">${raw(volumes(rows, { title: `The volumes of ${name}`, width }))}</figure>`)}
</section>
${graph && graphSection(name, graph)}${layerTable(summary, images)}`
  return page({ title: name, version, header, main, hasScript: graph !== undefined })
}

/** The section with the graph. */
function graphSection(name: string, graph: NetworkGraph): Markup {
  return html`<section>
<h2>Graph</h2>
<p class="note">What reads what, from the image down, with the shapes of the tensors beside the lines. A box with a mark at its left holds layers; of boxes that are made alike the first is open where not all fit. Point at a box for its parameters and multiply-adds.</p>
${drawingHint}
${zoomable(networkDrawing(graph, { title: `The graph of ${name}` }))}
</section>
`
}

function layerTable(summary: Summary, images: string): Markup {
  const { rows, totals } = summary
  const left = describeTrainingOnly(summary)
  const notes = rows.filter(({ note }) => note)
  return html`<section>
<h2>Layers</h2>
<p class="note">Parameters and multiply-adds are for one image, memory is that of the outputs for ${images}; none is counted where a layer can overwrite its input. The receptive field is what one output value sees of the image, after the stroke the distance between the fields of neighbors.</p>
<div class="scroll" tabindex="0" role="group" aria-label="A table, scrolled sideways"><table class="layers">
<thead><tr><th scope="col">Layer</th><th scope="col">Type</th><th scope="col">Kernel</th><th scope="col">Output</th><th scope="col">Parameters</th><th scope="col" class="number">Multiply-adds</th><th scope="col" class="number">Memory</th><th scope="col" class="number">Receptive field</th></tr></thead>
<tbody>${rows.map(tableRow)}</tbody>
<tfoot><tr><th scope="row">Total</th><td></td><td></td><td></td><td>${formatCount(totals.parameters)}</td><td class="number">${formatCount(totals.multiplyAdds)}</td><td class="number">${formatBytes(totals.activationBytes)}</td><td></td></tr></tfoot>
</table></div>
${left === undefined ? '' : html`<p class="note">${left}</p>\n`}${notes.map(({ path, note }) => html`<p class="note">${path}: ${note}</p>\n`)}
</section>`
}

function tableRow(row: SummaryRow): Markup {
  const { path, type, window = '', output, arithmetic = '–', multiplyAdds, activationBytes } = row
  const memory = activationBytes === 0 ? '–' : formatBytes(activationBytes)
  return html`<tr><th scope="row">${path}</th><td>${type}</td><td>${window}</td><td>${formatVolume(output)}</td><td>${arithmetic}</td><td class="number">${multiplyAdds === 0 ? '–' : formatCount(multiplyAdds)}</td><td class="number">${memory}</td><td class="number">${formatReceptiveField(row.receptiveField)}</td></tr>\n`
}
