/** SVG text to pixels, by librsvg: what does not parse does not render. */
import sharp from 'sharp'

export interface Rendered {
  readonly width: number
  readonly height: number
  /** Color of a pixel as `#rrggbb`, the drawing on white. */
  readonly at: (x: number, y: number) => string
  /** How many pixels have a color that passes. */
  readonly count: (passes: (red: number, green: number, blue: number) => boolean) => number
}

export async function renderSvg(svg: string): Promise<Rendered> {
  const image = sharp(Buffer.from(svg)).flatten({ background: '#ffffff' }).raw()
  const { data, info } = await image.toBuffer({ resolveWithObject: true })
  const pixel = (i: number) => [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!] as const
  return {
    width: info.width,
    height: info.height,
    at: (x, y) =>
      `#${pixel(y * info.width + x)
        .map(v => v.toString(16).padStart(2, '0'))
        .join('')}`,
    count: passes => Array.from({ length: data.length / 3 }, (_, i) => pixel(i)).filter(p => passes(...p)).length,
  }
}
