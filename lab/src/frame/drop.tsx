/** Files that are dropped anywhere on the page: a picture becomes the probe, a folder of classes is trained on. No file takes the page's place. */
import { effect, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'
import type { Screen } from '../state/link.ts'
import type { Opened } from '../worker/protocol.ts'
import { type OwnTraining, startOwn } from './start.ts'
import { type FoundFile, filesOfDrop, readFolder, readPicture } from './upload.ts'

/** What becomes of files that are dropped, where it is not what is usual. */
const words: Partial<Record<Screen, string>> = {
  build:
    'A network is opened: .onnx, .fovea, .pth, .safetensors or the folder of a run. A picture is classified by it.',
  judge: 'A file of changes is read; a picture becomes the probe, a folder of classes is trained on.',
  runs: 'A network is opened in Build. Pictures are for the other screens.',
  teach: 'Drop pictures on a class, and a trunk on its place.',
}
const usualWords =
  'A picture becomes the probe; a folder with a folder for each class is trained on; a network is opened in Build.'

/** Says where files may be let go, while some are held over the page. */
export function DropPlace({ lab }: { readonly lab: Lab }) {
  const isOver = useSignal(false)
  useEffect(() => {
    const over = (event: DragEvent): void => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      isOver.value = true
    }
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) isOver.value = false
    }
    const drop = async (event: DragEvent): Promise<void> => {
      isOver.value = false
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      await takeFiles(lab, await filesOfDrop(event.dataTransfer))
    }
    addEventListener('dragover', over)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    return () => {
      removeEventListener('dragover', over)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
    }
  }, [lab, isOver])
  return isOver.value ? (
    <p class="drop-place" role="status">
      {words[lab.screen.value] ?? usualWords}
    </p>
  ) : null
}

/**
 * One picture is looked at, a folder is trained on, a network is opened in Build. What is wrong with them is told, and what was learned stays.
 * @param chosen the network to train, by default the one that is open
 */
export async function takeFiles(lab: Lab, files: readonly FoundFile[], chosen?: OwnTraining): Promise<void> {
  // On Build a picture is for the network that is open there.
  const isForBuild = lab.screen.value === 'build' && files.every(({ path }) => !path.includes('/'))
  if (isForBuild || isNetwork(files)) {
    lab.dropped.value = files
    lab.screen.value = 'build'
    return
  }
  const resting = lab.screen.value === 'runs' || lab.screen.value === 'teach' ? lab.screen.value : undefined
  if (resting) {
    lab.problem.value = { message: `${files[0]?.path ?? 'That'} was dropped beside what takes it. ${words[resting]}` }
    return
  }
  // Judge reads changes of training images that it has written.
  if (lab.screen.value === 'judge' && files.length === 1 && /\.json$/i.test(files[0]!.path)) {
    lab.dropped.value = files
    return
  }
  try {
    const [first] = files
    if (first && files.length === 1 && !first.path.includes('/')) await showFile(lab, first.file)
    else await trainOn(lab, files, chosen)
  } catch (error) {
    lab.problem.value = { message: (error as Error).message }
  }
}

/** Whether files are those of a network, which Build opens, by their names: one of the formats, or the folder of a run. */
const isNetwork = (files: readonly FoundFile[]): boolean =>
  files.some(({ path }) => /(^|\/)recipe\.json$|\.onnx$/i.test(path)) ||
  (files.length === 1 && /\.(safetensors|pth?|ckpt|npz|npy|h5|keras|fovea)$/i.test(files[0]!.path))

/** @throws Error when the file is no picture, or the network takes points. */
async function showFile(lab: Lab, file: File): Promise<void> {
  const opened = await whenOpened(lab)
  if (opened.plane) throw new Error('This network takes points, not pictures. Choose another one in the menu above.')
  const pixels = await readPicture(file, opened)
  lab.showPicture({ pixels, label: undefined, name: 'your picture' })
}

/** What is trained, as soon as it is open. */
function whenOpened({ opened }: Lab): Promise<Opened> {
  return new Promise(resolve => {
    const unwatch = effect(() => {
      if (opened.value === undefined) return
      resolve(opened.value)
      queueMicrotask(() => unwatch())
    })
  })
}

async function trainOn(lab: Lab, files: readonly FoundFile[], chosen: OwnTraining | undefined): Promise<void> {
  lab.reading.value = { done: 0, total: files.length }
  try {
    const own = await readFolder(files, (done, total) => {
      lab.reading.value = { done, total }
    })
    startOwn(lab, own, chosen)
    const [first] = own.failures
    if (first !== undefined) {
      const others = own.failures.length - 1
      lab.problem.value = {
        message: `${first}${others > 0 ? ` So with ${others} more.` : ''} What could be read is trained on.`,
      }
    }
  } finally {
    lab.reading.value = undefined
  }
}
