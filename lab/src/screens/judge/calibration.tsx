/** Whether the network's probabilities mean what they say: the reliability diagram, and the bins as a table. */
import { type Signal, useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { calibration } from '../../../../src/inspect/judge.ts'
import { reliabilityDiagram } from '../../../../src/plot/reliabilityDiagram.ts'
import { digits, fixed, percent, whole } from '../../draw/format.ts'
import { Choices } from '../../frame/tabs.tsx'
import type { Judge } from './state.ts'
import { type Tempered, tempered } from './temperature.ts'

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
  const cooled = useMemo(() => judged && tempered(judged, bins), [judged])
  const isAtTemperature = useSignal(false)
  if (!found || !judged) return null
  const shown = isAtTemperature.value && cooled ? cooled.after : found
  return (
    <section class="calibration" aria-label="Calibration" data-ece={found.ece}>
      {/* The library's own drawing; its colors are those of the style sheet. */}
      <div class="diagram" dangerouslySetInnerHTML={{ __html: reliabilityDiagram(shown) }} />
      <p class="micro quiet">
        Blue: share that is right. Orange: from there to the mean probability. On the dashed line probabilities mean
        what they say. {bins} bins of equal width; the error is their mean distance, weighted by n (Guo et al. 2017);
        the largest is {percent(shown.largestError)}.
      </p>
      {cooled && <Temperature cooled={cooled} isShown={isAtTemperature} />}
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
          {shown.bins.map(({ from, to, count, confidence, accuracy }) => (
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

/** What a temperature would do, and whether the diagram shows it. */
function Temperature({ cooled, isShown }: { readonly cooled: Tempered; readonly isShown: Signal<boolean> }) {
  const { temperature, fitted, images, before, after, lossBefore, lossAfter } = cooled
  return (
    <div class="temperature" data-temperature={temperature} data-before={before.ece} data-after={after.ece}>
      <Choices
        label="Probabilities"
        values={['as they are', 'at temperature']}
        chosen={isShown.value ? 'at temperature' : 'as they are'}
        title={value => (value === 'at temperature' ? `at temperature ${digits(temperature, 3)}` : value)}
        onChoose={value => {
          isShown.value = value === 'at temperature'
        }}
      />
      <p class="micro quiet">
        Dividing the logits by {digits(temperature, 3)} changes no answer. Fitted to {whole(fitted)} images, every
        second one, it takes the calibration error of the other {whole(images)} from {percent(before.ece, 2)} to{' '}
        {percent(after.ece, 2)}, and their loss from {digits(lossBefore, 3)} to {digits(lossAfter, 3)}. At that
        temperature the diagram is of those {whole(images)}.
      </p>
    </div>
  )
}
