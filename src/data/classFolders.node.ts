/**
 * The classes of an image folder: its sub-folders, by name. Names are compared with composed letters (`é` is one
 * character or two, depending on the system that wrote it); names that differ only in case are different names.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatasetError } from './errors.ts'

/** A name in a folder. */
export interface FolderEntry {
  /** Its name, with composed letters. */
  readonly name: string
  /** Its spelling on the disk. */
  readonly entry: string
}

/** Names sorted by their characters, independently of how letters are composed; hidden names are left out. */
export function sortedEntries(entries: readonly string[]): FolderEntry[] {
  return entries
    .filter(entry => !entry.startsWith('.'))
    .map(entry => ({ name: entry.normalize(), entry }))
    .sort((a, b) => compare(a.name, b.name) || compare(a.entry, b.entry))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The sub-folders of a folder, one per class, in alphabetical order.
 * @throws DatasetError when the folder is missing or has no sub-folders, or two of them have the same name.
 */
export function classFolders(directory: string): FolderEntry[] {
  const isFolder = ({ entry }: FolderEntry) =>
    statSync(join(directory, entry), { throwIfNoEntry: false })?.isDirectory() ?? false
  const folders = sortedEntries(entriesOf(directory)).filter(isFolder)
  if (folders.length === 0) {
    throw new DatasetError(`${directory}: has no sub-folders; expected one for each class, with pictures in it`)
  }
  const twin = repeated(folders.map(({ name }) => name))
  if (twin === undefined) return folders
  throw new DatasetError(
    `${join(directory, twin)}: two sub-folders have this name; they differ only in how its letters are composed`,
  )
}

/**
 * The folders of given classes, by name; undefined for a class that has none here.
 * @throws DatasetError as {@link classFolders}, and for a folder that is not among the classes.
 */
export function foldersOf(directory: string, classes: readonly string[]): (string | undefined)[] {
  const twice = repeated(classes)
  if (twice !== undefined) throw new DatasetError(`${directory}: classes has ${twice} twice`)
  const folders = classFolders(directory)
  const unknown = folders.find(({ name }) => !classes.includes(name))
  if (unknown) {
    const twin = caseTwin(unknown.name, classes)
    const hint = twin === undefined ? '' : `; ${twin} differs from it in upper and lower case only`
    throw new DatasetError(`${join(directory, unknown.entry)}: is not among the classes (${classes.join(', ')})${hint}`)
  }
  return classes.map(name => folders.find(folder => folder.name === name)?.entry)
}

/** Another name that differs from this one only in case, if there is any. */
export const caseTwin = (name: string, names: readonly string[]): string | undefined =>
  names.find(other => other !== name && other.toLowerCase() === name.toLowerCase())

const repeated = (names: readonly string[]): string | undefined => names.find((name, k) => names.indexOf(name) < k)

/** @throws DatasetError when the folder cannot be read. */
export function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    throw unreadableFolder(directory, error)
  }
}

/** The error for a folder that cannot be read. */
export function unreadableFolder(folder: string, error: unknown): DatasetError {
  const { code, message } = error as NodeJS.ErrnoException
  const what = { ENOENT: 'no such folder', ENOTDIR: 'is a file, expected a folder of classes' }[code ?? '']
  return new DatasetError(`${folder}: ${what ?? `cannot be read: ${message}`}`)
}
