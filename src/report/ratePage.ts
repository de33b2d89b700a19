/** `fovea lr-find --out rates.html`: the losses of a range test and the rates that it suggests, on one page. */
import { html } from '../plot/markup.ts'
import { pageChart } from '../plot/page/pageChart.ts'
import type { RatePoint, RateSuggestion } from '../study/lrRange.ts'
import { formatCount, formatSignificant } from '../text/format.ts'
import { rateChart } from './lrPlot.ts'
import { chartHint, fact, page } from './page.ts'

/** What a range test was made of. */
export interface RatePage {
  /** `lenet5 on mnist` */
  readonly subject: string
  readonly points: readonly RatePoint[]
  readonly suggestion: RateSuggestion
  /** Version of Fovea. */
  readonly version: string
}

/** Builds the page. @returns a whole HTML document as text. */
export function ratePage({ subject, points, suggestion, version }: RatePage): string {
  const { steepest, careful } = suggestion
  const found =
    steepest === undefined
      ? [fact('Suggested rate', '–', 'the loss never fell: try another range')]
      : [
          fact('Suggested rate', formatSignificant(steepest, 2), 'the loss falls fastest'),
          fact('More careful', formatSignificant(careful ?? steepest, 2), 'a tenth of the rate with the lowest loss'),
        ]
  const [first, last] = [points[0]!, points.at(-1)!].map(({ learningRate }) => formatSignificant(learningRate, 2))
  const header = html`<header>
<h1>Learning-rate range test</h1>
<p class="byline">${subject}</p>
<dl class="facts">${[...found, fact('Steps', formatCount(points.length), `at rates from ${first!} to ${last!}`)]}</dl>
</header>`
  const main = html`<section>
<h2>Loss over the rate</h2>
${chartHint}
<figure class="matrix"><h3>Loss</h3>${pageChart(rateChart(points, suggestion), { xFormat: 'power', yFormat: 'value' })}<figcaption>The line is an exponential moving average of the losses; the faint line is that of each step. The rate rises from step to step (Smith 2015).</figcaption></figure>
</section>`
  return page({ title: 'Learning-rate range test', version, header, main, hasScript: true })
}
