/** Picture files that `sharp` does not read, decoded here in any JavaScript environment. */
import { isBmp, openBmp } from './bmp.ts'
import { isNetpbm, openNetpbm } from './netpbm.ts'
import type { PictureFormat } from './pictureFormat.ts'

const formats: readonly PictureFormat[] = [
  { matches: isBmp, open: openBmp },
  { matches: isNetpbm, open: openNetpbm },
]

/** The format of a file by its first bytes; undefined for formats that are not decoded here. */
export const formatOf = (bytes: Uint8Array): PictureFormat | undefined => formats.find(({ matches }) => matches(bytes))
