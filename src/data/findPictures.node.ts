/**
 * The picture files in a folder of classes. Every real folder is visited once: real folders first, then links to
 * folders, so that a link cannot list a picture twice, put it into a second class, or lead in circles.
 */
import type { Dirent, Stats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { sortedEntries, unreadableFolder } from './classFolders.node.ts'

/** Endings of the names of pictures. */
export const pictureNames = /\.(jpe?g|jfif|png|webp|gif|tiff?|avif|svg|bmp|ppm|pgm|pbm|pnm)$/i

/** Contents of the folders of classes. */
export interface FoundPictures {
  /** Paths relative to the folder of classes, in label order, then by name. */
  readonly files: readonly string[]
  readonly labels: readonly number[]
  readonly sizes: readonly number[]
  /** Other files in the folder of each class and, last, beside the class folders. */
  readonly ignored: readonly Record<string, number>[]
  /** Pictures beside the folders of classes. */
  readonly outside: number
  /** Links to folders that were left out. */
  readonly repeatedLinks: readonly string[]
}

/**
 * Finds the pictures in the folders of the classes, in label order.
 * @throws DatasetError for a folder that cannot be read
 */
export async function findPictures(
  directory: string,
  folders: readonly (string | undefined)[],
): Promise<FoundPictures> {
  const search = new Search(directory, await realpath(directory), folders.length)
  const top = new Map((await entriesOf(directory)).map(found => [found.entry, found]))
  const listings: Listing[] = []
  for (const [label, folder] of folders.entries()) {
    const found = folder === undefined ? undefined : top.get(folder)
    if (found) listings.push(await search.folder(found, label))
  }
  await search.followLinks()
  const outside = await search.beside([...top.values()])
  const pictures = (listings as readonly Node[]).flatMap(flat)
  return {
    files: pictures.map(({ file }) => file),
    labels: pictures.map(({ label }) => label),
    sizes: pictures.map(({ size }) => size),
    ignored: search.ignored,
    outside,
    repeatedLinks: search.repeatedLinks.sort(),
  }
}

/**
 * The pictures of one folder, at any depth, ordered by name. Hidden files and folders are left out.
 * @returns their paths relative to the folder
 * @throws DatasetError for a folder that cannot be read
 */
export async function picturesIn(folder: string): Promise<string[]> {
  const search = new Search(folder, await realpath(folder), 1)
  const listing = await search.everything()
  await search.followLinks()
  return listing.flatMap(flat).map(({ file }) => file)
}

interface Picture {
  readonly file: string
  readonly label: number
  readonly size: number
}

/** Pictures and folders ordered by name; the entry of a link is filled when the link is followed. */
type Listing = Node[]
type Node = Picture | Listing

const flat = (node: Node): Picture[] => (Array.isArray(node) ? node.flatMap(flat) : [node])

interface Entry {
  readonly name: string
  readonly entry: string
  readonly isLink: boolean
}

/** A link to a folder. */
interface Link {
  readonly path: string
  /** The real path of the folder that contains it. */
  readonly holder: string
  readonly label: number
  readonly listing: Listing
}

class Search {
  readonly ignored: Record<string, number>[]
  readonly repeatedLinks: string[] = []
  readonly #directory: string
  readonly #real: string
  /** Real paths of the folders that were visited. */
  readonly #visited: Set<string>
  readonly #links: Link[] = []

  /** @param real the directory's real path */
  constructor(directory: string, real: string, classes: number) {
    this.#directory = directory
    this.#real = real
    this.#visited = new Set()
    // Without inherited fields: a file may be called 'constructor'.
    this.ignored = Array.from({ length: classes + 1 }, () => Object.create(null))
  }

  /** Everything in the directory. */
  everything(): Promise<Listing> {
    return this.#visit(this.#directory, this.#real, 0, [])
  }

  /** The folder of a class. */
  async folder({ entry, isLink }: Entry, label: number): Promise<Listing> {
    const path = join(this.#directory, entry)
    if (isLink) return this.#later(path, this.#real, label)
    return this.#visit(path, join(this.#real, entry), label, [])
  }

  /** Visits the folders that links lead to, and follows the links in those folders. */
  async followLinks(): Promise<void> {
    // The list grows while links are followed; the loop ends because no real folder is visited twice.
    for (const { path, holder, label, listing } of this.#links) {
      const real = await realpath(path)
      if (this.#visited.has(real) || isIn(holder, real) || isIn(this.#real, real)) {
        this.repeatedLinks.push(relative(this.#directory, path))
      } else await this.#visit(path, real, label, listing)
    }
  }

  /** Counts the files beside the folders of classes. @returns how many are pictures */
  async beside(entries: readonly Entry[]): Promise<number> {
    let pictures = 0
    for (const { name, entry } of entries) {
      if ((await statOf(join(this.#directory, entry)))?.isDirectory()) continue
      if (pictureNames.test(name)) pictures++
      else this.#ignore(name, this.ignored.length - 1)
    }
    return pictures
  }

  async #visit(folder: string, real: string, label: number, listing: Listing): Promise<Listing> {
    // A folder inside a linked folder may have been visited through another link.
    if (this.#visited.has(real)) return listing
    this.#visited.add(real)
    for (const { name, entry, isLink } of await entriesOf(folder)) {
      const path = join(folder, entry)
      // A link that leads nowhere is found when the file is checked.
      const about = await statOf(path)
      if (about?.isDirectory()) {
        listing.push(isLink ? this.#later(path, real, label) : await this.#visit(path, join(real, entry), label, []))
      } else if (pictureNames.test(name)) {
        listing.push({ file: relative(this.#directory, path), label, size: about?.size ?? 0 })
      } else this.#ignore(name, label)
    }
    return listing
  }

  #later(path: string, holder: string, label: number): Listing {
    const listing: Listing = []
    this.#links.push({ path, holder, label, listing })
    return listing
  }

  #ignore(name: string, label: number): void {
    const ending = extname(name).toLowerCase() || name
    const counts = this.ignored[label]!
    counts[ending] = (counts[ending] ?? 0) + 1
  }
}

/** True when a folder is another folder or inside it; both are real paths. */
const isIn = (folder: string, other: string): boolean =>
  folder === other || folder.startsWith(other.endsWith(sep) ? other : other + sep)

/** The status of a file; undefined for a link that leads nowhere. */
const statOf = (path: string): Promise<Stats | undefined> => stat(path).catch(() => undefined)

/** The entries of a folder, ordered by name. @throws DatasetError when it cannot be read */
async function entriesOf(folder: string): Promise<Entry[]> {
  let found: Dirent[]
  try {
    found = await readdir(folder, { withFileTypes: true })
  } catch (error) {
    throw unreadableFolder(folder, error)
  }
  const links = new Set(found.filter(entry => entry.isSymbolicLink()).map(({ name }) => name))
  return sortedEntries(found.map(({ name }) => name)).map(entry => ({ ...entry, isLink: links.has(entry.entry) }))
}
