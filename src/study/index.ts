/**
 * The door of studies: how to choose hyperparameters and judge them, as pure functions that start no training
 * themselves. Spaces and ways to search them, successive halving, folds and bags, the learning-rate range test, and
 * ensembles of models. The commands `fovea search`, `kfold`, `ensemble` and `lr-find` use these functions;
 * `fovea/report` draws the results.
 * @module fovea/study
 */
export { bootstrapIndices, type Fold, foldSplit } from './folds.ts'
export { type HalvingOptions, nextJob, type RungJob, rungEpochs, type TrialState } from './halving.ts'
export { divergence, type RatePoint, type RateSuggestion, rateOfStep, suggestRate } from './lrRange.ts'
export { type Axis, gridPoints, narrow, type Point, parseAxis, placeOf, randomPoint, type Space } from './space.ts'
export {
  type AnswerScore,
  answersOf,
  averageOf,
  type MemberAnswers,
  meanAndSpread,
  scoreAnswers,
  scoreProbabilities,
  voteOf,
} from './vote.ts'
