/** Whether the network's probabilities mean what they say: the reliability diagram, and the bins as a table. */
import { useMemo } from 'preact/hooks'
import { calibration } from '../../../../src/inspect/judge.ts'
import { reliabilityDiagram } from '../../../../src/plot/reliabilityDiagram.ts'
import { fixed, percent, whole } from '../../draw/format.ts'
import type { Judge } from './state.ts'

/** Bins of equal width, as in Guo et al. 2017. */
const bins = 15

/** The view. */
export function Calibration({ judge }: { readonly judge: Judge }) {
  const judged = judge.judged.value
  const found = useMemo(() => {
    if (!judged) return undefined
    const { labels, predicted, probability, out } = judged
    const kept = Array.from(labels.keys()).filter(k => !out[k])
    return calibration(
      { predicted: kept.map(k => predicted[k]!), probability: kept.map(k => probability[k]!) },
      kept.map(k => labels[k]!),
      bins,
    )
  }, [judged])
  if (!found || !judged) return null
  return (
    <section class="calibration" aria-label="Calibration" data-ece={found.ece}>
      {/* The library's own drawing; its colors are those of the style sheet. */}
      <div class="diagram" dangerouslySetInnerHTML={{ __html: reliabilityDiagram(found) }} />
      <p class="micro quiet">
        Blue: share that is right. Orange: from there to the mean probability. On the dashed line probabilities mean
        what they say. {bins} bins of equal width; the error is their mean distance, weighted by n (Guo et al. 2017);
        the largest is {percent(found.largestError)}.
      </p>
      <table class="bins small">
        <thead>
          <tr>
            <th scope="col">probability</th>
            <th scope="col">n</th>
            <th scope="col">mean</th>
            <th scope="col">right</th>
          </tr>
        </thead>
        <tbody>
          {found.bins.map(({ from, to, count, confidence, accuracy }) => (
            <tr key={from}>
              <th scope="row">
                {fixed(from, 2)} to {fixed(to, 2)}
              </th>
              <td>{whole(count)}</td>
              <td>{count > 0 ? percent(confidence) : '–'}</td>
              <td>{count > 0 ? percent(accuracy) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
