/** In the timeline's place, of a checkpoint: what it is, and that it takes no step here. */
import { whole } from '../draw/format.ts'
import type { Lab } from '../state/lab.ts'

/** The bar. */
export function StillBar({ lab }: { readonly lab: Lab }) {
  const { run, step } = lab.still.value!
  const { still } = lab.opened.value ?? {}
  const images = !still
    ? ''
    : still.hasData
      ? ` It is shown test images of ${still.data}.`
      : ` Its images, ${still.data}, are not here: drop a picture on the page, or upload one.`
  return (
    <section class="time still" aria-label="Checkpoint">
      <p>
        <b>
          {run}, step {whole(step)}
        </b>
        <br />
        <span class="small quiet">
          Looked at, not trained
          <span class="more">
            : the page has neither its augmentation nor its order of images. <code>fovea train --resume</code> trains it
            on
          </span>
          .{images}
        </span>
      </p>
      <button
        type="button"
        onClick={() => {
          lab.screen.value = 'runs'
        }}
      >
        Back to Runs
      </button>
      <button
        type="button"
        onClick={() => {
          location.hash = '#v=1&screen=train'
        }}
      >
        Train a network here
      </button>
    </section>
  )
}

/** Until it is here. */
export function StillReading({ lab }: { readonly lab: Lab }) {
  const { reading } = lab.still.value ?? {}
  if (lab.problem.value) return null
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
  return (
    <p class="waiting quiet" role="status">
      {reading
        ? `reading weights: ${megabytes(reading.done)} of ${megabytes(reading.total)} MB`
        : 'reading the checkpoint'}
    </p>
  )
}
