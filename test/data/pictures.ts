/** Folders of made-up pictures for tests. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp from 'sharp'

/** A picture of one color with a gradient, `[height, width, 3]`. */
export function gradient(height: number, width: number, red: number, green: number): Uint8Array {
  return Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width
    return [red, green, Math.round((255 * x) / width)][i % 3]!
  })
}

/** Writes a picture in the format its name says. */
export async function writePicture(path: string, height: number, width: number, red: number, green = 0): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  const image = sharp(gradient(height, width, red, green), { raw: { height, width, channels: 3 } })
  const format = path.split('.').pop() as 'png' | 'jpeg' | 'webp'
  writeFileSync(path, await image.toFormat(format, { quality: 95 }).toBuffer())
}

/**
 * Twelve pictures of two classes, at different depths, in three formats and sizes, with a file that is no picture.
 * Class `dark` has red below 100, class `light` above 150.
 */
export async function writePictures(folder: string): Promise<void> {
  for (let k = 0; k < 6; k++) {
    const format = ['png', 'jpeg', 'webp'][k % 3]!
    const nested = k > 2 ? 'deep/er' : ''
    await writePicture(join(folder, 'dark', nested, `${k}.${format}`), 20 + k, 30, 10 * k)
    await writePicture(join(folder, 'light', nested, `${k}.${format}`), 30, 20 + 2 * k, 160 + 10 * k)
  }
  writeFileSync(join(folder, 'dark', 'notes.txt'), 'not a picture')
  writeFileSync(join(folder, 'light', '.DS_Store'), '')
}
