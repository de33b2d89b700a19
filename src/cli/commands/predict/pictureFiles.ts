/**
 * The picture files that words of a command line name: files, folders, and patterns that the shell has not expanded.
 */
import { stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { pictureNames, picturesIn } from '../../../data/findPictures.node.ts'

/**
 * The pictures that a word names, ordered by path: a file itself, whatever it is; all pictures of a folder, at any
 * depth; or those that match a pattern, such as `scans/*.jpg`. Hidden files and folders are skipped.
 * @returns their paths, or why there are none
 */
export async function picturesOf(
  word: string,
): Promise<{ readonly files: readonly string[] } | { readonly error: string }> {
  const about = await stat(word).catch(() => undefined)
  if (about?.isDirectory()) {
    const files = (await picturesIn(word)).map(file => join(word, file))
    return files.length > 0 ? { files } : { error: `${word}: has no pictures in it, at any depth` }
  }
  if (about || !isDynamicPattern(word)) return { files: [word] }
  const files = (await glob(word, { expandDirectories: false, absolute: isAbsolute(word) }))
    .filter(file => pictureNames.test(file))
    .sort(byName)
  return files.length > 0 ? { files } : { error: `${word}: no picture fits this pattern` }
}

const byName = (a: string, b: string): number => (a < b ? -1 : 1)
