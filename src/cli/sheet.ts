/** Contact sheets that commands write: a drawing, or a page. */
import { type ContactSheetOptions, contactSheet, type SheetRow } from '../plot/contactSheet.ts'
import { version } from '../recipe/version.ts'
import { isPage } from '../report/page.ts'
import { type SheetPage, sheetPage } from '../report/sheetPage.ts'

/** A sheet for a file. @param out its name, which decides whether it is SVG or HTML */
export function sheetFor(
  out: string,
  rows: readonly SheetRow[],
  options: Omit<ContactSheetOptions, 'description'>,
  about: Pick<SheetPage, 'title' | 'subject' | 'notes'>,
): string {
  const sheet = contactSheet(rows, { ...options, description: about.title })
  return isPage(out) ? sheetPage({ ...about, sheet, version }) : sheet
}
