/** The whole network: a row of maps for each convolution, the units of the rest. A map opens. */

import { plain } from '../../draw/format.ts'
import { ValueMap } from '../../draw/raster.tsx'
import { mostOf, roundUp } from '../../draw/scale.ts'
import { isPhone } from '../../draw/size.ts'
import type { Lab } from '../../state/lab.ts'
import { momentOf } from '../../state/layers.ts'
import type { LayerInfo, LayerLook } from '../../worker/protocol.ts'
import { columnOf, type UnitsColumn } from '../train/columns.ts'
import { UnitGrid } from '../train/units.tsx'

/** The view. */
export function NetworkView({ lab }: { readonly lab: Lab }) {
  const { layers } = lab.opened.value!
  const look = lab.look.value!
  return (
    <div class="layers">
      {layers.map((info, k) => (
        <section key={info.path} aria-label={info.path}>
          <h2>
            {info.path}{' '}
            <span class="small quiet">
              {info.shape.join(' × ')}, {momentOf(info)}, scale ± {plain(roundUp(mostOf(look.layers[k]!.values)))}
            </span>
          </h2>
          {info.kind === 'conv' ? (
            <Maps lab={lab} info={info} look={look.layers[k]!} />
          ) : (
            <UnitGrid
              lab={lab}
              info={info}
              column={() => columnOf(info, lab.look.value ?? look, k, 'values') as UnitsColumn}
              across={isPhone.value ? 18 : 24}
            />
          )}
        </section>
      ))}
    </div>
  )
}

/** All maps of a layer, as buttons. @param chosen the map that is open */
export function Maps(props: {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly look: LayerLook
  readonly chosen?: number | undefined
  readonly side?: number
}) {
  const { lab, info, look, chosen, side = 56 } = props
  const [units = 0, height = 1, width = 1] = info.shape
  const cell = Math.max(1, Math.floor(side / Math.max(height, width)))
  const most = roundUp(mostOf(look.values))
  return (
    <div class="strip">
      {Array.from({ length: units }, (_, unit) => (
        <button
          key={unit}
          type="button"
          class="tile"
          title={`${info.path} · ${unit}`}
          aria-label={`Map ${unit} of ${info.path}`}
          aria-current={unit === chosen ? 'true' : undefined}
          onClick={() => lab.showPlace({ layer: info.path, unit })}
        >
          <ValueMap
            values={look.values}
            from={unit * height * width}
            width={width}
            height={height}
            cell={cell}
            most={most}
          />
        </button>
      ))}
    </div>
  )
}
