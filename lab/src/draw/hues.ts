/** Ten colors that tell things apart, runs or classes: none is the orange of alarms. */
import type { Rgb, Theme } from './scale.ts'

/** Each at least 3 : 1 on its paper, and unlike its neighbors in lightness as well as in hue. */
export const hues: Readonly<Record<Theme, readonly Rgb[]>> = {
  light: [
    [0, 114, 178],
    [155, 79, 150],
    [0, 128, 90],
    [196, 0, 42],
    [92, 70, 190],
    [140, 106, 0],
    [0, 139, 150],
    [214, 62, 130],
    [86, 110, 30],
    [84, 92, 104],
  ],
  dark: [
    [86, 180, 233],
    [213, 154, 208],
    [64, 196, 140],
    [255, 128, 147],
    [168, 150, 255],
    [222, 196, 90],
    [70, 205, 214],
    [255, 142, 196],
    [170, 204, 96],
    [176, 186, 200],
  ],
}
