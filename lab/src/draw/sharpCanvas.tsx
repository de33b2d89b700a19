/** A canvas with as many pixels as the screen has for it. */
import type { RefObject } from 'preact'

/** @param width CSS pixels */
export function SharpCanvas({
  canvas,
  width,
  height,
}: {
  readonly canvas: RefObject<HTMLCanvasElement | null>
  readonly width: number
  readonly height: number
}) {
  return (
    <canvas
      ref={canvas}
      {...{ 'aria-hidden': true }}
      width={Math.round(width * devicePixelRatio)}
      height={Math.round(height * devicePixelRatio)}
      style={{ width: `${width}px`, height: `${height}px` }}
    />
  )
}
