/** A screen whose code is loaded when it is first looked at. */
import { signal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'

type ScreenComponent = FunctionComponent<{ readonly lab: Lab }>

/** What stands for a screen until it is loaded: nothing, for the moment that it takes. */
export function laterScreen(load: () => Promise<ScreenComponent>): ScreenComponent {
  const screen = signal<ScreenComponent | undefined>(undefined)
  return ({ lab }) => {
    useEffect(() => {
      if (screen.peek()) return
      load().then(
        loaded => {
          screen.value = loaded
        },
        () => {
          lab.problem.value = {
            message: 'This screen could not be loaded: is `fovea lab` still running?',
            remedy: { name: 'Reload the page', act: () => location.reload() },
          }
        },
      )
    }, [lab])
    const Loaded = screen.value
    return Loaded ? <Loaded lab={lab} /> : null
  }
}
