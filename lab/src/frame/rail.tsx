/** The left column: the picture that goes through the network, what the network takes it for, and other pictures. */
import { type ReadonlySignal, useComputed } from '@preact/signals'
import { digits, percent } from '../draw/format.ts'
import { Ramp } from '../draw/raster.tsx'
import type { Lab } from '../state/lab.ts'
import { CameraButton } from './cameraButton.tsx'
import { takeFiles } from './drop.tsx'
import { FilesButton } from './filesButton.tsx'
import { Icon } from './icons.tsx'
import { Probe } from './probe.tsx'

/** The column. */
export function Rail({ lab }: { readonly lab: Lab }) {
  const { brush } = lab
  const probe = lab.probe.value
  const { classes } = lab.opened.value ?? {}
  return (
    <aside class="rail" aria-label="Probe">
      <Probe lab={lab} />
      <div class="caption">
        <span>
          <b>{probe?.name ?? 'nothing yet'}</b>
          <br />
          <span class="quiet">
            {probe?.label !== undefined && classes ? `true class ${classes[probe.label]}` : 'class unknown'}
          </span>
        </span>
        {lab.kind === 'image' && (
          <span class="tools">
            <Tool name="pencil" label="Draw (d)" isOn={brush.value === 'draw'} onClick={() => (brush.value = 'draw')} />
            <Tool
              name="eraser"
              label="Erase (e)"
              isOn={brush.value === 'erase'}
              onClick={() => (brush.value = 'erase')}
            />
            <Tool name="undo" label="The test image again (z)" onClick={() => lab.showTest(lab.lastIndex)} />
          </span>
        )}
      </div>
      <Bars lab={lab} />
      <Acts lab={lab} />
      <div class="legend">
        <Ramp />
        <p class="micro quiet">
          <span>below</span>
          <span>zero is paper</span>
          <span>above</span>
        </p>
      </div>
    </aside>
  )
}

function Tool(props: {
  readonly name: 'pencil' | 'eraser' | 'undo'
  readonly label: string
  readonly isOn?: boolean
  readonly onClick: () => void
}) {
  const { name, label, isOn, onClick } = props
  return (
    <button type="button" class="icon tool" aria-label={label} title={label} aria-pressed={isOn} onClick={onClick}>
      <Icon name={name} />
    </button>
  )
}

/** The probability of each class. */
function Bars({ lab }: { readonly lab: Lab }) {
  const { classes = Array.from({ length: 10 }, (_, k) => String(k)) } = lab.opened.value ?? {}
  const top = useComputed(() => (lab.look.value ? largest(lab.look.value.probabilities) : -1))
  const step = useComputed(() => lab.look.value?.step)
  const isLong = classes.some(name => name.length > 2)
  const count = classes.length
  // Of very many classes, the most probable.
  const shown = useComputed(() => mostProbable(count, lab.look.value?.probabilities)).value
  return (
    <ul class={isLong ? 'bars long' : 'bars'} aria-label="Probabilities" data-step={step}>
      {shown.map(k => (
        <Bar key={classes[k]} lab={lab} name={classes[k]!} k={k} top={top} />
      ))}
    </ul>
  )
}

/** Classes that have a bar each. */
const mostBars = 50
/** Of more, those that have one. */
const probableBars = 10
const allBars = new Map<number, readonly number[]>()

function mostProbable(count: number, probabilities: ArrayLike<number> | undefined): readonly number[] {
  const known = allBars.get(count)
  const all = known ?? Array.from({ length: count }, (_, k) => k)
  allBars.set(count, all)
  if (count <= mostBars) return all
  return [...all].sort((a, b) => (probabilities?.[b] ?? 0) - (probabilities?.[a] ?? 0)).slice(0, probableBars)
}

function largest(values: ArrayLike<number>): number {
  let best = 0
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k
  return best
}

interface BarProps {
  readonly lab: Lab
  readonly name: string
  readonly k: number
  /** The most probable class. */
  readonly top: ReadonlySignal<number>
}

function Bar({ lab, name, k, top }: BarProps) {
  const share = useComputed(() => lab.look.value?.probabilities[k])
  const text = useComputed(() => (share.value === undefined ? '' : percent(share.value)))
  const bar = useComputed(() => `transform: scaleX(${(share.value ?? 0).toFixed(4)})`)
  const kind = useComputed(() => {
    const label = lab.probe.value?.label
    return k === label ? 'true' : k === top.value ? (label === undefined ? 'top' : 'wrong') : ''
  })
  // Digits that only who points at them reads are written while it rests.
  const title = useComputed(() => (lab.playing.value ? name : titleOf(lab, name, k)))
  return (
    <li class={kind} title={title}>
      <span class="name">{name}</span>
      <span class="bar">
        <i style={bar} />
      </span>
      <span class="value">{text}</span>
    </li>
  )
}

function titleOf(lab: Lab, name: string, k: number): string {
  const { probabilities, logits } = lab.look.value ?? {}
  return probabilities ? `${name}: ${percent(probabilities[k]!, 3)}, logit ${digits(logits![k]!, 4)}` : name
}

/** Other pictures or points. */
function Acts({ lab }: { readonly lab: Lab }) {
  const isReady = lab.opened.value !== undefined
  const hasTest = (lab.opened.value?.testLabels.length ?? 0) > 0
  return (
    <div class="acts">
      <button type="button" disabled={!hasTest} onClick={() => lab.next('any')}>
        Next<kbd>n</kbd>
      </button>
      <button
        type="button"
        disabled={lab.mistakes.value.length === 0}
        title={`${lab.mistakes.value.length} mistakes on ${lab.statistics.value?.count ?? 0} test ${lab.kind}s`}
        onClick={() => lab.next('mistake')}
      >
        Mistake<kbd>m</kbd>
      </button>
      {lab.kind === 'image' && (
        <>
          <FilesButton
            label={
              <>
                Upload<kbd>u</kbd>
              </>
            }
            title="A picture of your own"
            disabled={!isReady}
            asksFor="Picture"
            id="upload"
            accept="image/*"
            isSingle
            onFiles={files => void takeFiles(lab, files)}
          />
          <CameraButton lab={lab} />
        </>
      )}
    </div>
  )
}
