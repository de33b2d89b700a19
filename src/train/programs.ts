/** The programs of training and evaluation, traced from a model: from image bytes to updated weights or to scores. */
import type { ImageCollection } from '../data/dataset.ts'
import { gradients } from '../graph/gradient.ts'
import { argmax } from '../graph/ops/argmax.ts'
import { add, equal, mul } from '../graph/ops/elementwise.ts'
import { max, mean } from '../graph/ops/reduce.ts'
import { softmax } from '../graph/ops/softmax.ts'
import { softmaxCrossEntropy } from '../graph/ops/softmaxCrossEntropy.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { simplify } from '../graph/simplify.ts'
import { input } from '../graph/sources.ts'
import { substituteTensors } from '../graph/substitute.ts'
import type { Matrix, Scalar, Tensor, Vector } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import type { Loss } from '../nn/losses.ts'
import { type AuxiliaryOutput, type ForwardContext, inference, type Module, type Parameter } from '../nn/module.ts'
import type { GradientAccumulator } from '../optim/accumulate.ts'
import type { AveragedVariables } from '../optim/average.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Penalty } from '../optim/penalty.ts'
import type { Program } from '../plan/program.ts'
import type { PartsExchange, SumsOverParts } from './sumsOverParts.ts'

/** `[height, width, channels]` of one image. */
export type ImageShape = readonly [number, number, number]

/** Shape of one sample as the model reads it: an image, or `[features]` from a frozen trunk. */
export type SampleShape = ImageShape | readonly [number]

/** Additions to the plain update of a training step; each adds an input to its program. */
export interface TrainingExtras {
  /** The number of classes when labels are probabilities: the input `labels` is then f32 `[N, classes]`. */
  readonly softLabels?: number | undefined
  /** A term of the objective that depends only on the weights. No input. */
  readonly penalty?: Penalty | undefined
  /** True when the optimizer's momentum is the input `momentum` f32 `[]`. */
  readonly scheduledMomentum?: boolean
  /** Averages to move toward the new weights by the input `averaging` f32 `[]`. */
  readonly average?: AveragedVariables | undefined
  /**
   * The gradient is part of the gradient of a larger batch; the input `share` f32 `[]` is the size of that part. Only
   * the `last` part changes the weights.
   */
  readonly accumulation?: { readonly into: GradientAccumulator; readonly last: boolean } | undefined
  /** True for the output `predicted` i32 `[N]`: the class of the largest logit of each image, before the update. */
  readonly answers?: boolean
}

/**
 * One optimizer step. Inputs: `images` u8 `[N, H, W, C]` (f32 `[N, features]` for a frozen trunk), `labels` i32 `[N]`,
 * `learningRate` f32 `[]` and, when the model draws random numbers, `key` i32 `[2]` (seed, step). Outputs: `loss` and
 * `accuracy` of the batch before the update.
 *
 * When the model has auxiliary classifiers, the step minimizes its loss plus their losses times their weights
 * (GoogLeNet: 0.3 each), and its penalty. The output `loss` is only the model's own part of it, which can be compared
 * with its loss on other images. Gradients are computed only for the parameters that the optimizer trains.
 */
export function trainingProgram(
  model: Module,
  shape: SampleShape,
  batch: number,
  loss: Loss,
  optimizer: Optimizer,
  extras: TrainingExtras = {},
): Program {
  const parameters = optimizer.trained(model.parameters())
  const { outputs, gradients, statistics } = tracedStep(model, shape, batch, loss, parameters, extras)
  return { outputs, updates: stepUpdates(optimizer, parameters, gradients, statistics, extras) }
}

/** A step up to its gradient. @internal */
export interface TracedStep {
  /** `loss` and `accuracy` of the batch, and what was asked for besides. */
  readonly outputs: { readonly loss: Tensor; readonly accuracy: Tensor; readonly predicted?: Tensor }
  /** The slopes of the objective, by path. */
  readonly gradients: ReadonlyMap<string, Tensor>
  /** New values of running statistics and counters. */
  readonly statistics: ReadonlyMap<Variable, Tensor>
  /** What is summed over the parts of the batch before that, in this order. */
  readonly exchanges: readonly PartsExchange[]
}

/**
 * Traces a step up to its gradient; its inputs are those of {@link trainingProgram} but for the rates.
 * @param overParts given for a part of a batch that needs sums over all parts: the gradient is then that of the part's
 *   share of the objective, with what flows through the sums
 * @internal
 */
export function tracedStep(
  model: Module,
  shape: SampleShape,
  batch: number,
  loss: Loss,
  parameters: ReadonlyMap<string, Parameter>,
  extras: Pick<TrainingExtras, 'softLabels' | 'penalty' | 'answers'>,
  overParts?: SumsOverParts,
): TracedStep {
  const key = trainingKey()
  const auxiliary: AuxiliaryOutput[] = []
  const context: ForwardContext = {
    training: true,
    key,
    updates: new Map(),
    auxiliary,
    ...(overParts && { overParts }),
  }
  const { images, labels } = batchInputs(shape, batch, extras.softLabels)
  const logits = logitsOf(model, images, context)
  const own = lossOf(loss, logits, labels)
  const total = auxiliary.reduce<Tensor>(
    (sum, part) => add(sum, mul(lossOf(loss, part.logits as Matrix, labels), part.weight)),
    extras.penalty ? add(own, extras.penalty.of(parameters)) : own,
  )
  // Simplified before differentiation, so that the gradient is that of the cheaper graph.
  const buffers = [...context.updates.keys()]
  const [objective, value, scores, ...others] = simplify([
    total,
    own,
    logits,
    ...buffers.map(buffer => context.updates.get(buffer) as Tensor),
    ...(overParts?.values ?? []),
  ])
  const statistics = others.slice(0, buffers.length)
  const paths = [...parameters.keys()]
  const targets = [...parameters.values()].map(parameter => parameter.tensor)
  const { slopes, exchanges } = overParts
    ? overParts.gradients(objective, others.slice(buffers.length), targets)
    : { slopes: gradients(objective as Scalar, targets), exchanges: [] }
  const predicted = argmax(scores, 1)
  const accuracy = mean(equal(predicted, extras.softLabels === undefined ? labels : argmax(labels, 1)))
  return {
    outputs: { loss: value, accuracy, ...(extras.answers && { predicted }) },
    gradients: new Map(slopes.map((slope, k) => [paths[k], slope])),
    statistics: new Map(buffers.map((buffer, k) => [buffer, statistics[k]])),
    exchanges,
  }
}

/**
 * New values after a step: of parameters, the optimizer's state, statistics and averages; or, for a part that is not the
 * last, of the summed gradients and the statistics. @internal
 */
export function stepUpdates(
  optimizer: Optimizer,
  parameters: ReadonlyMap<string, Parameter>,
  gradients: ReadonlyMap<string, Tensor>,
  statistics: ReadonlyMap<Variable, Tensor>,
  extras: Pick<TrainingExtras, 'accumulation' | 'scheduledMomentum' | 'average'>,
): Map<Variable, Tensor> {
  const updates = updatesOf(optimizer, parameters, gradients, extras)
  for (const [buffer, next] of statistics) updates.set(buffer, next)
  if (extras.average && extras.accumulation?.last !== false) {
    for (const [average, next] of extras.average.update(updates, input('averaging', []))) updates.set(average, next)
  }
  return updates
}

/**
 * Running statistics (of batch norm, for example) for averaged weights: a forward pass as in training that updates
 * nothing else. Inputs: `images` u8 `[N, H, W, C]` and, when the model draws random numbers, `key` i32 `[2]`. There are
 * no outputs, and no updates for a model that keeps no statistics.
 */
export function statisticsProgram(
  model: Module,
  shape: SampleShape,
  batch: number,
  averages: AveragedVariables,
): Program {
  const key = trainingKey()
  const context: ForwardContext = { training: true, key, updates: new Map() }
  logitsOf(model, batchInputs(shape, batch).images, context)
  const updates = new Map<Variable, Tensor>()
  for (const [buffer, next] of context.updates) {
    const average = averages.of(buffer)
    if (average) updates.set(average, next)
  }
  const values = substituteTensors(simplify([...updates.values()]), averages.substitutes())
  return { outputs: {}, updates: new Map([...updates.keys()].map((average, k) => [average, values[k]])) }
}

/**
 * Predictions. Inputs: `images` as in {@link trainingProgram} and, with `scored`, `labels` i32 `[N]`. Outputs:
 * `probabilities` f32 `[N, classes]`, `predicted` i32 `[N]`, `probability` f32 `[N]` of the predicted class and, with
 * `scored`, `losses` f32 `[N]`.
 */
export function predictionProgram(model: Module, shape: SampleShape, batch: number, scored: boolean): Program {
  const { images, labels } = batchInputs(shape, batch)
  const logits = logitsOf(model, images, inference())
  const probabilities = softmax(logits) as Matrix
  const outputs: Record<string, Tensor> = {
    probabilities,
    predicted: argmax(logits, 1),
    probability: max(probabilities, [1]),
  }
  if (scored) outputs.losses = softmaxCrossEntropy(logits, labels)
  const names = Object.keys(outputs)
  const simplified = simplify(Object.values(outputs))
  return { outputs: Object.fromEntries(names.map((name, k) => [name, simplified[k]])), updates: new Map() }
}

/** Answers alone. Input: that of the logits `[N, classes]`, `images`. Output: `probabilities` f32 `[N, classes]`. */
export function probabilityProgram(logits: Tensor): Program {
  const [probabilities] = simplify([softmax(logits)])
  return { outputs: { probabilities: probabilities! }, updates: new Map() }
}

/**
 * New values of the parameters and the optimizer's state; or, for a part that is not the last, of the summed gradients.
 */
function updatesOf(
  optimizer: Optimizer,
  parameters: ReadonlyMap<string, Parameter>,
  gradients: ReadonlyMap<string, Tensor>,
  { accumulation, scheduledMomentum = false }: Pick<TrainingExtras, 'accumulation' | 'scheduledMomentum'>,
): Map<Variable, Tensor> {
  const share = accumulation && input('share', [])
  if (accumulation && share && !accumulation.last) return accumulation.into.add(gradients, share)
  const total = accumulation && share && accumulation.into.take(gradients, share)
  const momentum = scheduledMomentum ? ([input('momentum', [])] as const) : ([] as const)
  const rate = input('learningRate', [])
  const updates = optimizer.update(parameters, total?.gradients ?? gradients, rate, ...momentum)
  const isMap = updates instanceof Map && [...updates].every(pair => pair.every(part => Array.isArray(part?.shape)))
  if (!isMap) throw new ShapeError(`optimizer: its update gave no map from variables to their new values`)
  return new Map([...updates, ...(total?.updates ?? [])])
}

/** Inputs of a step: `images` and `labels`. @internal */
export function batchInputs(
  shape: SampleShape,
  batch: number,
  softLabels?: number,
): { images: Tensor; labels: Vector } {
  const soft = softLabels !== undefined
  // Probabilities of classes are distinguished from class numbers by their type.
  const labels = soft
    ? input('labels', [batch, softLabels], { batched: true })
    : input('labels', [batch], { dtype: 'i32', batched: true })
  return {
    images: input('images', [batch, ...shape], { dtype: shape.length === 1 ? 'f32' : 'u8', batched: true }),
    labels: labels as Vector,
  }
}

/** The input that random operations draw from: `key` i32 `[2]` (seed, step). @internal */
export const trainingKey = (): Tensor => input('key', [2], { dtype: 'i32' })

/** @throws ShapeError when a model has another number of outputs than images have classes. @internal */
export function checkOutputs(outputs: number, { name, classes }: Pick<ImageCollection, 'name' | 'classes'>): void {
  if (outputs === classes.length) return
  const some = classes.length > 5 ? [...classes.slice(0, 4), '…'] : classes
  throw new ShapeError(
    `model: has ${outputs} outputs, but ${name} has ${classes.length} classes (${some.join(', ')}): give its last layer ` +
      `${classes.length} outputs, or put a new one in its place: replaceHead(model, ${classes.length})`,
  )
}

/** A model's answers `[N, outputs]`. @throws ShapeError when they have another shape. @internal */
export function logitsOf(model: Module, images: Tensor, context: ForwardContext): Matrix {
  const logits: Tensor | undefined = model.forward(images, context)
  if (!Array.isArray(logits?.shape)) {
    throw new ShapeError(`model: its forward gave ${String(logits)}, expected logits [${images.shape[0]}, classes]`)
  }
  if (logits.shape.length !== 2 || logits.shape[0] !== images.shape[0]) {
    throw new ShapeError(`model: expected logits [${images.shape[0]}, classes], got ${formatShape(logits.shape)}`)
  }
  return logits as Matrix
}

/** The loss of a batch. @throws ShapeError when it is not one number. @internal */
export function lossOf(loss: Loss, logits: Matrix, labels: Tensor): Scalar {
  const value: Tensor | undefined = loss.forward(logits, labels)
  if (value?.shape?.length === 0 && value.dtype === 'f32') return value as Scalar
  const found = Array.isArray(value?.shape) ? `${value.dtype} ${formatShape(value.shape)}` : String(value)
  throw new ShapeError(`loss: its forward gave ${found}, expected the mean loss of the batch, f32 []`)
}
