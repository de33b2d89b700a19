/** The timeline: the loss curve is the slider. Every moment of the training can be gone to; what was changed is a flag. */
import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type CurveBox, curvePaths, lossTicks, smooth, stepAt, stepsShown, xOf, yOf } from '../draw/curve.ts'
import { digits, percent, whole } from '../draw/format.ts'
import type { Lab } from '../state/lab.ts'
import { describeIntervention } from '../state/recipe.ts'
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
  const loss = lab.loss.value
  const isReady = lab.opened.value !== undefined
  const name = Number.isFinite(speed) ? `${speed} / s` : 'max'
  const epoch = Math.floor(lab.step.value / (lab.opened.value?.stepsPerEpoch ?? 1)) + 1
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
      <div class="small">
        <b data-step={lab.step.value}>step {whole(lab.step.value)}</b>{' '}
        <span class="quiet more">of {whole(Math.max(lab.planned.value, lab.lines.value.head))}</span>
        <br />
        <span class="quiet">
          epoch {epoch}
          {loss !== undefined && <span class="more"> · loss {digits(loss, 3)}</span>}
        </span>
      </div>
    </div>
  )
}

/** The size of an element, followed. */
function useSize() {
  const element = useRef<HTMLDivElement>(null)
  const size = useSignal({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const measure = (): void => {
      const { clientWidth: width, clientHeight: height } = element.current!
      if (width !== size.value.width || height !== size.value.height) size.value = { width, height }
    }
    const observer = new ResizeObserver(measure)
    observer.observe(element.current!)
    measure()
    return () => observer.disconnect()
  }, [size])
  return { element, ...size.value }
}

function Curve({ lab }: { readonly lab: Lab }) {
  const { element, width, height } = useSize()
  const hovered = useSignal<number | undefined>(undefined)
  const { base, fork, isOnFork, current, head } = lab.lines.value
  const planned = lab.planned.value
  const longest = Math.max(base.losses.length, fork?.losses.length ?? 0)
  const box: CurveBox = {
    left: 44,
    right: width - (width < 500 ? 14 : 24),
    top: 20,
    bottom: height - 17,
    steps: stepsShown(longest, planned),
  }
  const step = lab.step.value
  const stepOf = (event: PointerEvent): number =>
    Math.min(head, stepAt(box, event.clientX - element.current!.getBoundingClientRect().left))
  const onPointerDown = (event: PointerEvent): void => {
    element.current!.setPointerCapture(event.pointerId)
    lab.goTo(stepOf(event))
  }
  const onPointerMove = (event: PointerEvent): void => {
    hovered.value = stepOf(event)
    if (element.current!.hasPointerCapture(event.pointerId)) lab.goTo(stepOf(event))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const far = Math.max(10, Math.round(box.steps / 20))
    const moves: Record<string, number> = {
      ArrowLeft: step - 1,
      ArrowDown: step - 1,
      ArrowRight: step + 1,
      ArrowUp: step + 1,
      PageDown: step - far,
      PageUp: step + far,
      Home: 0,
      End: head,
    }
    const to = moves[event.key]
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    lab.goTo(Math.min(to, Math.max(head, step + 1)))
  }
  const loss = lab.loss.value
  return (
    <div
      ref={element}
      class="curve"
      role="slider"
      tabIndex={0}
      aria-label="Moment of the training"
      aria-valuemin={0}
      aria-valuemax={head}
      aria-valuenow={step}
      aria-valuetext={`step ${step}${loss === undefined ? '' : `, loss ${digits(loss, 3)}`}`}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerLeave={() => {
        hovered.value = undefined
      }}
      onKeyDown={onKeyDown}
    >
      {width > 0 && (
        <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
          <Axes box={box} lab={lab} height={height} />
          <LossLine box={box} losses={base.losses} hue="blue" isPale={isOnFork} until={isOnFork ? undefined : step} />
          {fork && <LossLine box={box} losses={fork.losses} from={fork.from} hue="fork" isPale={!isOnFork} />}
          <Flags box={box} lab={lab} />
          <Playhead box={box} step={step} losses={current.losses} />
          {hovered.value !== undefined && hovered.value !== step && (
            <path class="cross" d={`M${Math.round(xOf(box, hovered.value)) + 0.5} ${box.top - 4}V${box.bottom}`} />
          )}
        </svg>
      )}
      <Readout lab={lab} box={box} step={hovered.value} />
      {fork && (
        <button
          type="button"
          class="line-switch"
          // The curve under it would go to another moment.
          onPointerDown={event => event.stopPropagation()}
          onClick={() => lab.switchLine()}
        >
          <Icon name="swap" />
          {isOnFork ? 'first line' : 'fork'}
        </button>
      )}
    </div>
  )
}

function Axes({ box, lab, height }: { readonly box: CurveBox; readonly lab: Lab; readonly height: number }) {
  const perEpoch = lab.opened.value?.stepsPerEpoch ?? 0
  const byEpoch = perEpoch > 0 && box.steps >= 2 * perEpoch
  const unit = byEpoch ? perEpoch * Math.ceil(box.steps / perEpoch / 8) : box.steps / 4
  const ticks = Array.from({ length: Math.floor(box.steps / unit) }, (_, k) => (k + 1) * unit)
  const isSmall = box.right < 500
  return (
    <>
      {lossTicks.map(loss => (
        <g key={loss}>
          <path class="grid" d={`M${box.left} ${Math.round(yOf(box, loss)) + 0.5}H${box.right}`} />
          <text x={box.left - 6} y={yOf(box, loss) + 4} text-anchor="end">
            {loss}
          </text>
        </g>
      ))}
      <text x={box.left} y={12}>
        loss
      </text>
      {ticks.map(tick => (
        <g key={tick}>
          <path class="tick" d={`M${Math.round(xOf(box, tick)) + 0.5} ${box.bottom}v4`} />
          <text x={xOf(box, tick)} y={height - 3} text-anchor={tick === box.steps ? 'end' : 'middle'}>
            {byEpoch ? `${isSmall ? '' : 'epoch '}${tick / perEpoch}` : `${isSmall ? '' : 'step '}${whole(tick)}`}
          </text>
        </g>
      ))}
    </>
  )
}

interface LossLineProps {
  readonly box: CurveBox
  readonly losses: readonly number[]
  readonly from?: number
  readonly hue: 'blue' | 'fork'
  readonly isPale: boolean
  /** What lies behind it is paler. */
  readonly until?: number | undefined
}

function LossLine({ box, losses, from = 0, hue, isPale, until }: LossLineProps) {
  const split = until ?? losses.length
  const before = curvePaths(box, losses.slice(0, split), from)
  const after = split < losses.length ? curvePaths(box, losses, Math.max(from, split - 1)) : undefined
  return (
    <g class={`loss ${hue}`}>
      <path class="band" d={before.band} />
      {after && <path class="band" d={after.band} />}
      <path class={isPale ? 'line pale' : 'line'} d={before.line} />
      {after && <path class="line pale" d={after.line} />}
    </g>
  )
}

/** What was changed on the line that is shown. */
function Flags({ box, lab }: { readonly box: CurveBox; readonly lab: Lab }) {
  const { isOnFork, fork } = lab.lines.value
  const all = lab.interventions.value
  const last = all.at(-1)
  return (
    <>
      {all.map(one => {
        const x = Math.round(xOf(box, one.at)) + 0.5
        const words = describeIntervention(lab.recipe.value, all, one)
        const isFork = isOnFork && fork !== undefined && one.at >= fork.from
        return (
          <g key={`${one.at} ${one.name} ${one.value}`} class={isFork ? 'flag fork' : 'flag'}>
            <title>{`step ${one.at}: ${words}`}</title>
            <path d={`M${x} 4h8v8h-8z`} />
            <path class="pole" d={`M${x} 4V${box.bottom}`} />
            {one === last && box.right > 500 && (
              <text x={x > box.right - 170 ? x - 6 : x + 13} y={12} text-anchor={x > box.right - 170 ? 'end' : 'start'}>
                {words}
              </text>
            )}
          </g>
        )
      })}
    </>
  )
}

function Playhead({
  box,
  step,
  losses,
}: {
  readonly box: CurveBox
  readonly step: number
  readonly losses: readonly number[]
}) {
  const x = Math.round(xOf(box, step)) + 0.5
  const near = losses.slice(Math.max(0, step - 41), step + 20)
  const mean = near.length > 0 ? smooth(near)[Math.min(near.length - 1, Math.max(0, Math.min(step, 41) - 1))]! : 2.3
  return (
    <>
      <path class="playhead" d={`M${x} ${box.top - 4}V${box.bottom}`} />
      <circle class="knob" cx={x} cy={yOf(box, mean)} r="5" />
    </>
  )
}

/** What is under the pointer, or how well the network does now. */
function Readout({ lab, box, step }: { readonly lab: Lab; readonly box: CurveBox; readonly step: number | undefined }) {
  const { current } = lab.lines.value
  const statistics = lab.statistics.value
  const loss = step === undefined ? undefined : current.losses[Math.max(0, step - 1)]
  if (box.right < 500) return null
  return (
    <p class="readout micro">
      {step !== undefined && loss !== undefined ? (
        <>
          step {whole(step)} · loss of this step's batch {digits(loss, 3)}
        </>
      ) : (
        statistics && (
          <>
            <b>{percent(statistics.accuracy)}</b> of {whole(statistics.count)} test {lab.kind}s right at step{' '}
            {whole(statistics.step)}
          </>
        )
      )}
    </p>
  )
}
