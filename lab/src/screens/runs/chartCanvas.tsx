/** The lines of a chart as a canvas: bands of single steps, means, and scores as dots. Drawn again in the next frame after a change. */
import { effect, type ReadonlySignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { css, inkOf } from '../../draw/scale.ts'
import { SharpCanvas } from '../../draw/sharpCanvas.tsx'
import { theme } from '../../state/theme.ts'
import { type ChartBox, xOf, yOf } from './chartBox.ts'
import { runColors } from './colors.ts'
import { placeOf, type Quantity, type Shape } from './shape.ts'
import type { Runs } from './state.ts'

interface ChartCanvasProps {
  readonly runs: Runs
  readonly quantity: Quantity
  readonly shapes: ReadonlySignal<readonly Shape[]>
  readonly box: ReadonlySignal<ChartBox>
  /** CSS pixels. */
  readonly width: number
  readonly height: number
}

/** How much of a band can be seen: of one run, and of each of many. */
const bandAlpha = (runs: number): number => (runs <= 3 ? 0.2 : 0.1)
/** The same of a line of single steps. */
const singleAlpha = 0.35
const dashes = [5, 3] as const

/** The canvas. */
export function ChartCanvas({ runs, quantity, shapes, box, width, height }: ChartCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const density = devicePixelRatio
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d')
    if (!context) return
    return effect(() => {
      context.setTransform(density, 0, 0, density, 0, 0)
      context.clearRect(0, 0, width, height)
      context.lineWidth = 1.5
      context.lineJoin = 'round'
      draw(context, runs, quantity, shapes.value, box.value)
    })
  }, [runs, quantity, shapes, box, width, height, density])
  return <SharpCanvas canvas={canvas} width={width} height={height} />
}

function draw(
  context: CanvasRenderingContext2D,
  runs: Runs,
  quantity: Quantity,
  shapes: readonly Shape[],
  box: ChartBox,
): void {
  const drawn = runs.drawn.value
  const paper = css(inkOf(0, theme.value))
  context.save()
  context.beginPath()
  context.rect(box.left, box.top - 3, box.right - box.left + 3, box.bottom - box.top + 3)
  context.clip()
  drawn.forEach(({ look }, k) => {
    const shape = shapes[k]
    if (!shape) return
    context.fillStyle = context.strokeStyle = css(runColors[theme.value][look.color]!)
    if (shape.isSingle) {
      context.globalAlpha = singleAlpha
      line(context, shape.x, shape.high, box)
    } else {
      context.globalAlpha = bandAlpha(drawn.length)
      band(context, shape, box)
    }
  })
  context.globalAlpha = 1
  const hovered = runs.searches.hovered.value
  drawn.forEach(({ row, look }, k) => {
    context.strokeStyle = css(runColors[theme.value][look.color]!)
    context.lineWidth = row.name === hovered ? 3 : 1.5
    context.setLineDash(look.isDashed ? dashes : [])
    if (shapes[k]) line(context, shapes[k].x, shapes[k].mean, box)
  })
  context.setLineDash([])
  context.lineWidth = 1.5
  for (const { look, curve } of drawn) {
    const { story } = curve
    context.fillStyle = css(runColors[theme.value][look.color]!)
    context.strokeStyle = paper
    for (const score of story.scores) {
      const value = score[quantity]
      if (!Number.isFinite(value)) continue
      const x = xOf(box, placeOf(runs.axis.value, score.step, score.seconds, story))
      context.beginPath()
      context.arc(x, yOf(box, value), 3.5, 0, 2 * Math.PI)
      context.fill()
      context.stroke()
    }
  }
  context.restore()
}

function band(context: CanvasRenderingContext2D, { x, low, high }: Shape, box: ChartBox): void {
  context.beginPath()
  for (let k = 0; k < x.length; k++) context.lineTo(xOf(box, x[k]!), yOf(box, high[k]!))
  for (let k = x.length - 1; k >= 0; k--) context.lineTo(xOf(box, x[k]!), yOf(box, low[k]!))
  context.fill()
}

function line(context: CanvasRenderingContext2D, x: readonly number[], values: readonly number[], box: ChartBox): void {
  context.beginPath()
  for (let k = 0; k < x.length; k++) context.lineTo(xOf(box, x[k]!), yOf(box, values[k]!))
  context.stroke()
}
