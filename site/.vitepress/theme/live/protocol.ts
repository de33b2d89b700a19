/** What a page and the worker that runs its cells say to each other. */

/** Run a cell. */
export interface RunMessage {
  /** Place of the cell in its page, from 0. */
  readonly cell: number
  /** The code of this cell and of all before it. */
  readonly sources: readonly string[]
  /** Address of the folder of the library's modules. */
  readonly library: string
}

/** What has happened. */
export type CellMessage =
  /** The code of a cell begins: what it has printed before is out of date. */
  | { readonly kind: 'begin'; readonly cell: number }
  | { readonly kind: 'text'; readonly cell: number; readonly text: string }
  /** A picture, SVG or HTML; it takes the place of the last one of the same name. */
  | { readonly kind: 'picture'; readonly cell: number; readonly name: string | undefined; readonly markup: string }
  | { readonly kind: 'end'; readonly cell: number; readonly seconds: number }
  | { readonly kind: 'error'; readonly cell: number; readonly line: number | undefined; readonly message: string }
  /** All that was asked for is done, or has failed. */
  | { readonly kind: 'finished'; readonly cell: number; readonly failed: boolean }
