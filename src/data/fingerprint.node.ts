/**
 * A fingerprint of a set of images: enough to tell later whether it has changed, and how. For a folder it covers the
 * names and sizes of its files, wherever the folder is; for images in memory, their labels.
 */
import { createHash } from 'node:crypto'
import { sep } from 'node:path'
import type { ImageCollection } from './dataset.ts'
import { isImageFiles } from './folder.node.ts'

/** A set of images in brief. */
export interface Fingerprint {
  readonly images: number
  /** Images of each class, by name. */
  readonly classes: Readonly<Record<string, number>>
  /** Hash of the names and sizes of all files, or of all labels. */
  readonly sha256: string
}

/**
 * The files of a folder: bytes by name. Names have composed letters and `/` as separator, so that they agree on all
 * systems.
 */
export type FileSizes = ReadonlyMap<string, number>

/** The files of an image folder; undefined for images in memory. */
export function fileSizes(data: ImageCollection): FileSizes | undefined {
  if (!isImageFiles(data)) return undefined
  return new Map(data.files.map((file, k) => [file.split(sep).join('/').normalize(), data.sizes[k]!]))
}

/** The fingerprint of a data set. */
export function fingerprintOf(data: ImageCollection): Fingerprint {
  const { labels, classes } = data
  const counts = new Array<number>(classes.length).fill(0)
  for (const label of labels) counts[label]!++
  const files = fileSizes(data)
  const hash = createHash('sha256')
  if (files) hash.update([...files].map(([name, bytes]) => `${bytes} ${name}\n`).join(''))
  else hash.update(Int32Array.from(labels))
  return {
    images: labels.length,
    classes: Object.fromEntries(classes.map((name, label) => [name, counts[label]!])),
    sha256: hash.digest('hex'),
  }
}

/** Most names that are listed for each kind of change. */
const mostNames = 3

/**
 * The changes between two fingerprints, in words; undefined when they are equal.
 * @param files the files of both, when they are known
 * @example '33 images then, 34 now; ant 17 then, 18 now; added: ant/017.jpg'
 */
export function changesOf(
  [before, now]: readonly [Fingerprint, Fingerprint],
  files: readonly [FileSizes | undefined, FileSizes | undefined],
): string | undefined {
  if (before.sha256 === now.sha256) return undefined
  const names = new Set([...Object.keys(before.classes), ...Object.keys(now.classes)])
  const classes = [...names].flatMap(name => {
    const [then, today] = [before.classes[name] ?? 0, now.classes[name] ?? 0]
    return then === today ? [] : [`${name} ${then} then, ${today} now`]
  })
  const counts = before.images === now.images ? [] : [`${before.images} images then, ${now.images} now`]
  const parts = [...counts, ...(classes.length > 0 ? [some(classes)] : []), ...fileChanges(...files)]
  return parts.length > 0 ? parts.join('; ') : 'their labels have changed, or their order has'
}

function fileChanges(before: FileSizes | undefined, now: FileSizes | undefined): string[] {
  if (!before || !now) return []
  const changes = {
    added: [...now.keys()].filter(name => !before.has(name)),
    removed: [...before.keys()].filter(name => !now.has(name)),
    'of another size': [...now.keys()].filter(name => before.has(name) && before.get(name) !== now.get(name)),
  }
  return Object.entries(changes).flatMap(([what, names]) => (names.length > 0 ? [`${what}: ${some(names)}`] : []))
}

const some = (names: readonly string[]): string =>
  names.length > mostNames
    ? `${names.slice(0, mostNames).join(', ')} and ${names.length - mostNames} more`
    : names.join(', ')
