/**
 * A kernel whose cells can be dragged, or changed by keys: what the network would do with another weight, until it is let go of.
 */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { digits } from '../../draw/format.ts'
import { ValueMap } from '../../draw/raster.tsx'
import { cellAt, moves, Outline } from '../../frame/outline.tsx'
import type { Lab } from '../../state/lab.ts'
import type { LayerInfo } from '../../worker/protocol.ts'

interface KernelProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly unit: number
  /** Counted within the filter. */
  readonly channel: number
  readonly kernel: Float32Array
  readonly most: number
}

/** Pixels of dragging, and presses of a key, that move a weight by the scale's whole maximum. */
const [dragRange, keyRange] = [60, 20]
/** Keys that change a weight. */
const changes: Readonly<Record<string, number>> = { '+': 1, '=': 1, '-': -1, '−': -1 }

/** A weight that has another value for now. */
interface Tried {
  readonly k: number
  readonly value: number
}

/** The kernel. */
export function Kernel({ lab, info, unit, channel, kernel, most }: KernelProps) {
  const [, perGroup = 1, rows = 1, columns = 1] = info.weight
  const cell = Math.max(2, Math.floor(60 / Math.max(rows, columns)))
  /** The weight that keys change, while the kernel has the focus. */
  const focused = useSignal<number | undefined>(undefined)
  const tried = useSignal<Tried | undefined>(undefined)
  const dragged = useRef<{ readonly k: number; readonly from: number; readonly y: number } | undefined>(undefined)
  const indexOf = (k: number): number => (unit * perGroup + channel) * rows * columns + k
  const at = (event: PointerEvent): number => {
    const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const within = (place: number, size: number): number => Math.max(0, Math.min(size - 1, Math.floor(place / cell)))
    return within(event.clientY - top, rows) * columns + within(event.clientX - left, columns)
  }
  const attempt = (k: number, value: number): void => {
    tried.value = { k, value }
    lab.tryWeight({ path: `${info.path}.weight`, index: indexOf(k), value })
  }
  const letGo = (): void => {
    dragged.current = undefined
    if (!tried.value) return
    tried.value = undefined
    lab.tryWeight(undefined)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const { key } = event
    const at = focused.value ?? 0
    const [move, change] = [moves[key], changes[key]]
    if (move) {
      letGo()
      const row = (Math.floor(at / columns) + move[0] + rows) % rows
      focused.value = row * columns + (((at % columns) + move[1] + columns) % columns)
    } else if (change !== undefined) {
      const value = tried.value?.k === at ? tried.value.value : kernel[at]!
      attempt(at, value + (change / keyRange) * most)
    } else if (key === 'Escape' && tried.value) letGo()
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const now = tried.value
  const k = now?.k ?? focused.value
  const placeOf = (at: number): string => `row ${Math.floor(at / columns)}, column ${at % columns}`
  return (
    <div
      class={now ? 'framed kernel tried' : 'framed kernel'}
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label={`Kernel of channel ${channel}, ${rows} by ${columns} weights. Arrows choose one, plus and minus change it, Escape puts it back.`}
      title={now ? `weight ${digits(now.value, 3)}, until you let go` : 'Drag a weight up or down'}
      onPointerDown={event => {
        event.currentTarget.setPointerCapture(event.pointerId)
        const chosen = at(event)
        dragged.current = { k: chosen, from: kernel[chosen]!, y: event.clientY }
        focused.value = chosen
      }}
      onPointerMove={event => {
        const drag = dragged.current
        if (drag) attempt(drag.k, drag.from + ((drag.y - event.clientY) / dragRange) * most)
      }}
      onPointerUp={letGo}
      onPointerCancel={letGo}
      onKeyDown={onKeyDown}
      onFocus={() => {
        focused.value ??= 0
      }}
      onBlur={() => {
        letGo()
        focused.value = undefined
      }}
    >
      <ValueMap values={kernel} width={columns} height={rows} cell={cell} most={most} />
      {k !== undefined && <Outline {...cellAt(Math.floor(k / columns), k % columns)} cell={cell} />}
      <output class="unseen" aria-live="polite">
        {focused.value !== undefined &&
          k !== undefined &&
          `${placeOf(k)}: ${digits(now?.value ?? kernel[k]!, 3)}${now ? ', changed' : ''}`}
      </output>
    </div>
  )
}
