/**
 * The public interface of plots: pure functions from data to SVG or HTML text, which need no document and no script.
 * @module fovea/plot
 */

export {
  type BytesFormat,
  formatBytes,
  formatCount,
  formatDuration,
  formatLarge,
  formatPercent,
  formatSignificant,
} from '../text/format.ts'
export type { ChartLine, ChartMark, ChartReadout, Hue, LineChart } from './chartDrawing.ts'
export { diverging, type Rgb } from './colors.ts'
export { type ConfusedPair, confusedPairs, confusionMatrix, maxMatrixClasses } from './confusionMatrix.ts'
export { type ContactSheetOptions, contactSheet, type SheetPicture, type SheetRow } from './contactSheet.ts'
export { type ContourPlot, contourPlot } from './contourPlot.ts'
export {
  accuracyCurve,
  type Curve,
  type CurveStep,
  type CurveValidation,
  learningRateCurve,
  lossCurve,
} from './curves.ts'
export { type FilterOptions, filters } from './filters.ts'
export { enlarged, heatMap, overlay, scaleOf, signedPicture } from './heatMap.ts'
export { type GridImage, gridCss, imageGrid } from './imageGrid.ts'
export { lineChart } from './lineChart.ts'
export {
  type NetworkDrawingOptions,
  networkDrawing,
} from './networkDrawing.ts'
export { openModules } from './networkModules.ts'
export type { DrawnEdge, DrawnNetwork, DrawnNode } from './networkNode.ts'
export { encodePng, type ImageShape, pngDataUrl } from './png.ts'
export { type DiagramBin, type DiagramCalibration, reliabilityDiagram } from './reliabilityDiagram.ts'
export { decimate, movingAverage, type Point } from './smooth.ts'
export { plotCss } from './theme.ts'
export type { VolumeLayer } from './volumeLayer.ts'
export { type VolumesOptions, volumes } from './volumes.ts'
