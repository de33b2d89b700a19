/** The two ends of an axis's brush as sliders: dragged, or moved by keys. Without a brush they are at the ends of the axis. */
import { useRef } from 'preact/hooks'
import type { SearchAxis } from './searchAxes.ts'
import { shareOf } from './searchAxes.ts'
import type { Searches } from './searches.ts'
import type { Span } from './shape.ts'

interface BrushEndsProps {
  readonly searches: Searches
  readonly axis: SearchAxis
  /** CSS pixels in the plot: of the axis from the left, and of a place from above. */
  readonly x: number
  readonly y: (at: number) => number
  readonly placeAt: (y: number) => number
}

/** Steps of an arrow with Shift. */
const far = 5

/** The two ends. */
export function BrushEnds(props: BrushEndsProps) {
  return (
    <>
      <BrushEnd {...props} end="upper" />
      <BrushEnd {...props} end="lower" />
    </>
  )
}

function BrushEnd({ searches, axis, x, y, placeAt, end }: BrushEndsProps & { readonly end: 'lower' | 'upper' }) {
  const element = useRef<HTMLDivElement>(null)
  const brush = searches.brushes.value.get(axis.key)
  const [lower, upper]: Span = brush ?? [axis.from, axis.to]
  const at = end === 'lower' ? lower : upper
  const move = (to: number): void => {
    const held = end === 'lower' ? Math.min(to, upper) : Math.max(to, lower)
    searches.brush(axis.key, end === 'lower' ? [held, upper] : [lower, held])
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = axis.step * (event.shiftKey ? far : 1)
    const to = {
      ArrowUp: at + step,
      ArrowRight: at + step,
      ArrowDown: at - step,
      ArrowLeft: at - step,
      Home: axis.from,
      End: axis.to,
    }[event.key]
    if (event.key === 'Escape') searches.brush(axis.key, undefined)
    else if (to === undefined) return
    else move(to)
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div
      ref={element}
      class={`brush-end ${end}${brush ? ' set' : ''}`}
      role="slider"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={`${axis.name}: ${end} end of the brush`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * shareOf(axis, at))}
      aria-valuetext={axis.say(at)}
      title={`${axis.say(at)}: drag, or arrows`}
      style={{ left: `${x}px`, top: `${y(at)}px` }}
      onKeyDown={onKeyDown}
      onPointerDown={event => {
        if (event.button !== 0) return
        event.stopPropagation()
        element.current!.setPointerCapture(event.pointerId)
      }}
      onPointerMove={event => {
        if (!element.current!.hasPointerCapture(event.pointerId)) return
        event.stopPropagation()
        move(placeAt(event.clientY - element.current!.parentElement!.getBoundingClientRect().top))
      }}
      onPointerUp={event => event.stopPropagation()}
    />
  )
}
