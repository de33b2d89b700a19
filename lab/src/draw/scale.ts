/**
 * Colors of values. Zero has the color of the paper, orange lies below and blue above it; one maximum serves a whole layer and is
 * told beside it. Pixels of gray pictures are ink on paper; photographs are shown as they are.
 */

/** Red, green, blue: 0 … 255. */
export type Rgb = readonly [number, number, number]

/** The two grounds. */
export type Theme = 'light' | 'dark'

interface Stops {
  readonly paper: Rgb
  /** At ¼, ½, ¾ and 1. */
  readonly above: readonly Rgb[]
  readonly below: readonly Rgb[]
  /** The darkest ink on this ground. */
  readonly ink: Rgb
  /** Thin lines around maps; this and the next one, paper and ink are those of the style sheet. */
  readonly line: Rgb
  /** The second line of training. */
  readonly fork: Rgb
}

/** Blue and orange are those of Okabe and Ito, "Color Universal Design" (2008), which the report has too. */
const stops: Readonly<Record<Theme, Stops>> = {
  light: {
    paper: [255, 255, 255],
    above: [
      [190, 220, 239],
      [88, 164, 211],
      [0, 114, 178],
      [0, 63, 106],
    ],
    below: [
      [252, 216, 187],
      [241, 155, 94],
      [213, 94, 0],
      [128, 52, 0],
    ],
    ink: [28, 36, 48],
    line: [223, 227, 232],
    fork: [155, 79, 150],
  },
  dark: {
    paper: [20, 24, 30],
    above: [
      [30, 64, 86],
      [48, 120, 164],
      [86, 180, 233],
      [188, 227, 255],
    ],
    below: [
      [72, 51, 18],
      [150, 100, 10],
      [230, 159, 0],
      [255, 222, 150],
    ],
    ink: [228, 232, 237],
    line: [45, 52, 61],
    fork: [213, 154, 208],
  },
}

/** The color of a value on a scale from −most to most, clamped; what is no number is paper. */
export function colorOf(value: number, most: number, theme: Theme): Rgb {
  const { paper, above, below } = stops[theme]
  const share = most > 0 && !Number.isNaN(value) ? Math.max(-1, Math.min(1, value / most)) : 0
  const side = share < 0 ? below : above
  const at = Math.abs(share) * side.length
  const k = Math.min(side.length - 1, Math.floor(at))
  return between(k === 0 ? paper : side[k - 1]!, side[k]!, at - k)
}

/** The color of a gray pixel from 0 to 1. */
export const inkOf = (value: number, theme: Theme): Rgb => between(stops[theme].paper, stops[theme].ink, value)

const between = (a: Rgb, b: Rgb, share: number): Rgb => [
  Math.round(a[0] + (b[0] - a[0]) * share),
  Math.round(a[1] + (b[1] - a[1]) * share),
  Math.round(a[2] + (b[2] - a[2]) * share),
]

/** The color of lines around maps. */
export const lineOf = (theme: Theme): Rgb => stops[theme].line

/** The colors of the two lines of training. */
export const hueOf = (line: 'base' | 'fork', theme: Theme): Rgb =>
  line === 'fork' ? stops[theme].fork : stops[theme].above[2]!

/** A color as CSS. */
export const css = (color: Rgb): string => `rgb(${color.join(' ')})`

/** White or near black, whichever is better to read on a color (WCAG 2's contrast); black where neither reaches 4.5 : 1. */
export function textOn(color: Rgb): string {
  const [r, g, b] = color.map(channel => {
    const share = channel / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as unknown as Rgb
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b
  const [ofWhite, ofInk] = [1.05 / (luminance + 0.05), (luminance + 0.05) / 0.0575]
  if (Math.max(ofWhite, ofInk) < 4.5) return '#000000'
  return ofWhite > ofInk ? '#ffffff' : '#10161d'
}

/** The largest magnitude among values. */
export function mostOf(...all: readonly ArrayLike<number>[]): number {
  let most = 0
  for (const values of all) {
    for (let k = 0; k < values.length; k++) {
      const size = Math.abs(values[k]!)
      if (size > most && size < Number.POSITIVE_INFINITY) most = size
    }
  }
  return most
}

/** A maximum rounded up to two digits, so that a legend can say it: 6.42 → 6.5. */
export function roundUp(most: number): number {
  if (!(most > 0)) return 0
  const unit = 10 ** (Math.floor(Math.log10(most)) - 1)
  return Number((Math.ceil(most / unit - 1e-9) * unit).toPrecision(2))
}
