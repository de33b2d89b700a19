/**
 * A screen whose code is loaded when it is first looked at; or when the page has nothing to do, where a service worker keeps what was
 * loaded for times without a network.
 */
import { signal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'

type Screen = FunctionComponent<{ readonly lab: Lab }>

/** @param name as the top bar has it @param load gives the screen */
export function lazyScreen(name: string, load: () => Promise<Screen>): Screen {
  const screen = signal<Screen | undefined>(undefined)
  if (navigator.serviceWorker?.controller) globalThis.requestIdleCallback?.(() => load().catch(() => undefined))
  return function Place({ lab }) {
    useEffect(() => {
      if (screen.peek()) return
      load().then(
        loaded => {
          screen.value = loaded
        },
        () => {
          lab.problem.value = {
            message: `The screen ${name} could not be loaded: is \`fovea lab\` still running?`,
            remedy: { name: 'Reload the page', act: () => location.reload() },
          }
        },
      )
    }, [lab])
    const Loaded = screen.value
    return Loaded ? <Loaded lab={lab} /> : null
  }
}
