/** Folders of pictures, with reports of the files that are left out: unreadable pictures, and other files. */
import { DatasetError } from '../data/errors.ts'
import type { ImageFiles, ImageFolderOptions } from '../data/folder.node.ts'
import { describeOthers } from '../data/otherFiles.ts'

/** Receives how much is done, and the total if it is known. */
export type Tell = (done: number, total: number | undefined) => void

/** Listeners while images are read; all are optional. */
export interface DataListener {
  /** Something a person should know, such as a picture that is left out. */
  readonly warn?: (message: string) => void
  /** Bytes of a data set that have been downloaded. */
  readonly downloading?: (name: string) => Tell
  /** Pictures of a folder that have been checked. */
  readonly checking?: (folder: string) => Tell
}

/**
 * Opens a folder of pictures, reports progress, and warns about each picture and all other files that are left out.
 * @param option the option with which the command leaves broken pictures out, if it has one
 * @throws DatasetError naming that option
 */
export async function openPictures(
  path: string,
  option: string | undefined,
  options: Omit<ImageFolderOptions, 'onSkip' | 'onProgress'>,
  { warn = () => undefined, checking }: DataListener = {},
): Promise<ImageFiles> {
  const { imageFolder } = await import('../data/folder.node.ts')
  const folder = await asOption(option, () =>
    imageFolder(path, { ...options, onSkip: leftOut(warn), ...(checking && { onProgress: checking(path) }) }),
  )
  for (const { reason } of folder.skipped) warn(`left out: ${reason}`)
  if (folder.outside > 0) warn(`${path}: left out: ${countOf(folder.outside)} beside the folders of classes`)
  if (folder.ignored > 0) warn(`${path}: left out: ${describeOthers(folder.ignoredEndings)}`)
  if (folder.repeatedLinks.length > 0) warn(`${path}: left out: ${describeLinks(folder.repeatedLinks)}`)
  return folder
}

/** The first few links to folders that are already counted. */
function describeLinks(links: readonly string[]): string {
  const shown = links.length > 5 ? `${links.slice(0, 4).join(', ')} and ${links.length - 4} more` : links.join(', ')
  return links.length === 1
    ? `a link to a folder that is counted already or holds the link (${shown})`
    : `${links.length} links to folders that are counted already or hold the link (${shown})`
}

const countOf = (pictures: number): string => (pictures === 1 ? '1 picture' : `${pictures} pictures`)

/** Warns once about each picture that turns out to be broken when its pixels are read. */
function leftOut(warn: (message: string) => void): (reason: Error) => void {
  const said = new Set<string>()
  return ({ message }) => {
    // A decoder may give another reason the next time: a file is identified by its path, with which the message begins.
    const [file] = /^.*?\.\w+(?=: )/.exec(message) ?? [message]
    if (said.has(file)) return
    said.add(file)
    warn(`left out: ${message}`)
  }
}

/** The advice of `imageFolder` to leave pictures out. */
const leavingOut = ", or leave them out with corrupt: 'skip'"

/** Opens a folder; errors name the option with which a command leaves broken pictures out. @throws DatasetError */
async function asOption<T>(option: string | undefined, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error
    const { message } = error
    const text = option === undefined ? message.replace(leavingOut, '') : message.replace("corrupt: 'skip'", option)
    throw new DatasetError(text, { cause: error })
  }
}
