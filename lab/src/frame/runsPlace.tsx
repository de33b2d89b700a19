/** The place of Runs, and how to get runs where the page was served without. */
import type { Lab } from '../state/lab.ts'
import { laterScreen } from './laterScreen.tsx'

const Served = laterScreen(() => import('../screens/runs/runs.tsx').then(({ RunsScreen }) => RunsScreen))

/** The screen, or what stands in its place. */
export function RunsPlace({ lab }: { readonly lab: Lab }) {
  if (lab.served !== undefined) return <Served lab={lab} />
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
