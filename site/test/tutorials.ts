/** The tutorials as files: their live cells, and what they say that these print and show. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../pages.ts'

/** Folder of the tutorials. */
export const folder = join(root, 'docs/tutorials')

/** A live cell of a page. */
export interface WrittenCell {
  readonly source: string
  /** What it prints, as the page says; undefined where it says nothing. */
  readonly printed: string | undefined
  /** File of the picture below it, relative to the page. */
  readonly picture: string | undefined
}

/** A live cell, what it prints, and its picture. */
export const cellPattern =
  /^```js live\n(.*?)^```\n(?:\n```text output\n(.*?)^```\n)?(?:\n!\[[^\]]*\]\(([^)]*)\)\n)?/gms

/** Names of the tutorials, without `.md`. */
export const names = readdirSync(folder)
  .filter(name => name.endsWith('.md'))
  .map(name => name.slice(0, -3))
  .sort()

/** The cells of a tutorial, in order. */
export const cellsOf = (name: string): WrittenCell[] =>
  [...readFileSync(join(folder, `${name}.md`), 'utf8').matchAll(cellPattern)].map(([, source, printed, picture]) => ({
    source: source!,
    printed,
    picture,
  }))
