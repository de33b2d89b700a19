/**
 * Looking at models: the layer table, receptive fields, what each module does; values and gradients inside a network, and what
 * is made of them.
 * @module fovea/inspect
 */
export { describeTrainingOnly, formatSummary, formatVolume } from './formatSummary.ts'
export { describeMisfit, describeWindow } from './geometry.ts'
export {
  type Capture,
  type Captured,
  type CaptureOptions,
  type Images,
  Inspector,
  type Point,
  toPixels,
} from './inspector.ts'
export type { Entry, ImageShape, ImageSpace, NetworkInput } from './network.ts'
export { matchPoints, PointError } from './points.ts'
export { type ImageWindow, type ReceptiveField, receptiveFields, windowSeenBy } from './receptiveField.ts'
export type { ChannelScore, Score, WeightedScore } from './score.ts'
export { type Summary, type SummaryOptions, type SummaryRow, summarize, type TrainingOnlyPart } from './summary.ts'
export { type ForwardTrace, type ModuleCall, traceForward } from './trace.ts'
