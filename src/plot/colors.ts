/**
 * The colors of every plot, safe for the common kinds of color blindness.
 *
 * Blue and vermilion come from Okabe & Ito, "Color Universal Design" (2008); the diverging scale is ColorBrewer's PuOr
 * below zero and RdBu above (Harrower & Brewer 2003). Plots write colors as presentation attributes together with a
 * class (`fovea-blue`, `fovea-orange`), so that a page can override them with a style sheet, for a dark theme for
 * example.
 */
import { scaleLinear } from 'd3-scale'

/**
 * Colors on a light background: Okabe and Ito's, in an order in which neighbors differ most; their yellow and sky darker, for
 * lines that stand out from paper.
 */
export const light = {
  blue: '#0072b2',
  orange: '#d55e00',
  green: '#009e73',
  purple: '#cc79a7',
  yellow: '#b87f00',
  sky: '#2b94cf',
  ink: '#000000',
} as const

/** The same hues, lighter, for a dark background. */
export const dark: Readonly<Record<keyof typeof light, string>> = {
  blue: '#56b4e9',
  orange: '#e69f00',
  green: '#2bc79b',
  purple: '#dd9cc3',
  yellow: '#f0e442',
  sky: '#8f9dff',
  ink: '#ffffff',
}

/** Red, green, blue: 0 … 255. */
export type Rgb = readonly [red: number, green: number, blue: number]

/**
 * Diverging scale: −1 is dark orange, 0 near white like paper, +1 dark blue; linear between the stops, clamped outside.
 * `NaN` is gray, which the scale does not contain.
 */
export function diverging(value: number): Rgb {
  if (Number.isNaN(value)) return [128, 128, 128]
  const channel = (i: number) => Math.round(channels[i]!(value))
  return [channel(0), channel(1), channel(2)]
}

const stops: readonly Rgb[] = [
  [127, 59, 8],
  [179, 88, 6],
  [224, 130, 20],
  [253, 184, 99],
  [254, 224, 182],
  [247, 247, 247],
  [209, 229, 240],
  [146, 197, 222],
  [67, 147, 195],
  [33, 102, 172],
  [5, 48, 97],
]

// Pure: a page that draws lines need not load scales.
const channels = /* @__PURE__ */ [0, 1, 2].map(channel =>
  scaleLinear()
    .domain(stops.map((_, i) => i / 5 - 1))
    .range(stops.map(stop => stop[channel]!))
    .clamp(true),
)
