/** The place of Runs, whose code is loaded when it is first looked at; and how to get runs where the page was served without. */
import { signal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'

const screen = signal<FunctionComponent<{ lab: Lab }> | undefined>(undefined)

/** The screen, or what stands in its place. */
export function RunsPlace({ lab }: { readonly lab: Lab }) {
  const isServed = lab.served !== undefined
  useEffect(() => {
    if (!isServed || screen.peek()) return
    import('../screens/runs/runs.tsx').then(
      ({ RunsScreen }) => {
        screen.value = RunsScreen
      },
      () => {
        lab.problem.value = {
          message: 'The screen of runs could not be loaded: is `fovea lab` still running?',
          remedy: { name: 'Reload the page', act: () => location.reload() },
        }
      },
    )
  }, [isServed, lab])
  const Loaded = screen.value
  if (isServed) return Loaded ? <Loaded lab={lab} /> : null
  return (
    <div class="screen">
      <section class="work" aria-labelledby="runs-title">
        <h1 id="runs-title">Runs</h1>
        <p>
          Runs of <code>fovea train</code> are shown here, live, when the Lab is served with their folder:{' '}
          <code>npx fovea lab runs</code>.
        </p>
      </section>
    </div>
  )
}
