/** Changes of training images: listed, taken back, written to a file, and trained with. */
import { useComputed } from '@preact/signals'
import { downloadFile } from '../../../../src/formats/browserFiles.ts'
import { whole } from '../../draw/format.ts'
import { FilesButton } from '../../frame/filesButton.tsx'
import { Icon } from '../../frame/icons.tsx'
import { Choices } from '../../frame/tabs.tsx'
import { describeEdits } from '../../state/edits.ts'
import { changesFile } from './changesFile.ts'
import type { Judge } from './state.ts'

/** Changes that are listed; the last ones. */
const mostListed = 50

/** The section; where nothing was changed, a way to take changes from a file. */
export function Changes({ judge }: { readonly judge: Judge }) {
  const { lab } = judge
  const edits = lab.edits.value
  const inForce = judge.inForce.value
  const head = useComputed(() => lab.step.value >= lab.lines.value.head).value
  const isTrain = judge.split.value === 'train'
  if (edits.size === 0 && inForce.size === 0)
    return isTrain ? (
      <p class="read-changes">
        <ReadFile judge={judge} />
      </p>
    ) : null
  const show = (images: readonly number[], name: string): void => {
    if (judge.split.value !== 'train') judge.showSplit('train')
    judge.choose({ kind: 'some', images, name })
  }
  return (
    <section class="changes" aria-label="Changes">
      <h2>
        Changes <span class="small quiet">{edits.size > 0 ? describeEdits(edits) : ''}</span>
      </h2>
      {inForce.size > 0 && (
        <p class="small quiet">
          Trained with at step {whole(lab.step.value)}: {describeEdits(inForce)}.{' '}
          <button type="button" class="shortcut" onClick={() => show([...inForce.keys()], 'Changed images')}>
            Show them
          </button>
        </p>
      )}
      <ul>
        {[...edits]
          .slice(-mostListed)
          .reverse()
          .map(([image, edit]) => (
            <li key={image} class="small">
              <button type="button" class="show" onClick={() => show([image], `Training image ${image}`)}>
                {image}
              </button>
              <span>{judge.wordsOf(edit)}</span>
              <button
                type="button"
                class="icon"
                aria-label={`Take back the change of image ${image}`}
                title="Take it back"
                onClick={() => judge.undo(image)}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
      </ul>
      {edits.size > mostListed && <p class="micro quiet">and {whole(edits.size - mostListed)} before them</p>}
      {edits.size > 0 && (
        <>
          <div class="acts-row">
            <button type="button" onClick={() => judge.undo()}>
              Undo<kbd>⌫</kbd>
            </button>
            <button type="button" onClick={() => judge.clear()}>
              Undo all
            </button>
            <button
              type="button"
              onClick={() => downloadFile('fovea-changed-images.json', new TextEncoder().encode(changesFile(judge)))}
            >
              Export
            </button>
            <ReadFile judge={judge} />
          </div>
          <Choices
            label="Fork from"
            values={['here', 'start']}
            chosen={judge.forkFrom.value}
            title={from => (from === 'start' ? 'from the start' : `from step ${whole(lab.step.value)}`)}
            onChoose={from => {
              judge.forkFrom.value = from as 'here' | 'start'
            }}
          />
          <button type="button" class="go" onClick={() => judge.fork()}>
            Fork with these changes
          </button>
          <p class="micro quiet">
            {head && judge.forkFrom.value === 'here'
              ? 'This is the end of the line: it goes on with the changes, and leaves a flag.'
              : 'Trains on as a second line beside the first. What was changed later on the first is not taken along.'}{' '}
            A link holds the changes, and leads to the same weights.
          </p>
        </>
      )}
    </section>
  )
}

/** Takes changes from a file that was exported. */
function ReadFile({ judge }: { readonly judge: Judge }) {
  return (
    <FilesButton
      label="Read a file of changes"
      class="shortcut"
      asksFor="File of changes"
      accept=".json,application/json"
      isSingle
      onFiles={([first]) => void judge.readFile(first!.file)}
    />
  )
}
