/** The lines of training as a canvas. What was drawn stays; a line that grows is drawn on from where it may have changed. */
import { effect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type CurveBox, type CurvePoint, LossCurve, xOf } from '../draw/curve.ts'
import { css, hueOf } from '../draw/scale.ts'
import type { Lab } from '../state/lab.ts'
import { theme } from '../state/theme.ts'

interface LossCanvasProps {
  readonly lab: Lab
  readonly box: CurveBox
  /** CSS pixels. */
  readonly width: number
  readonly height: number
}

/** How much of it can be seen: the band of single steps, and lines that are not the one that is looked at. */
const [bandAlpha, paleAlpha] = [0.16, 0.45]

/** The canvas. */
export function LossCanvas({ lab, box, width, height }: LossCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const density = devicePixelRatio
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d')
    if (!context) return
    context.setTransform(density, 0, 0, density, 0, 0)
    context.lineWidth = 1.5
    context.lineJoin = 'round'
    const drawing = new LossDrawing(context, box)
    return effect(() => drawing.draw(lab))
  })
  return (
    <canvas
      ref={canvas}
      class="losses"
      {...{ 'aria-hidden': true }}
      width={width * density}
      height={height * density}
      style={{ width: `${width}px`, height: `${height}px` }}
    />
  )
}

/** The drawing, as far as it was made. */
class LossDrawing {
  readonly #context: CanvasRenderingContext2D
  readonly #box: CurveBox
  readonly #base = new LossCurve()
  readonly #fork = new LossCurve()
  /** All that a part of the drawing depends on that is not drawn again. */
  #drawn = ''

  constructor(context: CanvasRenderingContext2D, box: CurveBox) {
    this.#context = context
    this.#box = box
  }

  draw(lab: Lab): void {
    const { base, fork, isOnFork, head } = lab.lines.value
    const step = lab.step.value
    // Steps that lie ahead, after going back, are pale.
    const split = !isOnFork && step < head ? step : undefined
    const changed = this.#base.follow(base.losses, this.#box)
    if (fork) this.#fork.follow(fork.losses, this.#box, fork.from)
    const drawn = `${theme.value} ${isOnFork} ${fork !== undefined} ${split}`
    const isGrowing = drawn === this.#drawn && !fork
    this.#drawn = drawn
    const ink = css(hueOf('base', theme.value))
    const { points } = this.#base
    const first = isGrowing ? Math.max(0, changed - 1) : 0
    const border = split === undefined ? Number.POSITIVE_INFINITY : xOf(this.#box, split)
    this.#clipped(points[first]?.x ?? 0, border, () => this.#line(points, first, ink, isOnFork))
    if (split !== undefined) this.#clipped(border, Number.POSITIVE_INFINITY, () => this.#line(points, 0, ink, true))
    if (fork) this.#line(this.#fork.points, 0, css(hueOf('fork', theme.value)), !isOnFork)
  }

  /** Draws between two places, where all that was there is gone. */
  #clipped(from: number, to: number, draw: () => void): void {
    const [left, right] = [from <= this.#box.left + 1 ? 0 : Math.floor(from), Math.min(Math.floor(to), 1e5)]
    const context = this.#context
    context.save()
    context.beginPath()
    context.rect(left, 0, right - left, 1e4)
    context.clip()
    context.clearRect(left, 0, right - left, 1e4)
    draw()
    context.restore()
  }

  /** A line and its band, from a point on; one point before it, so that the line does not begin there. */
  #line(points: readonly CurvePoint[], first: number, ink: string, isPale: boolean): void {
    const context = this.#context
    const from = Math.max(0, first - 1)
    context.fillStyle = context.strokeStyle = ink
    context.globalAlpha = bandAlpha
    context.beginPath()
    for (let k = from; k < points.length; k++) context.lineTo(points[k]!.x, points[k]!.high)
    for (let k = points.length - 1; k >= from; k--) context.lineTo(points[k]!.x, points[k]!.low)
    context.fill()
    context.globalAlpha = isPale ? paleAlpha : 1
    context.beginPath()
    for (let k = from; k < points.length; k++) context.lineTo(points[k]!.x, points[k]!.mean)
    context.stroke()
  }
}
