/** `fovea eval --calibration reliability.html`: a reliability diagram on a page, whose bins are read out, and its table. */
import type { Calibration } from '../inspect/judge.ts'
import { html } from '../plot/markup.ts'
import { reliabilityDiagram } from '../plot/reliabilityDiagram.ts'
import { formatCount, formatPercent } from '../text/format.ts'
import { answering, fact, page, partsHint } from './page.ts'

/** What the page shows. */
export interface CalibrationPage {
  /** `runs/lenet5: lenet5 on 10,000 test images of mnist` */
  readonly subject: string
  /** As `calibration` of `fovea/inspect` gives it. */
  readonly calibration: Calibration
  /** Version of Fovea. */
  readonly version: string
}

/** Builds the page. @returns a whole HTML document as text. @throws RangeError for no bins. */
export function calibrationPage({ subject, calibration, version }: CalibrationPage): string {
  const { ece, largestError, bins } = calibration
  const used = bins.filter(({ count }) => count > 0)
  const total = used.reduce((sum, { count }) => sum + count, 0)
  const header = html`<header>
<h1>Calibration</h1>
<p class="byline">${subject}</p>
<dl class="facts">${[
    fact('Expected calibration error', formatPercent(ece), 'the mean distance of accuracy from confidence'),
    fact('Largest of a bin', formatPercent(largestError)),
    fact('Answers', formatCount(total), `in ${used.length} of ${bins.length} bins`),
  ]}</dl>
</header>`
  const rows = used.map(
    ({ from, to, count, confidence, accuracy }) =>
      html`<tr><th scope="row">${formatPercent(from, 1)} to ${formatPercent(to, 1)}</th><td class="number">${formatCount(count)}</td><td class="number">${formatPercent(confidence, 1)}</td><td class="number">${formatPercent(accuracy, 1)}</td></tr>\n`,
  )
  const main = html`<section>
<h2>Reliability diagram</h2>
${partsHint}
<div class="pair">
${answering(reliabilityDiagram(calibration), {
  name: 'Reliability diagram',
  caption:
    'Answers are put into bins by the probability of the predicted class. Blue is how often those of a bin are right, orange how far that is from how sure they are; on the diagonal both are the same (Guo et al. 2017).',
})}
<div class="scroll" tabindex="0" role="group" aria-label="A table, scrolled sideways"><table class="narrow"><thead><tr><th scope="col">probability</th><th scope="col" class="number">images</th><th scope="col" class="number">mean probability</th><th scope="col" class="number">right</th></tr></thead><tbody>
${rows}</tbody></table></div>
</div>
</section>`
  return page({ title: 'Calibration', version, header, main, hasScript: true })
}
