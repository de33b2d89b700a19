/** Files as pictures: one for the probe, or folders of them to train on. */
import type { OwnPictures } from '../worker/protocol.ts'
import type { ReadAnswer, ReadRequest } from '../worker/readWorker.ts'

type Read = Extract<ReadAnswer, { type: 'read' }>

/** Side and channels of pictures of one's own to train on: those of CIFAR-10, which every network here takes. */
export const ownShape = [32, 32, 3] as const

/** Most pictures: at 3 kB each they fit into a page together with what is learned from them. */
const mostPictures = 20_000
/** Most classes, so that each still has a bar. */
const mostClasses = 50

/** Thrown for files that cannot be what they were chosen for; says what to do. */
export class UploadError extends Error {
  override readonly name = 'UploadError'
}

/** A file with the folders above it. */
export interface FoundFile {
  readonly file: File
  /** `animals/cats/1.jpg` */
  readonly path: string
}

/** Pictures of one's own, and the files that were left out, a sentence each. */
export interface OwnFolder {
  readonly pictures: OwnPictures
  /** By which a link knows them again. */
  readonly fingerprint: string
  readonly failures: readonly string[]
}

/**
 * Reads one picture for the probe.
 * @returns bytes of `shape`
 * @throws UploadError when it cannot be read as a picture
 */
export async function readPicture(
  file: File,
  { shape, subject }: { readonly shape: ReadRequest['shape']; readonly subject?: 'digit' | 'clothing' },
): Promise<Uint8Array> {
  const { images, failures } = await read({ files: [file], shape, subject: subject ?? 'picture' })
  if (failures.length > 0) throw new UploadError(failures[0])
  return images
}

/**
 * Reads pictures whose class is the name of the folder they lie in.
 * @param onRead told of how many files were read
 * @throws UploadError when there are no two classes with two pictures each
 */
export async function readFolder(
  found: readonly FoundFile[],
  onRead: (done: number, total: number) => void,
): Promise<OwnFolder> {
  const files = picturesOf(found)
  if (files.length > mostPictures) {
    throw new UploadError(
      `There are ${files.length} pictures; the Lab takes up to ${mostPictures}. Choose fewer, or train on them with \`fovea train --data folder:PATH\`.`,
    )
  }
  const {
    images,
    read: kept,
    failures,
    hash,
  } = await read({ files: files.map(({ file }) => file), shape: ownShape }, onRead)
  const folders = kept.map(k => folderOf(files[k]!.path))
  const classes = [...new Set(folders)].sort()
  checkClasses(classes, folders)
  const labels = Uint8Array.from(folders, folder => classes.indexOf(folder))
  return { pictures: { classes, shape: ownShape, images, labels }, fingerprint: hash.slice(0, 16), failures }
}

function checkClasses(classes: readonly string[], folders: readonly string[]): void {
  const howTo = 'Drop a folder that has a folder of pictures for each class.'
  if (folders.length === 0) throw new UploadError(`There is no picture among these files. ${howTo}`)
  if (classes.length < 2) {
    throw new UploadError(`All pictures are of one class${classes[0] ? `, ${classes[0]}` : ''}. ${howTo}`)
  }
  if (classes.length > mostClasses) {
    throw new UploadError(
      `There are ${classes.length} classes; the Lab takes up to ${mostClasses}. Leave some folders out.`,
    )
  }
  const lonely = classes.find(name => folders.filter(folder => folder === name).length < 2)
  if (lonely !== undefined) {
    throw new UploadError(
      `${lonely} has one picture; each class needs two, one to train on and one to test with. Add a picture, or leave the folder out.`,
    )
  }
}

/** The pictures among files, by their paths: the order of a folder's files is the operating system's, and links need one of their own. */
export const picturesOf = (found: readonly FoundFile[]): FoundFile[] =>
  found.filter(isPicture).sort((a, b) => (a.path < b.path ? -1 : 1))

/** Files that a system hides, and those that say they are something else, are no pictures. */
const isPicture = ({ file, path }: FoundFile): boolean =>
  !path.split('/').some(part => part.startsWith('.')) && (file.type === '' || file.type.startsWith('image/'))

const folderOf = (path: string): string => path.split('/').at(-2) ?? ''

/** Files of an `<input>` that takes folders. */
export const filesOfInput = (files: FileList): FoundFile[] =>
  Array.from(files, file => ({ file, path: file.webkitRelativePath || file.name }))

/** Files of a drop, those in folders included. */
export async function filesOfDrop({ items }: DataTransfer): Promise<FoundFile[]> {
  // Entries must be asked for within the event.
  const entries = Array.from(items, item => item.webkitGetAsEntry()).filter(entry => entry !== null)
  return (await Promise.all(entries.map(filesOfEntry))).flat()
}

async function filesOfEntry(entry: FileSystemEntry): Promise<FoundFile[]> {
  const path = entry.fullPath.replace(/^\//, '')
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    return [{ file, path }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: FoundFile[] = []
  // A reader gives a hundred entries at a time.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found
    found.push(...(await Promise.all(some.map(filesOfEntry))).flat())
  }
}

/** A worker that reads files, or frames of a camera. */
export const createReader = (): Worker =>
  new Worker(new URL('../worker/readWorker.ts', import.meta.url), { type: 'module' })

function read(request: ReadRequest, onRead?: (done: number, total: number) => void): Promise<Read> {
  const worker = createReader()
  return new Promise<Read>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<ReadAnswer>) => {
      if (data.type === 'read') resolve(data)
      else onRead?.(data.done, data.total)
    }
    worker.onerror = () =>
      reject(new UploadError('The pictures cannot be read: the page has no memory for them. Choose fewer.'))
    worker.postMessage(request)
  }).finally(() => worker.terminate())
}
