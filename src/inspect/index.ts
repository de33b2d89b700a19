/**
 * Looking at models: the layer table, receptive fields, what each module does.
 * @module fovea/inspect
 */
export { describeTrainingOnly, formatSummary, formatVolume } from './formatSummary.ts'
export { describeMisfit, describeWindow } from './geometry.ts'
export { type ReceptiveField, receptiveFields } from './receptiveField.ts'
export { type Summary, type SummaryOptions, type SummaryRow, summarize, type TrainingOnlyPart } from './summary.ts'
export { type ForwardTrace, type ModuleCall, traceForward } from './trace.ts'
