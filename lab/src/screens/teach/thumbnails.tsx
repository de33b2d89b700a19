/**
 * The pictures of a class on one canvas, as large as the part of them that can be seen: ten thousand of them are no more for the page
 * than ten. One is chosen by a click or the arrow keys, and removed by Delete.
 */

import { effect, useComputed, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { paintColors } from '../../draw/pixels.ts'
import { whileSeen } from '../../draw/seen.ts'
import { useSize } from '../../draw/size.ts'
import { theme } from '../../state/theme.ts'
import { thumbSide } from '../../worker/teach/protocol.ts'
import type { TaughtClass } from './classes.ts'
import type { Lesson } from './teach.ts'

/** Least CSS pixels between two pictures: all there are from row to row, while those of a row reach from side to side. */
const gap = 4
const pitch = thumbSide + gap

/** From a picture to the next one of its row. */
const stepOf = (width: number, columns: number): number => (columns > 1 ? (width - thumbSide) / (columns - 1) : width)

/** Pictures of a class, and what removes one. */
export function Thumbnails({ lesson, of }: { readonly lesson: Lesson; readonly of: TaughtClass }) {
  const { element: scroller, size } = useSize()
  const canvas = useRef<HTMLCanvasElement>(null)
  const isSeen = useSignal(true)
  const top = useSignal(0)
  const chosen = useSignal<number | undefined>(undefined)
  const columns = useComputed(() => Math.max(1, Math.floor((size.value.width + gap) / pitch)))
  const shown = useComputed(() => {
    of.version.value
    return of.pictures.length + of.take.length
  })
  const height = useComputed(() => `height: ${Math.max(0, Math.ceil(shown.value / columns.value) * pitch - gap)}px`)
  useLayoutEffect(() => whileSeen(canvas.current!, isSeen), [isSeen])
  useLayoutEffect(
    () =>
      effect(() => {
        if (!isSeen.value) return
        const { width, height: tall } = size.value
        if (width === 0 || tall === 0) return
        drawPictures(canvas.current!, lesson, of, {
          ...{ width, height: tall, top: top.value, columns: columns.value, count: shown.value },
          chosen: chosen.value,
          ink: inkOf(theme.value),
        })
      }),
    [lesson, of, isSeen, size, top, columns, shown, chosen],
  )
  const at = (event: MouseEvent): number | undefined => {
    const box = scroller.current!.getBoundingClientRect()
    const column = Math.floor((event.clientX - box.left) / stepOf(size.peek().width, columns.peek()))
    const index = Math.floor((event.clientY - box.top + top.peek()) / pitch) * columns.peek() + column
    return column < columns.peek() && index < of.pictures.length ? index : undefined
  }
  const remove = (): void => {
    const picture = chosen.peek() === undefined ? undefined : of.pictures[chosen.peek()!]
    if (!picture) return
    lesson.classes.removePicture(of, picture)
    chosen.value = of.pictures.length === 0 ? undefined : Math.min(chosen.peek()!, of.pictures.length - 1)
  }
  const press = (event: KeyboardEvent): void => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns.peek(), ArrowDown: columns.peek() }[event.key]
    const { length } = of.pictures
    if (length === 0) return
    if (event.key === 'Delete' || event.key === 'Backspace') remove()
    else if (event.key === 'Home') chosen.value = 0
    else if (event.key === 'End') chosen.value = length - 1
    else if (event.key === 'Escape') chosen.value = undefined
    else if (move !== undefined) chosen.value = Math.max(0, Math.min(length - 1, (chosen.peek() ?? -move) + move))
    else return
    event.preventDefault()
    event.stopPropagation()
    reveal(scroller.current!, chosen.peek(), columns.peek())
  }
  const name = of.name.value.trim()
  return (
    <>
      <div
        class={shown.value === 0 ? 'thumbs none' : 'thumbs'}
        ref={scroller}
        role="slider"
        tabIndex={0}
        aria-label={`Pictures of ${name}`}
        aria-valuemin={shown.value === 0 ? 0 : 1}
        aria-valuemax={shown.value}
        aria-valuenow={chosen.value === undefined ? 0 : chosen.value + 1}
        aria-valuetext={valueText(of, chosen.value, shown.value)}
        onScroll={event => {
          top.value = event.currentTarget.scrollTop
        }}
        onClick={event => {
          const index = at(event)
          chosen.value = index === chosen.peek() ? undefined : index
        }}
        onKeyDown={press}
      >
        <canvas ref={canvas} />
        <i style={height} />
      </div>
      <p class="picture-line micro quiet">
        {chosen.value !== undefined && chosen.value < of.pictures.length ? (
          <>
            <span>{valueText(of, chosen.value, shown.value)}</span>
            <button type="button" onClick={remove}>
              Remove<kbd>Del</kbd>
            </button>
          </>
        ) : (
          <span>{of.counts.value.held > 0 ? 'A line under a picture: held back.' : '\u00a0'}</span>
        )}
      </p>
    </>
  )
}

function valueText(of: TaughtClass, chosen: number | undefined, count: number): string {
  if (chosen === undefined) return count === 1 ? '1 picture' : `${count} pictures`
  return `picture ${chosen + 1} of ${count}${of.pictures[chosen]?.isHeld ? ', held back' : ''}`
}

/** Scrolls so that a picture can be seen. */
function reveal(scroller: HTMLElement, index: number | undefined, columns: number): void {
  if (index === undefined) return
  const place = Math.floor(index / columns) * pitch
  if (place < scroller.scrollTop) scroller.scrollTop = place
  else if (place + thumbSide > scroller.scrollTop + scroller.clientHeight)
    scroller.scrollTop = place + thumbSide - scroller.clientHeight
}

interface View {
  readonly width: number
  readonly height: number
  /** CSS pixels that were scrolled. */
  readonly top: number
  readonly columns: number
  readonly count: number
  readonly chosen: number | undefined
  readonly ink: { readonly text: string; readonly ground: string }
}

/** Colors of marks; a theme is asked for so that they are read again when it changes. */
function inkOf(_: string): View['ink'] {
  const style = getComputedStyle(document.documentElement)
  return { text: style.getPropertyValue('--text'), ground: style.getPropertyValue('--ground') }
}

const scratch = new OffscreenCanvas(thumbSide, thumbSide)

/** Draws the rows that can be seen. */
function drawPictures(canvas: HTMLCanvasElement, { store }: Lesson, of: TaughtClass, view: View): void {
  const { width, height, top, columns, count, chosen, ink } = view
  const scale = Math.min(2, devicePixelRatio)
  canvas.width = width * scale
  canvas.height = height * scale
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  const context = canvas.getContext('2d')
  const small = scratch.getContext('2d')
  if (!context || !small) return
  context.scale(scale, scale)
  const first = Math.floor(top / pitch) * columns
  const last = Math.min(count, (Math.floor((top + height) / pitch) + 1) * columns)
  for (let index = first; index < last; index++) {
    const picture = of.pictures[index]
    const row = picture ? picture.row : of.take[index - of.pictures.length]
    if (row === undefined) continue
    const x = Math.round((index % columns) * stepOf(width, columns))
    const y = Math.floor(index / columns) * pitch - top
    small.putImageData(imageOf(store.thumb(row)), 0, 0)
    context.drawImage(scratch, x, y)
    if (picture?.isHeld) {
      context.fillStyle = ink.ground
      context.fillRect(x, y + thumbSide - 3, thumbSide, 3)
      context.fillStyle = ink.text
      context.fillRect(x, y + thumbSide - 2, thumbSide, 2)
    }
    if (index === chosen) {
      context.strokeStyle = ink.ground
      context.lineWidth = 3
      context.strokeRect(x + 2.5, y + 2.5, thumbSide - 5, thumbSide - 5)
      context.strokeStyle = ink.text
      context.lineWidth = 2
      context.strokeRect(x + 1, y + 1, thumbSide - 2, thumbSide - 2)
    }
  }
}

/** A small picture with an alpha of its own. */
export function imageOf(thumb: Uint8Array): ImageData {
  const image = new ImageData(thumbSide, thumbSide)
  paintColors(new Uint32Array(image.data.buffer), thumb)
  return image
}
