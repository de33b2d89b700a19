/** Why: what the picture had to do with a class, by five methods, each with its definition and what can be said of it. */
import { useEffect } from 'preact/hooks'
import { fixed, plain } from '../../draw/format.ts'
import { ValueMap } from '../../draw/raster.tsx'
import { mostOf, roundUp } from '../../draw/scale.ts'
import { Choices } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
import type { Reason, Reasons } from '../../worker/protocol.ts'

interface Method {
  readonly name: string
  /** Its definition; S is the logit of the class, x the picture. */
  readonly definition: string
  readonly remark: (reason: Reason, reasons: Reasons) => string
}

const methods: Readonly<Record<Reason['method'], Method>> = {
  saliency: {
    name: 'Saliency',
    definition: 'max over channels of |∂S/∂x|',
    remark: () => 'How much the score could change with each pixel, in either direction.',
  },
  gradCam: {
    name: 'Grad-CAM',
    definition: 'ReLU(Σ mean(∂S/∂A) A), at the last maps',
    remark: ({ values }) =>
      mostOf(values) === 0
        ? 'Zero everywhere: no map speaks for the class. A zero map stays zero.'
        : 'Where the last maps speak for the class; as coarse as they are.',
  },
  integratedGradients: {
    name: 'Integrated gradients',
    definition: '(x − x₀) ∫ ∂S(x₀ + α(x − x₀))/∂x dα, x₀ black, 32 points',
    remark: ({ sum = 0, error = 0 }) =>
      `Sums to ${fixed(sum, 3)}; S(x) − S(x₀) is ${fixed(sum - error, 3)}. Error ${fixed(error, 3)}.`,
  },
  occlusion: {
    name: 'Occlusion',
    definition: 'S(x) − S(occluded), 7 × 7 of middle gray, at every place',
    remark: () => 'Exact for each patch, averaged over those that cover a pixel.',
  },
  guidedBackprop: {
    name: 'Guided backpropagation',
    definition: 'at each ReLU g ← max(g, 0) · [x > 0]',
    remark: () => 'Shows edges that the network reads. It says little about the class (Adebayo et al. 2018).',
  },
}

/** CSS pixels of a map. */
const side = 84

/** Milliseconds between two questions while the network trains. */
const askedEvery = 3000

/** The drawer. */
export function Why({ lab }: { readonly lab: Lab }) {
  const { classes } = lab.opened.value!
  const reasons = lab.reasons.value
  const look = lab.look.value!
  const { playing, whyClass } = { playing: lab.playing.value, whyClass: lab.whyClass.value }
  const target = whyClass ?? look.probabilities.indexOf(Math.max(...look.probabilities))
  const isStale = reasons === undefined || reasons.step !== look.step || reasons.target !== target
  const picture = lab.probe.value?.pixels
  // While it trains, reasons come now and then: they cost more than a step does.
  useEffect(() => {
    if (!playing || lab.reasons.value === undefined) lab.askWhy()
  }, [lab, playing, look.step, whyClass, picture])
  useEffect(() => {
    if (!playing) return
    const timer = setInterval(() => lab.askWhy(), askedEvery)
    return () => clearInterval(timer)
  }, [lab, playing])
  return (
    <div class="why">
      <h2>
        Why {classes[target]}?{' '}
        <span class="small quiet">
          {reasons && !isStale
            ? `score = logit, ${fixed(reasons.score, 2)}`
            : reasons
              ? `of step ${reasons.step}`
              : 'computing'}
        </span>
      </h2>
      <Choices
        label="for class"
        values={classes.map((_, k) => k)}
        chosen={target}
        title={k => (classes[k]!.length > 2 ? String(k) : classes[k]!)}
        onChoose={k => {
          lab.whyClass.value = k
        }}
      />
      <ul>
        {Object.entries(methods).map(([key, method]) => (
          <MethodRow
            key={key}
            method={method}
            reasons={reasons}
            reason={reasons?.maps.find(map => map.method === key)}
          />
        ))}
      </ul>
    </div>
  )
}

interface MethodRowProps {
  readonly method: Method
  readonly reasons: Reasons | undefined
  readonly reason: Reason | undefined
}

function MethodRow({ method, reasons, reason }: MethodRowProps) {
  const most = reason ? roundUp(mostOf(reason.values)) : 0
  return (
    <li>
      {reason ? (
        <ValueMap
          values={reason.values}
          width={reason.width}
          height={reason.height}
          cell={side / reason.width}
          most={most}
          label={`${method.name}, from −${plain(most)} to ${plain(most)}`}
        />
      ) : (
        <span class="placeholder" />
      )}
      <div>
        <h3>{method.name}</h3>
        <p class="micro quiet">{method.definition}</p>
        {reason && reasons && (
          <p class="micro">
            {method.remark(reason, reasons)}{' '}
            <span class="quiet">
              ±{'\u00a0'}
              {plain(most)}
            </span>
          </p>
        )}
      </div>
    </li>
  )
}
