/** The numbers of the chosen runs at the crosshair, or at their ends: those of the step as its log has them, and the means that are drawn. */

import type { StepReply } from '../../../../src/runs/live/protocol.ts'
import { digits, percent, whole } from '../../draw/format.ts'
import { placeName, valueName } from './chart.tsx'
import { meanNear, placeOf, type Quantity, type Shape } from './shape.ts'
import type { Reading, Runs } from './state.ts'
import { Swatch } from './swatch.tsx'

/** The table. */
export function Readings({ runs }: { readonly runs: Runs }) {
  const at = runs.cursor.value
  return (
    <table class="readings">
      <caption>
        {at === undefined ? 'At the last step' : `At ${placeName(runs.axis.value, at)}`}
        <span class="quiet micro"> of each run; validation of the epoch before</span>
      </caption>
      <thead>
        <tr>
          <th scope="col">run</th>
          <th scope="col" class="number">
            step
          </th>
          <th scope="col" class="number">
            loss
          </th>
          <th scope="col" class="number mean">
            mean
          </th>
          <th scope="col" class="number">
            accuracy
          </th>
          <th scope="col" class="number mean">
            mean
          </th>
          <th scope="col" class="number valid-loss">
            val. loss
          </th>
          <th scope="col" class="number">
            val. acc.
          </th>
        </tr>
      </thead>
      <tbody>
        {runs.readings.value.map((reading, k) => (
          <Row key={reading.row.key} runs={runs} reading={reading} index={k} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ runs, reading, index }: { readonly runs: Runs; readonly reading: Reading; readonly index: number }) {
  const { row, look, step, exact, curve } = reading
  const { story } = curve
  const score = story.scores.findLast(one => one.step <= step)
  const place = runs.cursor.value ?? placeOf(runs.axis.value, story.step, story.clock.seconds, story)
  const mean = (quantity: Quantity, shapes: readonly Shape[]): string => {
    const value = shapes[index] && meanNear(shapes[index], place)
    return value === undefined ? '' : valueName(quantity, value)
  }
  return (
    <tr
      data-reading={row.name}
      onPointerEnter={() => {
        runs.searches.hovered.value = row.name
      }}
      onPointerLeave={() => {
        runs.searches.hovered.value = undefined
      }}
    >
      <th scope="row" title={row.name}>
        <Swatch look={look} />
        <span>{row.name}</span>
      </th>
      <td class="number">{whole(step)}</td>
      <td class="number">{exactName('loss', exact)}</td>
      <td class="number mean quiet">{mean('loss', runs.losses.value)}</td>
      <td class="number">{exactName('accuracy', exact)}</td>
      <td class="number mean quiet">{mean('accuracy', runs.accuracies.value)}</td>
      <td class="number valid-loss">
        {score && (known(score.loss) || !row.isScalars) ? digits(score.loss ?? Number.NaN, 4) : ''}
      </td>
      <td class="number">{score && known(score.accuracy) ? percent(score.accuracy, 2) : ''}</td>
    </tr>
  )
}

/** Whether a number is there: in JSON one that is none is null. */
export const known = (value: number | null): boolean => Number.isFinite(value)

/** A number that the log has; one that is not finite is a word. Others' logs may have no such number. */
function exactName(quantity: Quantity, exact: StepReply | undefined): string {
  if (exact === undefined) return '…'
  const value = exact[quantity]
  if (value === undefined) return ''
  return typeof value === 'string' ? value : valueName(quantity, value)
}
