/** The training of `fovea train --lab`, steered: each command is followed after the step under way, and is an event in its log. */
import { useComputed, useSignal } from '@preact/signals'
import { digits, whole } from '../../draw/format.ts'
import type { Runs } from './state.ts'

/** What the server takes. */
type SteerCommand =
  | { readonly action: 'pause' | 'step' | 'goOn' | 'stop' }
  | { readonly action: 'rate'; readonly factor?: number; readonly rate?: number }

async function send(command: SteerCommand): Promise<void> {
  const response = await fetch(new URL('runs/steer', document.baseURI), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(command),
  }).catch(() => {
    throw new Error('The training does not answer: its process has ended.')
  })
  if (!response.ok) throw new Error(await response.text())
}

/** The controls. @param name of the run that this server's process trains */
export function Steer({ runs, name }: { readonly runs: Runs; readonly name: string }) {
  const row = useComputed(() => [...runs.rows.value.values()].find(run => run.name === name)).value
  const problem = useSignal<string | undefined>(undefined)
  const rateText = useSignal('')
  if (!row) return null
  const act = (command: SteerCommand): void => {
    problem.value = undefined
    send(command).catch((error: Error) => {
      problem.value = error.message
    })
  }
  const isOver = row.state !== 'running'
  const isPaused = row.isPaused === true && !isOver
  const typed = rateText.value.trim() === '' ? Number.NaN : Number(rateText.value)
  const where = `step ${whole(row.step)}${row.rate === undefined ? '' : `, learning rate ${digits(row.rate, 3)}`}`
  return (
    <section class="steer" aria-labelledby="steer-title">
      <h2 id="steer-title">
        {isOver ? 'This training has ended' : isPaused ? 'Paused' : 'Training'}{' '}
        <span class="small quiet" role="status">
          {where}
        </span>
      </h2>
      <div class="steer-controls">
        <button type="button" class="go" disabled={isOver} onClick={() => act({ action: isPaused ? 'goOn' : 'pause' })}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" disabled={isOver} onClick={() => act({ action: 'step' })}>
          One step
        </button>
        <button type="button" disabled={isOver} onClick={() => act({ action: 'stop' })}>
          Save and stop
        </button>
        <span class="steer-rate">
          <span class="small">learning rate</span>
          <button type="button" disabled={isOver} onClick={() => act({ action: 'rate', factor: 1 })}>
            as scheduled
          </button>
          <button type="button" disabled={isOver} onClick={() => act({ action: 'rate', factor: 0.5 })}>
            half of it
          </button>
          <button type="button" disabled={isOver} onClick={() => act({ action: 'rate', factor: 2 })}>
            twice
          </button>
          <form
            onSubmit={event => {
              event.preventDefault()
              if (typed > 0) act({ action: 'rate', rate: typed })
            }}
          >
            <input
              class="text-field"
              inputMode="decimal"
              aria-label="Learning rate"
              placeholder={row.rate === undefined ? '0.01' : digits(row.rate, 3)}
              value={rateText}
              disabled={isOver}
              onInput={event => {
                rateText.value = event.currentTarget.value
              }}
            />
            <button type="submit" disabled={isOver || !(typed > 0)}>
              Set
            </button>
          </form>
        </span>
      </div>
      <p class="micro quiet">
        A command is followed after the step under way and noted in the log. A rate that is set stays until another is;
        a resumed run changes it at the same steps.
      </p>
      {problem.value !== undefined && (
        <p class="trouble small" role="alert">
          {problem.value}
        </p>
      )}
    </section>
  )
}
