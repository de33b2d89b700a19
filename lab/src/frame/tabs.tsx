/** Tabs: one of a few is chosen; arrows move between them. */

interface TabsProps<T extends string> {
  readonly label: string
  readonly names: readonly T[]
  readonly chosen: T
  readonly title?: (name: T) => string
  readonly onChoose: (name: T) => void
}

/** A row of tabs. */
export function Tabs<T extends string>({ label, names, chosen, title = name => name, onChoose }: TabsProps<T>) {
  return (
    <div class="tabs" role="tablist" aria-label={label}>
      {names.map(name => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={name === chosen}
          tabIndex={name === chosen ? 0 : -1}
          onClick={() => onChoose(name)}
          onKeyDown={event => moveChoice(event, names, chosen, onChoose)}
        >
          {title(name)}
        </button>
      ))}
    </div>
  )
}

/** Arrows choose the neighbor and take the focus there. */
export function moveChoice<T>(
  event: KeyboardEvent,
  values: readonly T[],
  chosen: T,
  onChoose: (value: T) => void,
): void {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
  if (step === undefined) return
  event.preventDefault()
  event.stopPropagation()
  const at = (values.indexOf(chosen) + step + values.length) % values.length
  onChoose(values[at]!)
  const others = (event.currentTarget as HTMLElement).parentElement!.querySelectorAll('button')
  others[at]?.focus()
}

interface ChoicesProps<T> {
  readonly label: string
  readonly values: readonly T[]
  readonly chosen: T
  readonly title?: (value: T) => string
  readonly onChoose: (value: T) => void
}

/** A row of which one is chosen, as radio buttons are. */
export function Choices<T extends string | number>({
  label,
  values,
  chosen,
  title = String,
  onChoose,
}: ChoicesProps<T>) {
  return (
    <div class="choices" role="radiogroup" aria-label={label}>
      {values.map(value => (
        // biome-ignore lint/a11y/useSemanticElements: a button needs no name shared with others to be one of a group
        <button
          key={value}
          type="button"
          role="radio"
          aria-checked={value === chosen}
          tabIndex={value === chosen ? 0 : -1}
          onClick={() => onChoose(value)}
          onKeyDown={event => moveChoice(event, values, chosen, onChoose)}
        >
          {title(value)}
        </button>
      ))}
    </div>
  )
}
