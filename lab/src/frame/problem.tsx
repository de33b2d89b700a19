/** What went wrong, in its place: what happened, what to do, and a button that does it. */
import type { Lab } from '../state/lab.ts'
import { Icon } from './icons.tsx'
import { Said } from './said.tsx'

/** The sentence; nothing when all is well. */
export function ProblemLine({ lab }: { readonly lab: Lab }) {
  const problem = lab.problem.value
  if (!problem) return null
  const close = (): void => {
    lab.problem.value = undefined
  }
  return (
    <div class="problem" role="alert">
      <p>
        <Said text={problem.message} />
      </p>
      {problem.remedy && (
        <button
          type="button"
          class="go"
          onClick={() => {
            close()
            problem.remedy?.act()
          }}
        >
          {problem.remedy.name}
        </button>
      )}
      <button type="button" class="icon" aria-label="Close" onClick={close}>
        <Icon name="close" />
      </button>
    </div>
  )
}
