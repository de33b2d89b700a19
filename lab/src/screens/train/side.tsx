/** The right side of Train: the recipe's live controls, and twelve test pictures. */
import { type ReadonlySignal, useComputed } from '@preact/signals'
import { percent, plain } from '../../draw/format.ts'
import { Picture } from '../../draw/raster.tsx'
import { InTurn } from '../../frame/inTurn.tsx'
import { decisionSurface, PlaneProbe } from '../../frame/plane.tsx'
import { Range } from '../../frame/range.tsx'
import { Choices } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
import { batchSizes, type OptimizerName, optimizers, ranges } from '../../state/recipe.ts'

const optimizerNames: Readonly<Record<OptimizerName, string>> = { sgd: 'SGD', adam: 'Adam', rmsprop: 'RMSProp' }

/** The side. */
export function Side({ lab }: { readonly lab: Lab }) {
  return (
    <aside class="side" aria-label="Controls">
      <LiveRecipe lab={lab} />
      {lab.opened.value?.plane ? <PlaneSection lab={lab} /> : <TwelvePictures lab={lab} />}
    </aside>
  )
}

/** The side of a checkpoint, which takes no steps: test pictures where there are some. */
export function StillSide({ lab }: { readonly lab: Lab }) {
  const hasTest = (lab.opened.value?.testLabels.length ?? 0) > 0
  return (
    <aside class="side" aria-label="Test pictures">
      {hasTest ? (
        <TwelvePictures lab={lab} />
      ) : (
        <p class="small quiet">Without its test images there is nothing to count here: drop a picture on the page.</p>
      )}
    </aside>
  )
}

function LiveRecipe({ lab }: { readonly lab: Lab }) {
  const { rate, momentum, decay, batch, optimizer } = lab.controls.value
  const hint = useComputed(() => {
    const [step, { head }] = [lab.step.value, lab.lines.value]
    return !lab.playing.value && step < head
      ? `Moving a control here, at step ${step} of ${head}, starts a fork.`
      : 'A change takes effect with the next step, and leaves a flag on the timeline.'
  })
  return (
    <section class="controls">
      <h2>Recipe, live</h2>
      <LogSlider label="rate" value={rate} {...ranges.rate} onChange={value => lab.set({ name: 'rate', value })} />
      <Slider
        label={optimizer === 'adam' ? 'momentum (β₁)' : 'momentum'}
        value={momentum}
        {...ranges.momentum}
        onChange={value => lab.set({ name: 'momentum', value })}
      />
      <LogSlider
        label="weight decay"
        value={decay}
        least={1e-5}
        most={ranges.decay.most}
        hasZero
        onChange={value => lab.set({ name: 'decay', value })}
      />
      <div class="control inline">
        <span>batch</span>
        <Choices
          label="batch"
          values={batchSizes}
          chosen={batch}
          onChoose={value => lab.set({ name: 'batch', value })}
        />
      </div>
      <div class="control inline">
        <span>optimizer</span>
        <Choices
          label="optimizer"
          values={optimizers}
          chosen={optimizer}
          title={name => optimizerNames[name]}
          onChoose={value => lab.set({ name: 'optimizer', value })}
        />
      </div>
      <p class="micro quiet">{hint}</p>
    </section>
  )
}

interface SliderProps {
  readonly label: string
  readonly value: number
  readonly least: number
  readonly most: number
  readonly onChange: (value: number) => void
}

const Slider = (props: SliderProps) => <Range {...props} shown={plain(props.value)} step={0.01} />

/** A slider whose steps are factors: 2 % by arrow, twice by Page Up and Down. The left end may be zero. */
function LogSlider({
  label,
  value,
  least,
  most,
  hasZero = false,
  onChange,
}: SliderProps & { readonly hasZero?: boolean }) {
  const [low, high] = [Math.log10(least), Math.log10(most)]
  const at = value > 0 ? Math.max(low, Math.log10(value)) : low
  const valueAt = (place: number): number =>
    hasZero && place <= low + 0.001 ? 0 : Number((10 ** place).toPrecision(2))
  const change = (place: number): void => onChange(valueAt(Math.min(high, Math.max(low, place))))
  const onKeyDown = (event: KeyboardEvent): void => {
    const factor = {
      ArrowRight: 1.02,
      ArrowUp: 1.02,
      ArrowLeft: 1 / 1.02,
      ArrowDown: 1 / 1.02,
      PageUp: 2,
      PageDown: 0.5,
    }[event.key]
    if (factor === undefined) return
    event.preventDefault()
    const wanted = (value > 0 ? value : least) * (event.shiftKey ? (factor > 1 ? 2 : 0.5) : factor)
    // Two digits may round a small step away.
    const rounded = Number(wanted.toPrecision(Math.abs(Math.log(factor)) < 0.1 && !event.shiftKey ? 3 : 2))
    onChange(Math.min(most, rounded < least ? (hasZero ? 0 : least) : rounded))
  }
  return (
    <Range
      label={label}
      shown={plain(value)}
      value={at}
      least={low}
      most={high}
      step="any"
      onChange={change}
      onKeyDown={onKeyDown}
    />
  )
}

/** The plane, large, with how many test points are on the right side of the border. */
function PlaneSection({ lab }: { readonly lab: Lab }) {
  const { accuracy, count } = lab.statistics.value ?? {}
  const most = useComputed(() => decisionSurface(lab)?.most)
  const scale = useComputed(() => (most.value ? `, ± ${plain(most.value)}` : ''))
  return (
    <section class="plane-section">
      <h2>
        The plane{' '}
        {accuracy !== undefined && (
          <span class="quiet small">
            {percent(accuracy)} of {count} test points right
          </span>
        )}
      </h2>
      <PlaneProbe lab={lab} cell={5} />
      <p class="micro quiet">
        Logit of blue less that of orange{scale}; the border is paper. Dots are what is trained on, the ring is the
        point that is looked at.
      </p>
    </section>
  )
}

/** Pictures that are shown. */
const pictures = 12

/** Test pictures that stay the same, with what the network takes them for. */
function TwelvePictures({ lab }: { readonly lab: Lab }) {
  const right = useComputed(() => {
    const { testLabels } = lab.opened.value ?? {}
    if (!testLabels || !lab.statistics.value) return ''
    const count = Array.from({ length: pictures }, (_, k) => answerOf(lab, k)?.top === testLabels[k]).filter(Boolean)
    return `${count.length} of ${pictures} right`
  })
  if (!lab.opened.value) return null
  const count = Math.min(pictures, lab.opened.value.testLabels.length)
  return (
    <section class="twelve">
      <h2>
        Test pictures <span class="quiet small">{right}</span>
      </h2>
      <div class="pictures">
        <InTurn by={4}>
          {Array.from({ length: count }, (_, k) => (
            <Specimen key={k} lab={lab} k={k} />
          ))}
        </InTurn>
      </div>
    </section>
  )
}

/** What the network said of a test picture when statistics were last taken. */
function answerOf(lab: Lab, k: number): { readonly shares: Float32Array; readonly top: number } | undefined {
  const classes = lab.opened.value?.classes.length ?? 0
  const shares = lab.statistics.value?.probabilities.subarray(k * classes, (k + 1) * classes)
  return shares && { shares, top: shares.indexOf(Math.max(...shares)) }
}

function Specimen({ lab, k }: { readonly lab: Lab; readonly k: number }) {
  const { classes, shape, testImages, testLabels } = lab.opened.value!
  const bytes = testImages.length / testLabels.length
  const label = testLabels[k]!
  const isLong = classes.some(name => name.length > 2)
  const answer = useComputed(() => answerOf(lab, k))
  const isWrong = useComputed(() => answer.value !== undefined && answer.value.top !== label)
  const verdict = useComputed(() => {
    if (!answer.value) return ''
    const { top, shares } = answer.value
    return isWrong.value ? `${isLong ? '' : 'says '}${classes[top]}` : percent(shares[top]!, 0)
  })
  const kind = useComputed(() => (isWrong.value ? 'wrong' : 'quiet'))
  return (
    <button
      type="button"
      class="specimen"
      title={`test image ${k}, ${classes[label]}: look at it`}
      onClick={() => lab.showTest(k)}
    >
      <Picture pixels={testImages.subarray(k * bytes, (k + 1) * bytes)} width={shape[1]} height={shape[0]} />
      <Shares answer={answer} count={classes.length} label={label} />
      <span class={isLong ? 'micro verdict long' : 'micro verdict'}>
        <b>{classes[label]}</b>
        <span class={kind}>{verdict}</span>
      </span>
    </button>
  )
}

/** CSS pixels of all bars side by side, as wide as their picture; one lies between two. */
const sharesWidth = 50

/** A bar for each class: one path for all of a color, for there are twelve pictures of them. */
function Shares(props: {
  readonly answer: ReadonlySignal<ReturnType<typeof answerOf>>
  readonly count: number
  readonly label: number
}) {
  const { answer, count, label } = props
  const wide = 1 - Math.min(0.5, count / sharesWidth)
  const barsOf = (isShown: (c: number, top: number) => boolean): string => {
    const { shares, top } = answer.value ?? { shares: new Float32Array(), top: -1 }
    return Array.from(shares, (share, c) =>
      isShown(c, top) && share >= 0.001 ? `M${c} 1V${(1 - share).toFixed(3)}h${wide}V1z` : '',
    ).join('')
  }
  const right = useComputed(() => barsOf(c => c === label))
  const wrong = useComputed(() => barsOf((c, top) => c === top && c !== label))
  const other = useComputed(() => barsOf((c, top) => c !== top && c !== label))
  return (
    <svg class="probabilities" viewBox={`0 0 ${count} 1`} preserveAspectRatio="none" aria-hidden="true">
      <path d={other} />
      <path class="true" d={right} />
      <path class="wrong" d={wrong} />
    </svg>
  )
}
