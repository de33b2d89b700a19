/** Canvases whose cells are whole pixels: maps of values, pictures, the legend of a scale. Nothing is smoothed. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { theme } from '../state/theme.ts'
import { colorOf, inkOf, type Rgb } from './scale.ts'

interface CanvasProps {
  readonly width: number
  readonly height: number
  /** CSS pixels of a cell; where there is none, a style sheet says how large the canvas is. */
  readonly cell?: number
  /** What it shows, for who does not see it; without it the canvas is decoration. */
  readonly label?: string | undefined
  /** The color of each cell. */
  readonly color: (index: number) => Rgb
}

/** A canvas painted cell by cell. */
function Cells({ width, height, cell, label, color }: CanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    const image = context.createImageData(width, height)
    for (let k = 0; k < width * height; k++) {
      const [red, green, blue] = color(k)
      image.data[4 * k] = red
      image.data[4 * k + 1] = green
      image.data[4 * k + 2] = blue
      image.data[4 * k + 3] = 255
    }
    context.putImageData(image, 0, 0)
  })
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
  const ground = theme.value
  return <Cells {...canvas} color={k => colorOf(values[from + k]!, most, ground)} />
}

/** A picture, bytes `[height, width, channels]`: one channel as ink, three as they are. */
export function Picture(props: {
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly cell?: number
  readonly label?: string | undefined
}) {
  const { pixels, ...canvas } = props
  const channels = pixels.length / (canvas.width * canvas.height)
  const ground = theme.value
  const color =
    channels === 3
      ? (k: number): Rgb => [pixels[3 * k]!, pixels[3 * k + 1]!, pixels[3 * k + 2]!]
      : (k: number): Rgb => inkOf(pixels[k]! / 255, ground)
  return <Cells {...canvas} color={color} />
}

/** The scale itself, from −1 to 1, or from 0 where there is nothing below. */
export function Ramp({ oneSided = false }: { readonly oneSided?: boolean }) {
  const ground = theme.value
  const cells = 160
  return (
    <span class="ramp">
      <Cells width={cells + 1} height={1} color={k => colorOf(oneSided ? k / cells : (2 * k) / cells - 1, 1, ground)} />
    </span>
  )
}
