/** Drawings of many pictures that commands write: alone, or on a page. */
import { version } from '../recipe/version.ts'
import { isPage } from '../report/page.ts'
import { type SheetPage, sheetPage } from '../report/sheetPage.ts'

/** The text of a file. @param out its name, which decides whether it is SVG or HTML @param sheet the drawing */
export const sheetFor = (out: string, sheet: string, about: Omit<SheetPage, 'sheet' | 'version'>): string =>
  isPage(out) ? sheetPage({ ...about, sheet, version }) : sheet
