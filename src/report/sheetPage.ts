/** `fovea inspect --out sheet.html` and `fovea data --out sheet.html`: pictures on a page, which are read out. */
import { html } from '../plot/markup.ts'
import { answering, page, partsHint } from './page.ts'

/** What the page shows. */
export interface SheetPage {
  /** `What a network looks at: gradcam` */
  readonly title: string
  /** What it is of: `runs/lenet5` */
  readonly subject: string
  /** The sheet, as `contactSheet` and `filters` of `fovea/plot` draw it. */
  readonly sheet: string
  /** Sentences under it. */
  readonly notes?: readonly string[]
  /** Version of Fovea. */
  readonly version: string
}

/** Builds the page. @returns a whole HTML document as text. */
export function sheetPage({ title, subject, sheet, notes = [], version }: SheetPage): string {
  const header = html`<header><h1>${title}</h1><p class="byline">${subject}</p></header>`
  const main = html`<section>
${partsHint}
${answering(sheet, { name: title, isZoomed: true })}
${notes.map(note => html`<p class="note">${note}</p>\n`)}</section>`
  return page({ title, version, header, main, hasScript: true })
}
