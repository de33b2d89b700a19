/**
 * Looking at models: the layer table, receptive fields, what each module does; values and gradients inside a network,
 * and the views made from them.
 * @module fovea/inspect
 */
export type { Attribution, AttributionOptions } from './attribution.ts'
export {
  type CamAttribution,
  type CamOptions,
  gradCam,
  gradCamPlusPlus,
  guidedGradCam,
  lastSpatialLayer,
} from './cam.ts'
export type { CancelSignal } from './cancel.ts'
export {
  type Contributions,
  type ConvolutionCell,
  contributions,
  convolutionTerms,
  linearTerms,
  type Term,
} from './contributions.ts'
export {
  type Features,
  linearCka,
  type Neighbor,
  nearestNeighbors,
  type PrincipalComponents,
  principalComponents,
} from './features.ts'
export { describeTrainingOnly, formatSummary, formatVolume } from './formatSummary.ts'
export { describeMisfit, describeWindow } from './geometry.ts'
export {
  deconvnet,
  foldChannels,
  gradientMap,
  gradientTimesInput,
  guidedBackprop,
  type SmoothGradOptions,
  saliency,
  smoothGrad,
} from './gradientMaps.ts'
export type { NetworkEdge, NetworkGraph, NetworkNode } from './graphNodes.ts'
export { type ImageWindow, type ReceptiveField, windowSeenBy } from './imageWindow.ts'
export {
  type Capture,
  type Captured,
  type CaptureOptions,
  type Images,
  Inspector,
  type Point,
  toBytes,
  toPixels,
} from './inspector.ts'
export {
  gaussLegendre,
  type IntegratedGradients,
  type IntegratedGradientsOptions,
  integratedGradients,
} from './integratedGradients.ts'
export {
  type Answers,
  type Calibration,
  type Confusion,
  calibration,
  mostConfused,
  type ReliabilityBin,
  type TopLoss,
  topLosses,
} from './judge.ts'
export {
  type Direction,
  directionTo,
  type LandscapeOptions,
  type LossLandscape,
  lossLandscape,
  randomDirection,
  type Trajectory,
  trajectoryDirections,
} from './landscape.ts'
export { type BatchNormStatistics, type LabeledImages, type LossOptions, lossGradients, meanLoss } from './loss.ts'
export type { Entry, ImageShape, ImageSpace, NetworkInput } from './network.ts'
export { type NetworkGraphOptions, networkGraph } from './networkGraph.ts'
export { type OcclusionOptions, occlusion } from './occlusion.ts'
export { matchPoints, PointError } from './points.ts'
export {
  type LayerProbe,
  type LinearProbe,
  linearProbe,
  type ProbeLayersOptions,
  type ProbeOptions,
  probeAccuracy,
  probeLayers,
} from './probe.ts'
export { receptiveFields } from './receptiveField.ts'
export { resizeMaps } from './resizeMaps.ts'
export { type RandomizedMap, randomizeLayers, rankCorrelation, sanityThreshold } from './sanity.ts'
export type { ChannelScore, Score, WeightedScore } from './score.ts'
export { type Summary, type SummaryOptions, type SummaryRow, summarize, type TrainingOnlyPart } from './summary.ts'
export { atTemperature, fitTemperature } from './temperature.ts'
export { type ForwardTrace, type ModuleCall, traceForward } from './trace.ts'
export { type ChannelStatistics, type LayerStatistics, layerStatistics, type Patch, topPatches } from './units.ts'
export { type DreamOptions, type DreamStep, deepDream } from './visualization/deepDream.ts'
export type { LayerEnergy, Objective } from './visualization/objective.ts'
export type { ParametrizationName } from './visualization/parametrization.ts'
export type { View } from './visualization/views.ts'
export {
  type Visualization,
  type VisualizationStep,
  type VisualizeOptions,
  visualize,
} from './visualization/visualize.ts'
export {
  type ReadWeightsOptions,
  readWeights,
  type WeightStatistics,
  type Weights,
  weightStatistics,
} from './weights.ts'
