/** The place of Teach, whose code is loaded when it is first looked at. */
import { signal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'

const screen = signal<FunctionComponent<{ lab: Lab }> | undefined>(undefined)

/** The screen, as soon as it is there. */
export function TeachPlace({ lab }: { readonly lab: Lab }) {
  useEffect(() => {
    if (screen.peek()) return
    import('../screens/teach/teachScreen.tsx').then(
      ({ TeachScreen }) => {
        screen.value = TeachScreen
      },
      () => {
        lab.problem.value = {
          message: 'The screen Teach could not be loaded: is its server still running?',
          remedy: { name: 'Reload the page', act: () => location.reload() },
        }
      },
    )
  }, [lab])
  const Loaded = screen.value
  return Loaded ? <Loaded lab={lab} /> : null
}
