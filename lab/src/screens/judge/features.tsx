/** What a layer reads, as points: images that the network sees as alike lie together. A drawn loop chooses pictures. */

import { effect, useComputed, useSignal } from '@preact/signals'
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { percent, whole } from '../../draw/format.ts'
import { hues } from '../../draw/hues.ts'
import { Picture } from '../../draw/raster.tsx'
import { css } from '../../draw/scale.ts'
import { SharpCanvas } from '../../draw/sharpCanvas.tsx'
import { useSize } from '../../draw/size.ts'
import { moves } from '../../frame/outline.tsx'
import { Choices } from '../../frame/tabs.tsx'
import { theme } from '../../state/theme.ts'
import type { Judged } from '../../worker/protocol.ts'
import { wordsOf } from './pictureGrid.tsx'
import { type Projected, Projection } from './projection.ts'
import { fitted, nearestTo, type Place, pointsInside, towards } from './scatter.ts'
import type { Judge } from './state.ts'

/** Side of the square at most, how near the pointer must be, and pictures that Enter shows. */
const [widest, reach, shownByKey] = [440, 10, 48]

type Colors = 'class' | 'right or wrong'

/** The view. */
export function Features({ judge }: { readonly judge: Judge }) {
  const opened = judge.lab.opened.value
  const projection = useMemo(() => new Projection(), [opened])
  const colors = useSignal<Colors>('class')
  const { features, step, split } = judge.judged.value ?? {}
  // Principal components take a moment: they are there at once.
  useLayoutEffect(() => {
    if (features && projection.progress.peek()?.method !== 'UMAP')
      projection.layOut('PCA', features, { step: step!, split: split! })
  }, [features, step, split, projection])
  useLayoutEffect(() => () => projection.cancel(), [projection, split])
  // What was laid out may be of other images than those that are shown by now.
  const laidOut = projection.shown.value
  const shown = laidOut?.split === judge.split.value ? laidOut : undefined
  return (
    <section class="features" aria-label="Features">
      <div class="options">
        <Choices
          label="Colors"
          values={['class', 'right or wrong']}
          chosen={colors.value}
          onChoose={value => {
            colors.value = value as Colors
          }}
        />
        <LayerChoice judge={judge} />
        <LayOut judge={judge} projection={projection} />
      </div>
      {shown && judge.judged.value ? (
        <>
          <Scatter judge={judge} shown={shown} judged={judge.judged.value} colors={colors.value} />
          <Legend judge={judge} colors={colors.value} />
          <p class="micro quiet">{noteOf(shown, judge.judged.value)}</p>
        </>
      ) : (
        <p class="small quiet waiting">waiting for the features</p>
      )}
    </section>
  )
}

/** The layer whose input is laid out. */
function LayerChoice({ judge }: { readonly judge: Judge }) {
  const { layers } = judge.lab.opened.value!
  return (
    <label class="small layer">
      <span class="quiet">what</span>
      <select
        aria-label="Layer whose input is laid out"
        value={judge.layer.value ?? layers.at(-1)!.path}
        onChange={event => judge.showLayer(event.currentTarget.value)}
      >
        {layers.map(({ path }) => (
          <option key={path} value={path}>
            {path}
          </option>
        ))}
      </select>
      <span class="quiet">reads</span>
    </label>
  )
}

/** Asks for one or the other layout, or ends one. */
function LayOut({ judge, projection }: { readonly judge: Judge; readonly projection: Projection }) {
  const words = useComputed(() => {
    const { method, done, total } = projection.progress.value ?? {}
    if (method !== 'UMAP') return ''
    return total === 0 ? 'UMAP: finding neighbors' : `UMAP: epoch ${done} of ${total}`
  })
  const { features, step, split } = judge.judged.value ?? {}
  const shown = projection.shown.value
  const isDone = (method: string): boolean => shown?.method === method && shown.of === features
  if (!features) return null
  if (words.value !== '')
    return (
      <span class="small laying" role="status">
        <span class="quiet">{words}</span>
        <button type="button" class="shortcut" onClick={() => projection.cancel()}>
          Cancel
        </button>
      </span>
    )
  return (
    <span class="laying">
      {(['PCA', 'UMAP'] as const).map(method => (
        <button
          key={method}
          type="button"
          class="shortcut"
          aria-pressed={shown?.method === method}
          disabled={isDone(method)}
          onClick={() => projection.layOut(method, features, { step: step!, split: split! })}
        >
          {method}
        </button>
      ))}
    </span>
  )
}

/** What is shown, of how many images, and what a loop does. */
function noteOf({ of, step, shares }: Projected, { labels, split }: Judged): string {
  const size = of.values.length / of.count
  const kind = split === 'test' ? 'test' : 'training'
  const limit = of.count < labels.length ? `the first ${whole(of.count)} of ${whole(labels.length)}` : whole(of.count)
  const how = shares
    ? `two principal components, ${percent(shares[0]! + shares[1]!)} of the variance`
    : 'UMAP of 15 neighbors by cosine; sizes of clusters and gaps between them say little'
  const what = of.isMean ? `means of the ${whole(size)} maps` : `${whole(size)} numbers`
  return `The ${what} that ${of.layer} reads, for ${limit} ${kind} images, at step ${whole(step)}: ${how}. Draw a loop around points to see their pictures; arrows and Enter do it by keys.`
}

function Legend({ judge, colors }: { readonly judge: Judge; readonly colors: Colors }) {
  const { classes } = judge.lab.opened.value!
  const all = hues[theme.value]
  const entries =
    colors === 'class'
      ? classes.map((name, k) => ({ name, color: css(all[k % all.length]!) }))
      : [
          { name: 'right', color: 'var(--blue)' },
          { name: 'wrong', color: 'var(--orange)' },
        ]
  return (
    <ul class="hues micro" aria-label="Colors of points">
      {entries.map(({ name, color }) => (
        <li key={name}>
          <i style={{ background: color }} />
          {name}
        </li>
      ))}
      {colors === 'class' && classes.length > all.length && <li class="quiet">colors repeat after {all.length}</li>}
    </ul>
  )
}

interface ScatterProps {
  readonly judge: Judge
  readonly shown: Projected
  readonly judged: Judged
  readonly colors: Colors
}

function Scatter({ judge, shown, judged, colors }: ScatterProps) {
  const { element, size } = useSize()
  const canvas = useRef<HTMLCanvasElement>(null)
  const side = Math.min(widest, size.value.width)
  const points = useMemo(() => fitted(shown.points, Math.max(40, side)), [shown.points, side])
  const hovered = useSignal<number | undefined>(undefined)
  const loop = useSignal<readonly Place[]>([])
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    return effect(() => {
      const density = devicePixelRatio
      context.setTransform(density, 0, 0, density, 0, 0)
      context.clearRect(0, 0, side, side)
      drawPoints(context, points, colorsOf(judged, colors, theme.value))
      const style = getComputedStyle(canvas.current!)
      drawMarks(context, points, hovered.value ?? placeOf(judge, points), loop.value, style.getPropertyValue('--text'))
    })
  })
  const placeOfPointer = (event: PointerEvent): Place => {
    const { left, top } = canvas.current!.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }
  const choose = (images: readonly number[]): void => {
    if (images.length > 0)
      judge.choose({ kind: 'some', images, name: images.length === 1 ? `Image ${images[0]}` : 'Chosen points' })
  }
  const onPointerDown = (event: PointerEvent): void => {
    element.current!.setPointerCapture(event.pointerId)
    loop.value = [placeOfPointer(event)]
  }
  const onPointerMove = (event: PointerEvent): void => {
    const place = placeOfPointer(event)
    if (loop.value.length > 0) loop.value = [...loop.value, place]
    else [hovered.value] = nearestTo(points, place, 1, reach)
  }
  const onPointerUp = (event: PointerEvent): void => {
    const drawn = loop.value
    loop.value = []
    // A loop that has no size is a click.
    const isClick = drawn.every(([x, y]) => Math.hypot(x - drawn[0]![0], y - drawn[0]![1]) < 4)
    choose(isClick ? nearestTo(points, placeOfPointer(event), 1, reach) : pointsInside(points, drawn))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = hovered.value ?? placeOf(judge, points) ?? 0
    const move = moves[event.key]
    if (move) hovered.value = towards(points, at, move)
    else if (event.key === 'Enter') choose(nearestTo(points, [points[2 * at]!, points[2 * at + 1]!], shownByKey))
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const said = useComputed(() => (hovered.value === undefined ? '' : wordsOf(judge, hovered.value)))
  return (
    <div
      ref={element}
      class="scatter"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label={`${shown.method} of ${shown.of.count} images. Arrows go from point to point, Enter shows the pictures around one.`}
      style={{ height: `${side}px` }}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerLeave={() => {
        if (loop.value.length === 0) hovered.value = undefined
      }}
      onBlur={() => {
        hovered.value = undefined
      }}
      onKeyDown={onKeyDown}
    >
      <SharpCanvas canvas={canvas} width={side} height={side} />
      {hovered.value !== undefined && hovered.value < shown.of.count && (
        <PointPicture judge={judge} image={hovered.value} points={points} side={side} />
      )}
      <output class="unseen" aria-live="polite">
        {said}
      </output>
    </div>
  )
}

/** The point of the picture that is chosen. */
function placeOf(judge: Judge, points: Float32Array): number | undefined {
  const image = judge.image.value
  return image !== undefined && image < points.length / 2 ? image : undefined
}

/** The picture of a point, beside it. */
function PointPicture(props: {
  readonly judge: Judge
  readonly image: number
  readonly points: Float32Array
  readonly side: number
}) {
  const { judge, image, points, side } = props
  const { shape, classes } = judge.lab.opened.value!
  const { labels, predicted } = judge.judged.value!
  const pixels = judge.pixelsOf(image)
  const [x, y] = [points[2 * image]!, points[2 * image + 1]!]
  const [label, answer] = [classes[labels[image]!]!, classes[predicted[image]!]!]
  const across = x < side / 2 ? `left: ${x + 12}px` : `right: ${side - x + 12}px`
  const down = y < side / 2 ? `top: ${y}px` : `bottom: ${side - y}px`
  return (
    <span class="point-picture micro" style={`${across}; ${down}`}>
      {pixels && shape[0] > 1 && (
        <Picture pixels={pixels} width={shape[1]} height={shape[0]} cell={shape[0] > 32 ? 1 : 2} />
      )}
      {image}: {label === answer ? label : `${label} → ${answer}`}
    </span>
  )
}

/** The color of each point. */
function colorsOf({ labels, predicted }: Judged, colors: Colors, shade: 'light' | 'dark'): (image: number) => string {
  const all = hues[shade].map(css)
  if (colors === 'class') return image => all[labels[image]! % all.length]!
  const [right, wrong] = shade === 'light' ? ['#0072b2', '#d55e00'] : ['#56b4e9', '#e69f00']
  return image => (labels[image] === predicted[image] ? right! : wrong!)
}

function drawPoints(context: CanvasRenderingContext2D, points: Float32Array, color: (image: number) => string): void {
  for (let n = 0; n < points.length / 2; n++) {
    context.fillStyle = color(n)
    context.fillRect(points[2 * n]! - 1.5, points[2 * n + 1]! - 1.5, 3, 3)
  }
}

/** The point that is meant, and the loop as far as it is drawn. */
function drawMarks(
  context: CanvasRenderingContext2D,
  points: Float32Array,
  marked: number | undefined,
  loop: readonly Place[],
  ink: string,
): void {
  context.strokeStyle = ink
  context.lineWidth = 2
  if (marked !== undefined && marked < points.length / 2)
    context.strokeRect(points[2 * marked]! - 5, points[2 * marked + 1]! - 5, 10, 10)
  if (loop.length < 2) return
  context.lineWidth = 1.5
  context.beginPath()
  for (const [x, y] of loop) context.lineTo(x, y)
  context.closePath()
  context.stroke()
}
