/** The recipe: which network is trained on what, from which seed. Another one begins a training of its own. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { whole } from '../draw/format.ts'
import type { Lab } from '../state/lab.ts'
import { formatLink } from '../state/link.ts'
import { type DataName, dataFor, dataNames, type NetworkName, networks, recipeFor } from '../state/recipe.ts'
import { takeFiles } from './drop.tsx'
import { FilesButton } from './filesButton.tsx'
import { graphics, lookForGraphics } from './graphics.ts'
import type { FoundFile } from './upload.ts'

const networkNames = Object.keys(networks) as NetworkName[]

/** Its name, and a menu under it. @param onStart takes the link of another training */
export function RecipeMenu({ lab, onStart }: { readonly lab: Lab; readonly onStart: (link: string) => void }) {
  const { model, data, seed, images, backend } = lab.recipe.value
  const menu = useRef<HTMLDetailsElement>(null)
  const [chosenModel, chosenData] = [useSignal<NetworkName>(model), useSignal<DataName>(data)]
  const seedText = useSignal(String(seed))
  const onGraphics = useSignal(backend === 'webgpu')
  const [openedModel, openedData, openedSeed, openedBackend] = [
    useComputed(() => lab.recipe.value.model),
    useComputed(() => lab.recipe.value.data),
    useComputed(() => lab.recipe.value.seed),
    useComputed(() => lab.recipe.value.backend),
  ]
  // What was opened meanwhile, by a link or a drop, is what is chosen; news of the same training leaves a choice alone.
  useSignalEffect(() => {
    chosenModel.value = openedModel.value
    chosenData.value = openedData.value
    seedText.value = String(openedSeed.value)
    onGraphics.value = openedBackend.value === 'webgpu'
  })
  const isSeed = /^\d{1,9}$/.test(seedText.value)
  const choices = dataFor(chosenModel.value, data)
  // A network of one's own is made in Build; here is the one that is open.
  const isThere = (name: NetworkName): boolean => name !== 'custom' || model === 'custom'
  const needsPictures = chosenData.value === 'own' && lab.own === undefined
  const start = (event: Event): void => {
    event.preventDefault()
    if (!isSeed || needsPictures) return
    const usual = recipeFor(chosenModel.value, chosenData.value)
    const pictures = chosenData.value === 'own' ? lab.own?.fingerprint : undefined
    const layers = chosenModel.value === 'custom' ? lab.recipe.value.layers : undefined
    const recipe = {
      ...usual,
      seed: Number(seedText.value),
      ...(pictures !== undefined && { pictures }),
      ...(layers !== undefined && { layers }),
      ...(onGraphics.value && { backend: 'webgpu' as const }),
    }
    onStart(formatLink({ recipe, interventions: [], screen: lab.screen.value }))
    menu.current!.open = false
  }
  const take = (files: readonly FoundFile[]): void => {
    menu.current!.open = false
    void takeFiles(lab, files, {
      model: chosenModel.value,
      seed: isSeed ? Number(seedText.value) : seed,
      ...(onGraphics.value && { backend: 'webgpu' }),
    })
  }
  return (
    <details class="recipe" ref={menu} onToggle={() => void lookForGraphics()}>
      <summary>
        <b>{networks[model].title}</b>
        <span class="quiet small sub">
          on {dataNames[data]}
          {seed !== 0 && `, seed ${seed}`}
        </span>
      </summary>
      <form class="menu" onSubmit={start}>
        <p class="small quiet">
          {networks[model].title} on {whole(images)} {lab.kind}s of {dataNames[data]}, seed {seed}. A training is
          decided by its recipe and by what you change on the way.
        </p>
        <label>
          <span>network</span>
          <select
            value={chosenModel.value}
            onChange={event => {
              chosenModel.value = event.currentTarget.value as NetworkName
              const all = dataFor(chosenModel.value, data)
              if (!all.includes(chosenData.value)) chosenData.value = all[0]!
            }}
          >
            {networkNames.filter(isThere).map(name => (
              <option key={name} value={name}>
                {networks[name].title}
              </option>
            ))}
          </select>
        </label>
        <p class="micro quiet">{networks[chosenModel.value].about}</p>
        <label>
          <span>trained on</span>
          <select
            value={chosenData.value}
            onChange={event => {
              chosenData.value = event.currentTarget.value as DataName
            }}
          >
            {choices.map(name => (
              <option key={name} value={name}>
                {dataNames[name]}
              </option>
            ))}
          </select>
        </label>
        {chosenModel.value === 'custom' && (
          <p class="micro quiet">
            Its layers were made for pictures of this size and so many classes. Build changes them.
          </p>
        )}
        {chosenData.value === 'own' && <OwnPictures onTaken={take} />}
        <label>
          <span>seed</span>
          <input
            class="text-field"
            inputMode="numeric"
            value={seedText.value}
            aria-invalid={!isSeed}
            onInput={event => {
              seedText.value = event.currentTarget.value
            }}
          />
        </label>
        {(graphics.value !== undefined || onGraphics.value) && (
          <>
            <label>
              <span>runs on</span>
              <select
                value={onGraphics.value ? 'webgpu' : 'wasm'}
                onChange={event => {
                  onGraphics.value = event.currentTarget.value === 'webgpu'
                }}
              >
                <option value="wasm">WebAssembly</option>
                <option value="webgpu">WebGPU</option>
              </select>
            </label>
            {onGraphics.value && (
              <p class="micro quiet">
                {graphics.value ?? 'No graphics processor is found here'}. A link leads to the same weights, to the bit,
                on this graphics processor and driver only.
              </p>
            )}
          </>
        )}
        {!isSeed && <p class="small wrong">A seed is a whole number of up to nine digits.</p>}
        <button type="submit" class="go" disabled={!isSeed || needsPictures}>
          Train from the start
        </button>
      </form>
    </details>
  )
}

/** Pictures of one's own: a folder of them is chosen here, or dropped anywhere. */
function OwnPictures({ onTaken }: { readonly onTaken: (files: readonly FoundFile[]) => void }) {
  return (
    <div class="own">
      <p class="micro quiet">
        A folder with a folder of pictures for each class. They stay in this page; every fifth is held back to test
        with.
      </p>
      <FilesButton label="Choose a folder" asksFor="Folder of pictures" id="own-folder" isFolder onFiles={onTaken} />
    </div>
  )
}
