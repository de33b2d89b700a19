/** Alarms: a sentence about a layer, under it, with a remedy that does something and leaves a flag on the timeline. */
import { useComputed } from '@preact/signals'
import { digits, plain, whole } from '../../draw/format.ts'
import type { Lab } from '../../state/lab.ts'
import type { Change } from '../../state/recipe.ts'
import { healthy } from './statistics.tsx'

interface Alarm {
  readonly layer: string
  readonly subject: string
  readonly sentence: string
  readonly remedy: string
  readonly changes: readonly Change[]
}

/** The most urgent one, if any. */
export function Alarms({ lab }: { readonly lab: Lab }) {
  const alarm = useComputed(() => alarmOf(lab)).value
  if (!alarm) return null
  const { layers } = lab.opened.value!
  const at = layers.findIndex(({ path }) => path === alarm.layer)
  return (
    <div class="alarm" role="status" style={{ '--at': at, '--of': layers.length }}>
      <p class="small">
        <b>{alarm.subject}</b> {alarm.sentence}
      </p>
      <button
        type="button"
        class="go"
        onClick={() => {
          for (const change of alarm.changes) lab.set(change)
        }}
      >
        {alarm.remedy}
      </button>
    </div>
  )
}

/** Steps that are too large come before units that are dead: they are what kills units. */
function alarmOf(lab: Lab): Alarm | undefined {
  const [opened, look] = [lab.opened.value, lab.look.value]
  if (!opened || !look) return undefined
  const { layers } = opened
  const { rate } = lab.controls.value
  const wild = look.layers.findIndex(({ ratio }) => ratio > 10 * healthy.most)
  // The first steps are large by nature: weights are small, and momentum has nothing to average.
  if (wild >= 0 && look.step > 50) {
    const gentler = Number((rate / 10).toPrecision(2))
    return {
      layer: layers[wild]!.path,
      subject: layers[wild]!.path,
      sentence: `moved by ${digits(look.layers[wild]!.ratio)} of its size in one step, ten times more than is healthy.`,
      remedy: `Rate ${plain(rate)} → ${plain(gentler)}`,
      changes: [{ name: 'rate', value: gentler }],
    }
  }
  const { statistics } = { statistics: lab.statistics.value }
  // A unit may be silent on a few hundred images and not be dead.
  if (!statistics || statistics.count < (opened.plane ? 400 : 1000) || statistics.step < 20) return undefined
  const lost = layers.findIndex(
    ({ hasRelu, isNormalized }, k) => hasRelu && !isNormalized && statistics.layers[k]!.dead.length > 0,
  )
  if (lost < 0) return undefined
  const { path } = layers[lost]!
  const { dead } = statistics.layers[lost]!
  const one = dead.length === 1
  return {
    layer: path,
    subject: one ? `${path} · unit ${dead[0]}` : `${path} · ${dead.length} units`,
    sentence: `${one ? 'was' : 'were'} zero on all ${whole(statistics.count)} test ${lab.kind}s, so no gradient reaches ${one ? 'its' : 'their'} weights.`,
    remedy: one ? 'Start it again' : 'Start them again',
    changes: dead.map(unit => ({ name: 'restart', value: `${path}.${unit}` })),
  }
}
