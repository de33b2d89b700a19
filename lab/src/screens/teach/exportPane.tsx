/** Takes what was taught along: a zip with the classifier and a page that uses it, or the classifier alone. */
import { useSignal } from '@preact/signals'
import { downloadFile } from '../../../../src/formats/browserFiles.ts'
import { exportZip } from './exported.ts'
import type { Lesson, Teach } from './teach.ts'

/** The pane. */
export function ExportPane({ teach, lesson }: { readonly teach: Teach; readonly lesson: Lesson }) {
  const problem = useSignal<string | undefined>(undefined)
  const isReady = lesson.learning.learned.value !== undefined
  const nameProblem = lesson.classes.nameProblem.value
  const save = async (kind: 'zip' | 'fovea'): Promise<void> => {
    try {
      const title = titleOf(lesson)
      const artifact = await teach.artifact(title)
      const contents = kind === 'zip' ? exportZip(title, artifact, await library()) : artifact
      downloadFile(`${fileNameOf(title)}.${kind}`, contents)
      problem.value = undefined
    } catch (error) {
      problem.value = (error as Error).message
    }
  }
  return (
    <section class="export" aria-labelledby="export-title">
      <h2 id="export-title">Take it along</h2>
      <p class="small quiet">
        One file with trunk, head and classes, and a page that uses it: unpack it on any server. In a program,{' '}
        <code>loadClassifier</code> reads the file.
      </p>
      <div class="acts-line">
        <button type="button" class="go" disabled={!isReady || nameProblem !== undefined} onClick={() => save('zip')}>
          Classifier and page
        </button>
        <button type="button" disabled={!isReady || nameProblem !== undefined} onClick={() => save('fovea')}>
          Classifier alone
        </button>
      </div>
      {(nameProblem ?? problem.value) !== undefined && (
        <p class="trouble small" role="alert">
          {nameProblem ?? problem.value}
        </p>
      )}
    </section>
  )
}

/** `cats, dogs` */
function titleOf({ learning }: Lesson): string {
  const names = learning.learned.peek()!.classes.map(({ name }) => name.peek().trim())
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
}

const fileNameOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '') || 'classifier'

/** The script that the page needs, as the Lab's build made it. */
async function library(): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL('teach/fovea.js', document.baseURI)).catch(() => undefined)
  if (!response?.ok) {
    throw new Error(
      'The script for the page does not come: is the Lab’s server still running? The classifier alone can be saved.',
    )
  }
  return new Uint8Array(await response.arrayBuffer())
}
