/** Look: from the network to a map, to its parts, to a cell, which Convolve takes apart down to the pixels. */
import { Tabs } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
import type { Place } from '../../state/link.ts'
import { networks } from '../../state/recipe.ts'
import type { LayerInfo } from '../../worker/protocol.ts'
import { MapView } from './mapView.tsx'
import { NetworkView } from './networkView.tsx'
import { UnitView } from './unitView.tsx'
import { Why } from './why.tsx'

const depths = ['network', 'map', 'cell'] as const
type Depth = (typeof depths)[number]

/** The screen. */
export function LookScreen({ lab }: { readonly lab: Lab }) {
  const { opened, look, place } = { opened: lab.opened.value, look: lab.look.value, place: lab.place.value }
  const kind = kindOf(lab, place)
  return (
    <div class="screen with-side wide-side">
      <section class="work look" aria-label="Look">
        <div class="bar">
          <Crumbs lab={lab} place={kind && place} />
          <Tabs
            label="Zoom"
            names={kind === 'linear' ? depths.slice(0, 2) : depths}
            chosen={kind ? 'map' : 'network'}
            title={depth => (depth === 'map' && kind === 'linear' ? 'unit' : depth)}
            onChoose={depth => zoom(lab, depth)}
          />
        </div>
        {opened && look ? (
          kind === 'conv' ? (
            <MapView lab={lab} place={place!} />
          ) : kind === 'linear' ? (
            <UnitView lab={lab} place={place!} />
          ) : (
            <NetworkView lab={lab} />
          )
        ) : (
          <p class="waiting quiet" role="status">
            reading the first images
          </p>
        )}
      </section>
      <aside class="side" aria-label={opened?.plane ? 'The plane' : 'Why'}>
        {opened && look && (opened.plane ? <PlaneNote /> : <Why lab={lab} />)}
      </aside>
    </div>
  )
}

/** What the maps of a network of points are. */
function PlaneNote() {
  return (
    <div class="why">
      <h2>Every unit, everywhere</h2>
      <p class="small">
        A map here is one unit at every point of the plane. Fully connected layers do the same at each of them, which
        makes them convolutions of 1 × 1: a unit is the sum of the units before it, each times one weight, and its bias.
      </p>
      <p class="small quiet">
        Open a unit to see what it adds up, and drag a weight: the border follows until you let go. ReLU bends the plane
        along the line where a unit is zero, the color of the paper.
      </p>
    </div>
  )
}

/** What a place is of: a map of a convolution, or a unit of a fully connected layer; nothing where there is neither. */
function kindOf(lab: Lab, place: Place | undefined): LayerInfo['kind'] | undefined {
  const info = lab.opened.value?.layers.find(({ path }) => path === place?.layer)
  return place?.unit !== undefined && place.unit < (info?.shape[0] ?? 0) ? info?.kind : undefined
}

/** Goes nearer or farther; without a map, to the first one of the last convolution. */
function zoom(lab: Lab, depth: Depth): void {
  const place = lab.place.value
  const kind = kindOf(lab, place)
  if (depth === 'network') lab.place.value = undefined
  else if (!kind) {
    const last = lab.opened.value?.layers.findLast(layer => layer.kind === 'conv')
    if (last) lab.place.value = { layer: last.path, unit: 0 }
  } else if (depth === 'cell' && place?.row !== undefined) lab.openCell(place)
}

function Crumbs({ lab, place }: { readonly lab: Lab; readonly place: Place | undefined }) {
  const info = lab.opened.value?.layers.find(({ path }) => path === place?.layer)
  return (
    <h1 class="crumbs">
      {place && info ? (
        <>
          <button
            type="button"
            onClick={() => {
              lab.place.value = undefined
            }}
          >
            {networks[lab.recipe.value.model].title}
          </button>
          <i aria-hidden="true">›</i>
          <span>{info.path}</span>
          <i aria-hidden="true">›</i>
          <span>
            {info.kind === 'conv' ? 'map' : 'unit'} {place.unit}
          </span>
          <span class="small quiet">
            of {info.shape[0]}
            {info.field && ` · each cell sees ${info.field.size.join(' × ')} pixels`}
          </span>
        </>
      ) : lab.kind === 'point' ? (
        'Every unit of the network, over the plane'
      ) : (
        'Every map of the network, for this picture'
      )}
    </h1>
  )
}
