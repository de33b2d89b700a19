/**
 * Canvases of pixels: maps of values, pictures, the legend of a scale. Nothing is smoothed. A canvas is drawn again when a signal
 * that its drawing reads has changed, without its component being rendered, and only while it can be seen.
 */
import { effect, type ReadonlySignal, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { theme } from '../state/theme.ts'
import { paintMap, paintPicture, pixelScale } from './pixels.ts'
import { whileSeen } from './seen.ts'

/** What a canvas is drawn by: it is given the pixels that were shown last. */
export type Paint = (pixels: Uint32Array) => void

interface CanvasProps {
  /** Pixels of the canvas. */
  readonly width: number
  readonly height: number
  /** CSS pixels of one of them; where there is none, a style sheet says how large the canvas is. */
  readonly cell?: number
  /** What it shows, for who does not see it; without it the canvas is decoration. */
  readonly label?: string | ReadonlySignal<string> | undefined
  readonly paint: Paint
}

/** A canvas. */
export function Canvas({ width, height, cell, label, paint }: CanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const isSeen = useSignal(true)
  const latest = useSignal(paint)
  useLayoutEffect(() => {
    latest.value = paint
  })
  useLayoutEffect(() => whileSeen(canvas.current!, isSeen), [isSeen])
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d')
    if (!context) return
    const image = context.createImageData(width, height)
    const pixels = new Uint32Array(image.data.buffer)
    return effect(() => {
      if (!isSeen.value) return
      latest.value(pixels)
      context.putImageData(image, 0, 0)
    })
  }, [width, height, isSeen, latest])
  const described = label === undefined ? { 'aria-hidden': true } : { role: 'img' as const, 'aria-label': label }
  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      {...(cell !== undefined && { style: { width: `${width * cell}px`, height: `${height * cell}px` } })}
      {...described}
    />
  )
}

/** A map of values on the scale from −most to most. */
export function ValueMap(props: {
  readonly values: ArrayLike<number>
  /** Where the map begins among the values. */
  readonly from?: number
  readonly width: number
  readonly height: number
  readonly cell: number
  readonly most: number
  readonly label?: string | undefined
}) {
  const { values, from = 0, most, ...canvas } = props
  const { width, height } = canvas
  const place = { stride: width, left: 0, top: 0, cell: 1 }
  return (
    <Canvas
      {...canvas}
      paint={pixels => paintMap(pixels, place, { values, from, width, height }, pixelScale(most, theme.value))}
    />
  )
}

/** A picture, bytes `[height, width, channels]`: one channel as ink, three as they are. */
export function Picture(props: {
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly cell?: number
  readonly label?: string | undefined
}) {
  const { pixels: bytes, ...canvas } = props
  return <Canvas {...canvas} paint={pixels => paintPicture(pixels, bytes, theme.value)} />
}

/** Cells of a legend. */
const cells = 161

/** The scale itself, from −1 to 1, or from 0 where there is nothing below. */
export function Ramp({ oneSided = false }: { readonly oneSided?: boolean }) {
  const least = oneSided ? 0 : -1
  const values = Float32Array.from({ length: cells }, (_, k) => least + ((1 - least) * k) / (cells - 1))
  const place = { stride: cells, left: 0, top: 0, cell: 1 }
  return (
    <span class="ramp">
      <Canvas
        width={cells}
        height={1}
        paint={pixels => paintMap(pixels, place, { values, width: cells, height: 1 }, pixelScale(1, theme.value))}
      />
    </span>
  )
}
