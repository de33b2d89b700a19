/** Runs of scalars that are drawn: which of their tags stand for the loss and the accuracy. */
import { useComputed } from '@preact/signals'
import type { ScalarTag } from '../../../../src/runs/live/protocol.ts'
import type { Quantity } from './shape.ts'
import type { Runs } from './state.ts'

/** The two choices; nothing where no such run is drawn. */
export function TagChoice({ runs }: { readonly runs: Runs }) {
  const all = useComputed(() => runs.drawn.value.flatMap(({ curve }) => curve.scalars ?? [])).value
  if (all.length === 0) return null
  const tags = new Map<string, ScalarTag>()
  for (const scalars of all) {
    for (const tag of scalars.tags) tags.set(tag.tag, { ...tag, isShare: tag.isShare || !!tags.get(tag.tag)?.isShare })
  }
  const names = [...tags.values()].sort((a, b) => byName.compare(a.tag, b.tag))
  const shown = (quantity: Quantity): string => {
    const usual = [...new Set(all.map(scalars => scalars.shown[quantity]))]
    return usual.length === 1 ? (usual[0] ?? 'none') : 'of each run'
  }
  return (
    <div class="tags">
      <span class="quiet small">TensorBoard</span>
      {(['loss', 'accuracy'] as const).map(quantity => {
        const chosen = runs.tags.value[quantity]
        const offered = names.filter(({ isShare }) => quantity === 'loss' || isShare).map(({ tag }) => tag)
        return (
          <label key={quantity}>
            <span>{quantity}</span>
            <select
              aria-label={`Tag of the ${quantity}`}
              value={chosen ?? ''}
              onChange={event => runs.showTag(quantity, event.currentTarget.value || undefined)}
            >
              <option value="">by name: {chosen === undefined ? shown(quantity) : 'what is known'}</option>
              {chosen !== undefined && !offered.includes(chosen) && <option value={chosen}>{chosen}, not here</option>}
              {offered.map(tag => (
                <option key={tag} value={tag}>
                  {tag}
                </option>
              ))}
            </select>
          </label>
        )
      })}
    </div>
  )
}

const byName = new Intl.Collator('en', { numeric: true })
