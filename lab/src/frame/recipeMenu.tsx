/** The recipe: what is trained on what, from which seed. Another one begins a training of its own. */
import { useSignal } from '@preact/signals'
import { whole } from '../draw/format.ts'
import type { Lab } from '../state/lab.ts'
import { formatLink } from '../state/link.ts'
import { type DataName, dataNames, firstRecipe } from '../state/recipe.ts'

/** Its name, and a menu under it. @param onStart takes the link of another training */
export function RecipeMenu({ lab, onStart }: { readonly lab: Lab; readonly onStart: (link: string) => void }) {
  const { model, data, seed, images } = lab.recipe.value
  const chosen = useSignal<DataName>(data)
  const seedText = useSignal(String(seed))
  const isSeed = /^\d{1,9}$/.test(seedText.value)
  const start = (event: Event): void => {
    event.preventDefault()
    if (!isSeed) return
    const recipe = { ...firstRecipe, data: chosen.value, seed: Number(seedText.value) }
    onStart(formatLink({ recipe, interventions: [], screen: lab.screen.value }))
    ;(event.currentTarget as HTMLElement).closest('details')!.open = false
  }
  return (
    <details class="recipe">
      <summary>
        <b>{model}</b>
        <span class="quiet small sub">
          on {dataNames[data]}
          {seed !== 0 && `, seed ${seed}`}
        </span>
      </summary>
      <form class="menu" onSubmit={start}>
        <p class="small quiet">
          LeNet-5 on {whole(images)} images of {dataNames[data]}, seed {seed}. A training is decided by its recipe and
          by what you change on the way.
        </p>
        <label>
          <span>images</span>
          <select
            value={chosen.value}
            onChange={event => {
              chosen.value = event.currentTarget.value as DataName
            }}
          >
            {Object.entries(dataNames).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>seed</span>
          <input
            inputMode="numeric"
            value={seedText.value}
            aria-invalid={!isSeed}
            onInput={event => {
              seedText.value = event.currentTarget.value
            }}
          />
        </label>
        {!isSeed && <p class="small wrong">A seed is a whole number of up to nine digits.</p>}
        <button type="submit" class="go">
          Train from the start
        </button>
      </form>
    </details>
  )
}
