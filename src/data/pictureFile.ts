/** Picture files that are decoded here, in any JavaScript environment: those that `sharp` does not read. */
import type { Raster } from '../augment/raster.ts'
import { isBmp, openBmp } from './bmp.ts'
import { isNetpbm, openNetpbm } from './netpbm.ts'

/** A picture file whose header has been read. */
export interface PictureFile {
  readonly width: number
  readonly height: number
  /** Its pixels: gray, RGB or RGBA. @throws ImageError when they are broken. */
  decode(): Raster
}

/** A format that is decoded here. */
export interface PictureFormat {
  /** True when a file begins as the format does. */
  readonly matches: (bytes: Uint8Array) => boolean
  /** Reads a file's header. @throws ImageError when it is broken. */
  readonly open: (name: string, bytes: Uint8Array) => PictureFile
}

const formats: readonly PictureFormat[] = [
  { matches: isBmp, open: openBmp },
  { matches: isNetpbm, open: openNetpbm },
]

/** The format of a file that begins with some bytes; undefined for formats that are not decoded here. */
export const formatOf = (bytes: Uint8Array): PictureFormat | undefined => formats.find(({ matches }) => matches(bytes))
