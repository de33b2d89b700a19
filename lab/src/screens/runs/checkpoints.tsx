/** Checkpoints of the chosen runs: each opens in Look as a network that is looked at. */
import { useSignal, useSignalEffect } from '@preact/signals'
import type { NetworkReply } from '../../../../src/runs/live/protocol.ts'
import { whole } from '../../draw/format.ts'
import { Said } from '../../frame/said.tsx'
import { formatStill } from '../../state/still.ts'
import type { DrawnRun, Runs } from './state.ts'
import { Swatch } from './swatch.tsx'

/** Checkpoints of a run that are listed: the newest, and the best. */
const mostListed = 6

/** The section. */
export function Checkpoints({ runs }: { readonly runs: Runs }) {
  // Others' runs have none that can be opened.
  if (runs.compared.value.length === 0) return null
  return (
    <section class="checkpoints" aria-labelledby="checkpoints-title">
      <h2 id="checkpoints-title">Checkpoints</h2>
      <ul>
        {runs.compared.value.map(drawn => (
          <OfRun key={drawn.row.key} runs={runs} drawn={drawn} />
        ))}
      </ul>
    </section>
  )
}

function OfRun({ runs, drawn: { row, look } }: { readonly runs: Runs; readonly drawn: DrawnRun }) {
  const network = useSignal<NetworkReply | undefined>(undefined)
  // A checkpoint is written after an epoch, and when a run ends.
  const moment = `${row.key} ${row.epoch} ${row.state}`
  const asked = useSignal('')
  if (asked.value !== moment) asked.value = moment
  useSignalEffect(() => {
    const own = asked.value
    runs.network(row.key).then(
      reply => {
        if (asked.peek() === own) network.value = reply
      },
      () => undefined,
    )
  })
  const { checkpoints = [], problem } = network.value ?? {}
  const listed = checkpoints.filter(({ isLast, isBest }, k) => k < mostListed || isLast || isBest)
  return (
    <li>
      <span class="who">
        <Swatch look={look} /> {row.name}
      </span>
      {problem !== undefined ? (
        <span class="quiet">
          <Said text={problem} />
        </span>
      ) : listed.length === 0 ? (
        <span class="quiet">{network.value ? 'none yet' : '…'}</span>
      ) : (
        <span class="links">
          {listed.map(({ step, isLast, isBest }) => (
            <a
              key={step}
              href={formatStill({ run: row.name, step, screen: 'look' })}
              aria-label={`Look at ${row.name} at step ${step}`}
            >
              step {whole(step)}
              {isBest && ', best'}
              {isLast && ', last'}
            </a>
          ))}
        </span>
      )}
    </li>
  )
}
