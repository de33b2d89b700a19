/** The top bar: which training this is, the screens, the link to this moment, light or dark. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { whole } from '../draw/format.ts'
import type { Lab } from '../state/lab.ts'
import { restingScreens, type Screen, screens } from '../state/link.ts'
import { toggleTheme } from '../state/theme.ts'
import { Icon, Mark } from './icons.tsx'
import { RecipeMenu } from './recipeMenu.tsx'

const names: Readonly<Record<Screen, string>> = {
  train: 'Train',
  look: 'Look',
  convolve: 'Convolve',
  judge: 'Judge',
  build: 'Build',
  runs: 'Runs',
  teach: 'Teach',
}

/** The screens that have a tab: that of runs does where the page was served with some. */
export const screensOf = (lab: Lab): readonly Screen[] =>
  screens.filter(screen => screen !== 'runs' || lab.served !== undefined)

/** The bar. @param onStart begins another training */
export function TopBar({ lab, onStart }: { readonly lab: Lab; readonly onStart: (link: string) => void }) {
  const { alone, graphics, threads } = lab.opened.value ?? {}
  const isResting = restingScreens.has(lab.screen.value)
  const tabs = useRef<HTMLElement>(null)
  const { value: current } = lab.screen
  // On a phone the bar shows some of them at a time.
  useEffect(() => {
    const bar = tabs.current!
    const tab = bar.querySelector<HTMLElement>(`[data-screen=${current}]`)
    if (tab) bar.scrollLeft = tab.offsetLeft - bar.offsetLeft + (tab.offsetWidth - bar.clientWidth) / 2
  }, [current])
  return (
    <header class="top">
      <div class="brand">
        <Mark />
        <b>Fovea</b>
      </div>
      {!isResting && (lab.still.value ? <StillName lab={lab} /> : <RecipeMenu lab={lab} onStart={onStart} />)}
      <nav class="tabs" aria-label="Screens" ref={tabs}>
        {screensOf(lab).map(screen => (
          <button
            key={screen}
            type="button"
            data-screen={screen}
            aria-current={lab.screen.value === screen ? 'page' : undefined}
            onClick={() => {
              lab.screen.value = screen
            }}
          >
            {names[screen]}
          </button>
        ))}
      </nav>
      <div class="right">
        {threads === 1 && !isResting && (
          <span class="quiet small badge" title={alone ?? 'The machine has one core for this page.'}>
            1 thread
          </span>
        )}
        {graphics !== undefined && !isResting && (
          <span class="quiet small badge" title={`${graphics} computes.`}>
            WebGPU
          </span>
        )}
        {!isResting && !lab.still.value && <ShareButton lab={lab} />}
        <button type="button" class="icon" aria-label="Light or dark" title="Light or dark" onClick={toggleTheme}>
          <Icon name="theme" />
        </button>
      </div>
    </header>
  )
}

/** Which checkpoint is looked at. */
function StillName({ lab }: { readonly lab: Lab }) {
  const { run, model, step } = lab.still.value!
  return (
    <span class="recipe still-name" title={`${run}, step ${step}`}>
      <b>{model || run}</b>
      <span class="quiet small sub">
        {run}, step {whole(step)}
      </span>
    </span>
  )
}

/** Copies the link to this very network at this very step. */
function ShareButton({ lab }: { readonly lab: Lab }) {
  const copied = useSignal<string | undefined>(undefined)
  const copy = async (): Promise<void> => {
    lab.pause()
    lab.askHash()
    const address = new URL(lab.link(), location.href).href
    history.replaceState(null, '', address)
    // Pages of plain http have no clipboard; the address is then where addresses are.
    const written = await navigator.clipboard?.writeText(address).then(
      () => true,
      () => false,
    )
    copied.value = written ? 'Link copied' : 'The link is in the address bar'
  }
  const { hash } = lab.hash.value ?? {}
  return (
    <span class="share-place">
      <button type="button" class="share" onClick={copy} title="Copy a link to this network at this step">
        <Icon name="link" />
        <span>Copy link</span>
      </button>
      <span class="note" role="status" hidden={copied.value === undefined}>
        {copied.value !== undefined && (
          <>
            {copied.value}: whoever opens it trains these weights again, to the bit
            {lab.recipe.value.backend === 'webgpu' && ' on the same graphics processor and driver, elsewhere nearly'}.
            {hash !== undefined && lab.hash.value?.step === lab.step.value && (
              <code data-hash={hash}>SHA-256 {hash.slice(0, 16)}…</code>
            )}
            <button
              type="button"
              class="icon"
              aria-label="Close"
              onClick={() => {
                copied.value = undefined
              }}
            >
              <Icon name="close" />
            </button>
          </>
        )}
      </span>
    </span>
  )
}
