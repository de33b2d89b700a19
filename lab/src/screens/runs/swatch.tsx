/** The color of a run, as it is drawn; a frame for one that is not. */
import { css } from '../../draw/scale.ts'
import { theme } from '../../state/theme.ts'
import { type RunLook, runColors } from './colors.ts'

/** The mark. */
export function Swatch({ look }: { readonly look: RunLook | undefined }) {
  const color = look ? css(runColors[theme.value][look.color]!) : undefined
  return (
    <svg class={look ? 'swatch' : 'swatch none'} viewBox="0 0 14 8" width="14" height="8" aria-hidden="true">
      {look ? (
        <path
          d="M0 4H14"
          style={{ stroke: color }}
          stroke-width="3"
          stroke-dasharray={look.isDashed ? '5 4' : undefined}
        />
      ) : (
        <path d="M0 4H14" stroke-width="1" />
      )}
    </svg>
  )
}
