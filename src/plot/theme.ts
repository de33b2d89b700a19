/**
 * Style sheet for pages with these plots: the colors of the dark theme, and the read-outs of line charts. Without it a
 * plot is complete and light.
 */
import { dark, light } from './colors.ts'

/** CSS for a page that follows the reader's light or dark setting and prints in light colors. */
export const plotCss = `.fovea-plot{display:block;width:100%;height:auto;overflow:visible}
.fovea-readout:hover{opacity:1}
:root{${variables(light)};--fovea-on-blue:#fff;--fovea-ground:#fff}
@media screen and (prefers-color-scheme:dark){:root{${variables(dark)};--fovea-on-blue:#111;--fovea-ground:#14181e}}
${classes()}
.fovea-on-blue{fill:var(--fovea-on-blue)}.fovea-ground{fill:var(--fovea-ground)}.fovea-ground-line{stroke:var(--fovea-ground)}
.fovea-plot image{image-rendering:pixelated}`

function classes(): string {
  return Object.keys(light)
    .map(name => `.fovea-${name}{fill:var(--fovea-${name})}.fovea-${name}-line{stroke:var(--fovea-${name})}`)
    .join('\n')
}

function variables(colors: Readonly<Record<string, string>>): string {
  return Object.entries(colors)
    .map(([name, color]) => `--fovea-${name}:${color}`)
    .join(';')
}
