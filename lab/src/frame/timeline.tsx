/** The timeline: the loss curve is the slider. Every moment of the training can be gone to; what was changed is a flag. */
import { useComputed } from '@preact/signals'
import { digits, whole } from '../draw/format.ts'
import type { Lab } from '../state/lab.ts'
import { Curve } from './curve.tsx'
import { Icon } from './icons.tsx'

/** Controls and curve. */
export function Timeline({ lab }: { readonly lab: Lab }) {
  return (
    <section class="time" aria-label="Timeline">
      <Transport lab={lab} />
      <Curve lab={lab} />
    </section>
  )
}

/** Play, one step, speed, and where the training is. */
function Transport({ lab }: { readonly lab: Lab }) {
  const playing = lab.playing.value
  const speed = lab.speed.value
  const isReady = lab.opened.value !== undefined
  const name = Number.isFinite(speed) ? `${speed} / s` : 'max'
  return (
    <div class="transport">
      <div class="keys">
        <button
          type="button"
          class="icon more"
          aria-label="Back to the start"
          title="Back to the start (Home)"
          disabled={!isReady}
          onClick={() => lab.goTo(0)}
        >
          <Icon name="start" />
        </button>
        <button
          type="button"
          class="icon"
          aria-label="One step back"
          title="One step back (,)"
          disabled={!isReady}
          onClick={() => lab.stepBy(-1)}
        >
          <Icon name="back" />
        </button>
        <button
          type="button"
          class="icon play"
          aria-label={playing ? 'Pause' : 'Train on'}
          title={playing ? 'Pause (space)' : 'Train on (space)'}
          disabled={!isReady}
          onClick={() => lab.toggle()}
        >
          <Icon name={playing ? 'pause' : 'play'} />
        </button>
        <button
          type="button"
          class="icon"
          aria-label="One step"
          title="One step (.)"
          disabled={!isReady}
          onClick={() => lab.stepBy(1)}
        >
          <Icon name="next" />
        </button>
        <button
          type="button"
          class="speed"
          aria-label={`Speed: ${name}`}
          title="Steps in a second: as many as go, 10 or 1"
          onClick={() => lab.changeSpeed()}
        >
          {name}
        </button>
      </div>
      <Moment lab={lab} />
    </div>
  )
}

/** Step, epoch and loss: texts that change while nothing else does. */
function Moment({ lab }: { readonly lab: Lab }) {
  const step = useComputed(() => `step ${whole(lab.step.value)}`)
  const end = useComputed(() => `of ${whole(Math.max(lab.planned.value, lab.lines.value.head))}`)
  const epoch = useComputed(() => `epoch ${Math.floor(lab.step.value / (lab.opened.value?.stepsPerEpoch ?? 1)) + 1}`)
  const loss = useComputed(() => (lab.loss.value === undefined ? '' : ` · loss ${digits(lab.loss.value, 3)}`))
  return (
    <div class="small">
      <b data-step={lab.step}>{step}</b> <span class="quiet more">{end}</span>
      <br />
      <span class="quiet">
        {epoch}
        <span class="more">{loss}</span>
      </span>
    </div>
  )
}
