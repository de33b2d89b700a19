/**
 * Pictures as gray or color, by Pillow's arithmetic: alpha is blended onto paper (`Image.paste` with a mask), color
 * becomes gray by ITU-R 601 (`convert('L')`), cyan, magenta, yellow and black become red, green and blue
 * (`convert('RGB')`).
 */
import { blankRaster, type Raster } from '../augment/raster.ts'

/** Color behind transparent parts of a picture. */
export const paper = { white: 255, black: 0 } as const

/**
 * A picture with one channel (gray) or three (red, green, blue), made from one with 1 (gray), 2 (gray, alpha), 3 or 4
 * (red, green, blue, alpha).
 * @param background the gray level under transparent parts
 */
export function withChannels(image: Raster, channels: 1 | 3, background: number = paper.white): Raster {
  const opaque = image.channels % 2 === 0 ? onPaper(image, background) : image
  if (opaque.channels === channels) return opaque
  return channels === 1 ? toGray(opaque) : toColor(opaque)
}

/** Removes the last channel, alpha: `[…, C]` becomes `[…, C − 1]`. */
function onPaper({ height, width, channels, pixels }: Raster, background: number): Raster {
  const out = blankRaster([height, width, channels - 1])
  for (let from = 0, to = 0; from < pixels.length; from++) {
    const alpha = pixels[from + channels - 1]!
    for (let c = 0; c < channels - 1; c++, from++, to++) {
      out.pixels[to] = over255(pixels[from]! * alpha + background * (255 - alpha))
    }
  }
  return out
}

function toGray({ height, width, pixels }: Raster): Raster {
  const out = blankRaster([height, width, 1])
  for (let i = 0, at = 0; i < out.pixels.length; i++, at += 3) {
    // 0.299, 0.587 and 0.114 in units of 2⁻¹⁶.
    out.pixels[i] = (19595 * pixels[at]! + 38470 * pixels[at + 1]! + 7471 * pixels[at + 2]! + 0x8000) >> 16
  }
  return out
}

function toColor({ height, width, pixels }: Raster): Raster {
  const out = blankRaster([height, width, 3])
  pixels.forEach((value, i) => {
    out.pixels.fill(value, 3 * i, 3 * i + 3)
  })
  return out
}

/** Cyan, magenta, yellow and black as red, green and blue. */
export function fromInks({ height, width, pixels }: Raster): Raster {
  const out = blankRaster([height, width, 3])
  for (let from = 0, to = 0; from < pixels.length; from++) {
    const light = 255 - pixels[from + 3]!
    for (let c = 0; c < 3; c++, from++, to++) out.pixels[to] = light - over255(pixels[from]! * light)
  }
  return out
}

/** A product of two bytes divided by 255, rounded. */
function over255(product: number): number {
  const sum = product + 128
  return ((sum >> 8) + sum) >> 8
}
