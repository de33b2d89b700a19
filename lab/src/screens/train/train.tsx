/** Train: the picture on its way through the network while it learns, what every layer does, and the controls. */
import { useComputed } from '@preact/signals'
import { whole } from '../../draw/format.ts'
import { isSmall } from '../../draw/size.ts'
import { InTurn } from '../../frame/inTurn.tsx'
import { Tabs } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
import { isDeep } from '../../state/layers.ts'
import { type Mode, modes } from '../../worker/protocol.ts'
import { Alarms } from './alarms.tsx'
import { LayerColumn } from './layerColumn.tsx'
import { Side, StillSide } from './side.tsx'

const modeNames: Readonly<Record<Mode, string>> = {
  values: 'values',
  gradients: 'gradients',
  weights: 'weights',
  change: 'change in the last step',
}

/** The screen. */
export function Train({ lab }: { readonly lab: Lab }) {
  const opened = lab.opened.value
  const title = useComputed(() => titleOf(lab))
  const step = useComputed(() => lab.look.value?.step)
  const count = useComputed(() => lab.statistics.value?.count)
  const isLooked = useComputed(() => lab.look.value !== undefined)
  return (
    <div class="screen with-side">
      <section class="work" aria-labelledby="train-title">
        <div class="bar">
          <h1 id="train-title">{title}</h1>
          <Tabs
            label="What the columns show"
            names={modes}
            chosen={lab.mode.value}
            title={mode => modeNames[mode]}
            onChoose={mode => lab.show(mode)}
          />
        </div>
        {opened && isLooked.value ? (
          <>
            <div class={isDeep(opened.layers) || isSmall.value ? 'net wrapped' : 'net'} data-step={step}>
              <RowNames count={count.value} />
              <InTurn>
                {opened.layers.map((info, k) => (
                  <LayerColumn key={info.path} lab={lab} info={info} index={k} />
                ))}
              </InTurn>
            </div>
            {!lab.still.value && <Alarms lab={lab} />}
          </>
        ) : (
          <Waiting lab={lab} />
        )}
      </section>
      {lab.still.value ? <StillSide lab={lab} /> : <Side lab={lab} />}
    </div>
  )
}

function titleOf(lab: Lab): string {
  const name = lab.probe.value?.name ?? 'A picture'
  const capital = name.charAt(0).toUpperCase() + name.slice(1)
  const look = lab.look.value
  const target = look && lab.opened.value?.classes[look.target]
  if (lab.mode.value === 'values') {
    return lab.kind === 'point' ? 'What each unit says of the plane' : `${capital} on its way through the network`
  }
  if (lab.mode.value === 'gradients') {
    return `How each value would change the loss on ${name}${lab.probe.value?.label === undefined ? `, were it a ${target}` : ''}`
  }
  if (lab.mode.value === 'weights') return 'The weights; of fc layers, the norm of each unit’s'
  return look && look.step > 0 ? `What step ${look.step} did to the weights` : 'No step was taken yet'
}

/** What the rows under the maps are. */
function RowNames({ count }: { readonly count: number | undefined }) {
  return (
    <div class="column row-names micro quiet" aria-hidden="true">
      <span />
      <span />
      <span>scale</span>
      <span>
        before ReLU,
        <br />n = {count === undefined ? '…' : whole(count)}
      </span>
      <span>cut to zero</span>
      <span>always zero</span>
      <span>
        ‖Δw‖ / ‖w‖
        <br />
        healthy: band
      </span>
    </div>
  )
}

/** Until there is something to see. */
function Waiting({ lab }: { readonly lab: Lab }) {
  const reading = lab.reading.value
  return (
    <p class="waiting quiet" role="status">
      {lab.problem.value
        ? ''
        : reading
          ? `reading images: ${reading.done} of ${reading.total}`
          : 'reading the first images'}
    </p>
  )
}
