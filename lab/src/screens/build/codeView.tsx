/** The network as TypeScript, to be read, written and taken away as a file for `fovea train`. */

import { useSignal, useSignalEffect } from '@preact/signals'
import { useId } from 'preact/hooks'
import { downloadFile } from '../../../../src/formats/browserFiles.ts'
import { formatNetwork, formatRecipe } from '../../network/code.ts'
import { parseNetwork } from '../../network/parse.ts'
import { networks, recipeFor } from '../../state/recipe.ts'
import type { Build } from './state.ts'

/** The file that trains the network on the command line as the Lab does. */
export function recipeFile(build: Build, folder?: string): string {
  const { rate, momentum, decay, batch, optimizer } = recipeFor('custom', build.data.value)
  const [height, width, channels] = build.facts.value.shape
  const own = `{ name: 'folder', directory: '${folder ?? 'pictures'}', size: [${height}, ${width}], channels: ${channels} }`
  return formatRecipe(build.layers.value, {
    data: build.data.value === 'own' ? own : `'${build.data.value}'`,
    rate,
    momentum,
    decay,
    batch,
    optimizer,
    epochs: networks.custom.epochs,
    seed: 0,
  })
}

/** The code. */
export function CodeView({ build }: { readonly build: Build }) {
  const text = useSignal('')
  const problem = useSignal<string | undefined>(undefined)
  const copied = useSignal<string | undefined>(undefined)
  const label = useId()
  // What is typed stays as it is, also where it is written otherwise than it would be here.
  useSignalEffect(() => {
    const code = formatNetwork(build.layers.value)
    if (read(text.peek()) === code) return
    text.value = code
    problem.value = undefined
  })
  const type = (code: string): void => {
    text.value = code
    try {
      const layers = parseNetwork(code)
      problem.value = undefined
      if (formatNetwork(layers) !== formatNetwork(build.layers.peek())) build.edit(layers)
    } catch (error) {
      problem.value = (error as Error).message
    }
  }
  const copy = async (): Promise<void> => {
    const written = await navigator.clipboard?.writeText(recipeFile(build)).then(
      () => true,
      () => false,
    )
    copied.value = written
      ? 'Copied: save it as recipe.ts, and run fovea train recipe.ts'
      : 'This page may not copy; download it'
  }
  return (
    <section class="code" aria-labelledby={label}>
      <div class="bar">
        <h2 id={label}>TypeScript</h2>
        <div class="tools">
          <button type="button" onClick={copy}>
            Copy recipe.ts
          </button>
          <button
            type="button"
            onClick={() => downloadFile('recipe.ts', new Blob([recipeFile(build)], { type: 'text/typescript' }))}
          >
            Download recipe.ts
          </button>
        </div>
      </div>
      <textarea
        value={text.value}
        rows={Math.min(40, text.value.split('\n').length + 1)}
        spellcheck={false}
        aria-label="The network as TypeScript"
        aria-invalid={problem.value !== undefined}
        onInput={event => type(event.currentTarget.value)}
      />
      <p class="small" role="status">
        {problem.value === undefined ? (
          <span class="quiet">
            {copied.value ?? 'Reads sequential({ name: layer(…) }) with numbers, true and false in it; runs no code.'}
          </span>
        ) : (
          <span class="is-wrong">{problem.value}</span>
        )}
      </p>
    </section>
  )
}

/** How a text is written here; undefined for one that cannot be read. */
function read(code: string): string | undefined {
  try {
    return formatNetwork(parseNetwork(code))
  } catch {
    return undefined
  }
}
