/** What excites a map or a unit: the test images that make it largest, and a picture that is grown from noise while one watches. */
import { useComputed } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { fixed, whole } from '../../draw/format.ts'
import { Picture } from '../../draw/raster.tsx'
import type { Lab } from '../../state/lab.ts'
import type { Excitation, ExcitingPatch, LayerInfo } from '../../worker/protocol.ts'
import { type Box, boxSeenBy, cut } from './patches.ts'

/** Patches that are shown, and pictures on the way from noise. */
const [patchPlaces, grownPlaces] = [9, 4]

/** Milliseconds after which it is searched for again while the network trains. */
const askedEvery = 5000

interface ExcitesProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly unit: number
}

/** The section. */
export function Excites({ lab, info, unit }: ExcitesProps) {
  const found = useExcitation(lab, info.path, unit)
  const name = `${info.kind === 'conv' ? 'map' : 'unit'} ${unit}`
  return (
    <section class="excites" aria-label="What excites it">
      <div>
        <h2>
          What excites {name} <span class="small quiet">{searchWords(found)}</span>
        </h2>
        <Patches lab={lab} info={info} found={found} />
      </div>
      <div>
        <h2>
          Grown from noise <span class="small quiet">gradient ascent</span>
        </h2>
        <Grown lab={lab} info={info} found={found} />
      </div>
    </section>
  )
}

/** Asks for it as long as it is shown: at each moment that the network rests at, and again and again while it trains. */
function useExcitation(lab: Lab, layer: string, unit: number): Excitation | undefined {
  const moment = useComputed(() => (lab.playing.value ? undefined : lab.look.value?.step)).value
  useEffect(() => {
    const place = { layer, unit }
    const ask = (): void => lab.askExcitement(place)
    ask()
    const timer =
      moment === undefined &&
      setInterval(() => {
        if (isDone(lab.excitation.peek())) ask()
      }, askedEvery)
    return () => {
      if (timer) clearInterval(timer)
      lab.endExcitement(place)
    }
  }, [lab, layer, unit, moment])
  const last = useRef<Excitation | undefined>(undefined)
  const found = lab.excitation.value
  if (found?.layer !== layer || found.unit !== unit) return undefined
  // What was found at another moment stays until all images were searched again.
  if (found.searched < found.images && isOf(last.current, layer, unit)) return last.current
  last.current = found
  return found
}

const isOf = (found: Excitation | undefined, layer: string, unit: number): boolean =>
  found?.layer === layer && found.unit === unit && found.searched === found.images

const isDone = (found: Excitation | undefined): boolean => found?.grown.at(-1)?.after === found?.steps

function searchWords(found: Excitation | undefined): string {
  if (!found) return 'searching the test images'
  const { searched, images, step } = found
  if (searched < images) return `searching: ${whole(searched)} of ${whole(images)} test images`
  return `strongest of each of ${whole(images)} test images, at step ${whole(step)}`
}

interface FoundProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly found: Excitation | undefined
}

function Patches({ lab, info, found }: FoundProps) {
  const { classes, testImages, testLabels, shape } = lab.opened.value!
  const bytes = testImages.length / testLabels.length
  const { patches = [], searched, images, step } = found ?? {}
  const isSilent = info.hasRelu && !info.isNormalized && searched === images && (patches[0]?.value ?? 1) <= 0
  const open = ({ image, row, column }: ExcitingPatch): void => {
    lab.showTest(image)
    const { place } = lab
    if (place.value && info.kind === 'conv') place.value = { ...place.value, row, column }
  }
  const list = useMemo(
    () =>
      patches.map(patch => {
        const { image, row, column, value } = patch
        const label = classes[testLabels[image]!]!
        return (
          <li key={image}>
            <button
              type="button"
              title={`test image ${image}, ${label}: look at it`}
              aria-label={`test image ${image}, ${label}: ${fixed(value, 1)}`}
              onClick={() => open(patch)}
            >
              <Cut
                pixels={testImages.subarray(image * bytes, (image + 1) * bytes)}
                shape={shape}
                box={boxSeenBy(info, [row, column], shape)}
              />
            </button>
            <p class="micro quiet">
              {fixed(value, 1)} · <b>{label}</b>
            </p>
          </li>
        )
      }),
    [testImages, info, found?.unit, searched, step],
  )
  return (
    <>
      <ul class="row-of-pictures">
        {list}
        <Places count={patchPlaces - patches.length} info={info} shape={shape} />
      </ul>
      {isSilent && (
        <p class="small wrong">Nothing makes it positive: behind its ReLU it says nothing, and it learns nothing.</p>
      )}
    </>
  )
}

function Grown({ lab, info, found }: FoundProps) {
  const { shape } = lab.opened.value!
  const { grown = [], cell = [0, 0] } = found ?? {}
  return (
    <ul class="row-of-pictures grown">
      {grown.map(({ after, value, pixels }, k) => (
        <li key={k}>
          <Cut
            pixels={pixels}
            shape={shape}
            box={boxSeenBy(info, cell, shape)}
            label={`After ${after} steps of ascent: ${fixed(value, 1)}`}
          />
          <p class="micro quiet">
            {fixed(value, 1)}
            <br />
            {after === 0 ? 'noise' : `${after} steps`}
          </p>
        </li>
      ))}
      <Places count={grownPlaces - grown.length} info={info} shape={shape} />
    </ul>
  )
}

interface PlacesProps {
  readonly count: number
  readonly info: LayerInfo
  readonly shape: readonly [number, number, number]
}

/** Frames for pictures that are to come. */
function Places({ count, info, shape }: PlacesProps) {
  const { side } = boxSeenBy(info, [0, 0], shape)
  return (
    <>
      {Array.from({ length: Math.max(0, count) }, (_, k) => (
        <li key={`place ${k}`} aria-hidden="true">
          <span class="cut" style={{ width: `${side}px`, height: `${side}px` }} />
        </li>
      ))}
    </>
  )
}

interface CutProps {
  readonly pixels: Uint8Array
  readonly shape: readonly [number, number, number]
  readonly box: Box
  readonly label?: string
}

/** The part of a picture that lies in a box; what lies beyond the picture is paper. */
function Cut({ pixels, shape, box, label }: CutProps) {
  const { cell, side, window } = box
  const { top, left, bottom, right } = window
  return (
    <span class="cut" style={{ width: `${side}px`, height: `${side}px` }}>
      <span style={{ top: `${(top - box.top) * cell}px`, left: `${(left - box.left) * cell}px` }}>
        <Picture
          pixels={cut(pixels, shape, window)}
          width={right - left}
          height={bottom - top}
          cell={cell}
          label={label}
        />
      </span>
    </span>
  )
}
