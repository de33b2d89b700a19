/** A small picture by itself. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { thumbSide } from '../../worker/teach/protocol.ts'
import { imageOf } from './thumbnails.tsx'

/** The picture; a style sheet says how large it is shown. */
export function Thumb({ thumb, label }: { readonly thumb: Uint8Array; readonly label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => {
    canvas.current!.getContext('2d')?.putImageData(imageOf(thumb), 0, 0)
  }, [thumb])
  return <canvas ref={canvas} class="thumb" width={thumbSide} height={thumbSide} role="img" aria-label={label} />
}
