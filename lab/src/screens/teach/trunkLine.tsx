/** What the trunk is, and what it knows. */
import { percent, whole } from '../../draw/format.ts'
import { FilesButton } from '../../frame/filesButton.tsx'
import { type DataName, dataNames } from '../../state/recipe.ts'
import type { OpenedTrunk } from '../../worker/teach/protocol.ts'
import type { Lesson } from './teach.ts'

interface TrunkLineProps {
  readonly lesson: Lesson
  /** Takes a trunk of one's own. */
  readonly onTrunk: (file: File) => void
  /** Takes the one that comes with the Lab again. */
  readonly onShipped: () => void
}

/** The line, and more. */
export function TrunkLine({ lesson, onTrunk, onShipped }: TrunkLineProps) {
  const { trunk, own } = lesson
  const [height, width] = trunk.shape
  return (
    <details class="trunk small">
      <summary>
        Trunk: <b>{trunk.name}</b>{' '}
        <span class="quiet">
          {height} × {width} pixels, {whole(trunk.features)} features
        </span>
      </summary>
      <p class="quiet">
        A frozen network turns each picture into {whole(trunk.features)} numbers, once; a last layer learns your classes
        from them. This one was trained on {dataOf(trunk)}, to tell apart {trunk.classes.slice(0, 10).join(', ')}
        {trunk.classes.length > 10 && ', …'}. It sees {height} × {width} pixels of the middle of a picture: what differs
        only in finer detail, it cannot tell apart.
      </p>
      <p class="quiet">
        A larger one helps: a classifier that <code>fovea export</code> wrote, of ImageNet for example, can take its
        place. The pictures that are here have to be added again then.
      </p>
      <span class="acts-line">
        <FilesButton
          label="Another trunk"
          name="Another trunk: a classifier file, .fovea, whose last layer is left out"
          accept=".fovea"
          onFiles={([first]) => first && onTrunk(first.file)}
        />
        {own && (
          <button type="button" onClick={onShipped}>
            The trunk of the Lab
          </button>
        )}
      </span>
    </details>
  )
}

/** What a trunk was trained on, as its file says. */
function dataOf({ origin: { data, accuracy } }: OpenedTrunk): string {
  const name = dataNames[data as DataName] ?? (data === undefined ? 'other pictures' : String(data))
  return typeof accuracy === 'number' ? `${name} (${percent(accuracy)} of its test images are right)` : name
}
