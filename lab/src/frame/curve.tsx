/**
 * The loss curve, which is the slider. Axes and flags are rendered when they change; the lines are one canvas, of which a training
 * that goes on touches its end; the playhead is moved.
 */
import { type ReadonlySignal, type Signal, useComputed, useSignal } from '@preact/signals'
import { type CurveBox, lossTicks, meanAround, stepAt, stepsShown, xOf, yOf } from '../draw/curve.ts'
import { digits, percent, whole } from '../draw/format.ts'
import { useSize } from '../draw/size.ts'
import type { Lab } from '../state/lab.ts'
import { describeIntervention } from '../state/recipe.ts'
import { Icon } from './icons.tsx'
import { LossCanvas } from './lossCanvas.tsx'

/** Widths under which there is no room for words beside the curve. */
const narrow = 500

/** The curve. */
export function Curve({ lab }: { readonly lab: Lab }) {
  const { element, size } = useSize()
  const hovered = useSignal<number | undefined>(undefined)
  const steps = useComputed(() => {
    const { base, fork } = lab.lines.value
    return stepsShown(Math.max(base.losses.length, fork?.losses.length ?? 0), lab.planned.value)
  })
  const boxed = useComputed<CurveBox>(() => {
    const { width, height } = size.value
    return {
      left: 44,
      right: width - (width < narrow ? 14 : 24),
      top: 20,
      bottom: height - 17,
      steps: steps.value,
    }
  })
  const { width, height } = size.value
  const box = boxed.value
  const head = useComputed(() => lab.lines.value.head)
  const said = useComputed(() => {
    const loss = lab.loss.value
    return `step ${lab.step.value}${loss === undefined ? '' : `, loss ${digits(loss, 3)}`}`
  })
  const stepOf = (event: PointerEvent): number =>
    Math.min(head.peek(), stepAt(box, event.clientX - element.current!.getBoundingClientRect().left))
  const onPointerDown = (event: PointerEvent): void => {
    element.current!.setPointerCapture(event.pointerId)
    lab.goTo(stepOf(event))
  }
  const onPointerMove = (event: PointerEvent): void => {
    hovered.value = stepOf(event)
    if (element.current!.hasPointerCapture(event.pointerId)) lab.goTo(stepOf(event))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const [step, last] = [lab.step.peek(), head.peek()]
    const to = movedBy(event.key, step, last, Math.max(10, Math.round(box.steps / 20)))
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    lab.goTo(Math.min(to, Math.max(last, step + 1)))
  }
  return (
    <div
      ref={element}
      class="plot curve"
      role="slider"
      tabIndex={0}
      aria-label="Moment of the training"
      aria-valuemin={0}
      aria-valuemax={head}
      aria-valuenow={lab.step}
      aria-valuetext={said}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerLeave={() => {
        hovered.value = undefined
      }}
      onKeyDown={onKeyDown}
    >
      {width > 0 && (
        <>
          <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
            <Axes box={box} lab={lab} height={height} />
          </svg>
          <LossCanvas lab={lab} box={box} width={width} height={height} />
          <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
            <Flags box={box} lab={lab} />
            <Cross box={box} hovered={hovered} />
          </svg>
          <Playhead box={boxed} lab={lab} />
        </>
      )}
      <Readout lab={lab} box={box} hovered={hovered} />
      <LineSwitch lab={lab} />
    </div>
  )
}

/** The step that a key leads to. */
function movedBy(key: string, step: number, head: number, far: number): number | undefined {
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
  return moves[key]
}

function Axes({ box, lab, height }: { readonly box: CurveBox; readonly lab: Lab; readonly height: number }) {
  const perEpoch = lab.opened.value?.stepsPerEpoch ?? 0
  const byEpoch = perEpoch > 0 && box.steps >= 2 * perEpoch
  const unit = byEpoch ? perEpoch * Math.ceil(box.steps / perEpoch / 8) : box.steps / 4
  const ticks = Array.from({ length: Math.floor(box.steps / unit) }, (_, k) => (k + 1) * unit)
  const isSmall = box.right < narrow
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

/** What was changed on the line that is shown. */
function Flags({ box, lab }: { readonly box: CurveBox; readonly lab: Lab }) {
  const all = lab.interventions.value
  const forkedAt = useComputed(() => (lab.lines.value.isOnFork ? lab.lines.value.fork?.from : undefined)).value
  const last = all.at(-1)
  return (
    <>
      {all.map(one => {
        const x = Math.round(xOf(box, one.at)) + 0.5
        const words = describeIntervention(lab.recipe.value, all, one)
        const isFork = forkedAt !== undefined && one.at >= forkedAt
        return (
          <g key={`${one.at} ${one.name} ${one.value}`} class={isFork ? 'flag fork' : 'flag'}>
            <title>{`step ${one.at}: ${words}`}</title>
            <path d={`M${x} 4h8v8h-8z`} />
            <path class="pole" d={`M${x} 4V${box.bottom}`} />
            {one === last && box.right > narrow && (
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

/** Where the pointer is. */
function Cross({ box, hovered }: { readonly box: CurveBox; readonly hovered: Signal<number | undefined> }) {
  if (hovered.value === undefined) return null
  return <path class="cross" d={`M${Math.round(xOf(box, hovered.value)) + 0.5} ${box.top - 4}V${box.bottom}`} />
}

/** The moment that is shown, on the line's mean. */
function Playhead({ box, lab }: { readonly box: ReadonlySignal<CurveBox>; readonly lab: Lab }) {
  const x = useComputed(() => Math.round(xOf(box.value, lab.step.value)))
  const line = useComputed(() => `top: ${box.value.top - 4}px; bottom: 17px; transform: translateX(${x.value}px)`)
  const knob = useComputed(() => {
    const { losses } = lab.lines.value.current
    const mean = losses.length > 0 ? meanAround(losses, Math.min(lab.step.value, losses.length) - 1) : 2.3
    return `transform: translate(${x.value}px, ${Math.round(yOf(box.value, mean))}px)`
  })
  return (
    <>
      <i class="playhead" style={line} />
      <i class="knob" style={knob} />
    </>
  )
}

/** Looks at the other line of training, where there are two. */
function LineSwitch({ lab }: { readonly lab: Lab }) {
  const other = useComputed(() => {
    const { fork, isOnFork } = lab.lines.value
    return fork && (isOnFork ? 'first line' : 'fork')
  })
  if (other.value === undefined) return null
  return (
    <button
      type="button"
      class="line-switch"
      // The curve under it would go to another moment.
      onPointerDown={event => event.stopPropagation()}
      onClick={() => lab.switchLine()}
    >
      <Icon name="swap" />
      {other}
    </button>
  )
}

/** What is under the pointer, or how well the network does now. */
function Readout(props: {
  readonly lab: Lab
  readonly box: CurveBox
  readonly hovered: ReadonlySignal<number | undefined>
}) {
  const { lab, box, hovered } = props
  if (box.right < narrow) return null
  return (
    <p class="readout micro">
      {hovered.value === undefined ? <Accuracy lab={lab} /> : <LossAt lab={lab} step={hovered.value} />}
    </p>
  )
}

function LossAt({ lab, step }: { readonly lab: Lab; readonly step: number }) {
  const loss = lab.lines.value.current.losses[Math.max(0, step - 1)]
  if (loss === undefined) return null
  return (
    <>
      step {whole(step)} · loss of this step's batch {digits(loss, 3)}
    </>
  )
}

function Accuracy({ lab }: { readonly lab: Lab }) {
  const statistics = lab.statistics.value
  if (!statistics) return null
  return (
    <>
      <b>{percent(statistics.accuracy)}</b> of {whole(statistics.count)} test {lab.kind}s right at step{' '}
      {whole(statistics.step)}
    </>
  )
}
