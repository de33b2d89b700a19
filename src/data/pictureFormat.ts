/** The interface of a picture format that is decoded in any JavaScript environment. */
import type { Raster } from '../augment/raster.ts'

/** A picture file whose header has been read. */
export interface PictureFile {
  readonly width: number
  readonly height: number
  /** Its pixels: gray, RGB or RGBA. @throws ImageError when they are broken. */
  decode(): Raster
}

/** A picture format. */
export interface PictureFormat {
  /** True when a file begins like one of this format. */
  readonly matches: (bytes: Uint8Array) => boolean
  /** Reads a file's header. @throws ImageError when it is broken. */
  readonly open: (name: string, bytes: Uint8Array) => PictureFile
}
