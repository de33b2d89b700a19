/** A slider with its name before it and its value behind it. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface RangeProps {
  readonly label: ComponentChildren
  /** The value, as it is written and read aloud. */
  readonly shown: string
  /** Where the slider stands, between `least` and `most`; they may be equal, and it cannot be moved then. */
  readonly value: number
  readonly least: number
  readonly most: number
  readonly step: number | 'any'
  readonly onChange: (value: number) => void
  /** Keys that do other than a slider's usual steps. */
  readonly onKeyDown?: (event: KeyboardEvent) => void
}

/** The slider. */
export function Range({ label, shown, value, least, most, step, onChange, onKeyDown }: RangeProps) {
  const id = useId()
  const share = least === most ? 1 : (value - least) / (most - least)
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <output for={id}>{shown}</output>
      <input
        id={id}
        type="range"
        min={least}
        max={most}
        step={step}
        value={value}
        disabled={least === most}
        aria-valuetext={shown}
        style={{ '--at': `${100 * share}%` }}
        onInput={event => onChange(Number(event.currentTarget.value))}
        {...(onKeyDown && { onKeyDown })}
      />
    </div>
  )
}
