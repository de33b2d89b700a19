/** A kernel whose cells can be dragged: what the network would do with another weight, until the pointer lets go. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { digits } from '../../draw/format.ts'
import { ValueMap } from '../../draw/raster.tsx'
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

/** Pixels of dragging that move a weight by the scale's whole maximum. */
const dragRange = 60

/** The kernel. */
export function Kernel({ lab, info, unit, channel, kernel, most }: KernelProps) {
  const [, perGroup = 1, rows = 1, columns = 1] = info.weight
  const cell = Math.max(2, Math.floor(60 / Math.max(rows, columns)))
  const tried = useSignal<number | undefined>(undefined)
  const dragged = useRef<{ readonly k: number; readonly from: number; readonly y: number } | undefined>(undefined)
  const indexOf = (k: number): number => (unit * perGroup + channel) * rows * columns + k
  const at = (event: PointerEvent): number => {
    const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const within = (place: number, size: number): number => Math.max(0, Math.min(size - 1, Math.floor(place / cell)))
    return within(event.clientY - top, rows) * columns + within(event.clientX - left, columns)
  }
  const attempt = (k: number, value: number): void => {
    tried.value = k
    lab.tryWeight({ path: `${info.path}.weight`, index: indexOf(k), value })
  }
  const letGo = (): void => {
    dragged.current = undefined
    tried.value = undefined
    lab.tryWeight(undefined)
  }
  const k = tried.value
  return (
    <div
      class={k === undefined ? 'framed kernel' : 'framed kernel tried'}
      title={k === undefined ? 'Drag a weight up or down' : `weight ${digits(kernel[k]!, 3)}, until you let go`}
      onPointerDown={event => {
        event.currentTarget.setPointerCapture(event.pointerId)
        const chosen = at(event)
        dragged.current = { k: chosen, from: kernel[chosen]!, y: event.clientY }
        tried.value = chosen
      }}
      onPointerMove={event => {
        const drag = dragged.current
        if (drag) attempt(drag.k, drag.from + ((drag.y - event.clientY) / dragRange) * most)
      }}
      onPointerUp={letGo}
      onPointerCancel={letGo}
    >
      <ValueMap
        values={kernel}
        width={columns}
        height={rows}
        cell={cell}
        most={most}
        label={`Kernel of channel ${channel}`}
      />
      {k !== undefined && (
        <i
          class="outline"
          style={{
            top: `${Math.floor(k / columns) * cell}px`,
            left: `${(k % columns) * cell}px`,
            width: `${cell}px`,
            height: `${cell}px`,
          }}
        />
      )}
    </div>
  )
}
