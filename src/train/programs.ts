/** The programs of training and evaluation, traced from a model: from image bytes to updated weights or to scores. */
import { gradients } from '../graph/gradient.ts'
import { argmax } from '../graph/ops/argmax.ts'
import { equal } from '../graph/ops/elementwise.ts'
import { max, mean } from '../graph/ops/reduce.ts'
import { softmax } from '../graph/ops/softmax.ts'
import { softmaxCrossEntropy } from '../graph/ops/softmaxCrossEntropy.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { simplify } from '../graph/simplify.ts'
import { input } from '../graph/sources.ts'
import type { Matrix, Scalar, Tensor, Vector } from '../graph/tensor.ts'
import type { Loss } from '../nn/losses.ts'
import { type ForwardContext, inference, type Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Program } from '../plan/program.ts'

/** `[height, width, channels]` of one image. */
export type ImageShape = readonly [number, number, number]

/**
 * One optimizer step. Inputs: `images` u8 `[N, H, W, C]`, `labels` i32 `[N]`, `learningRate` f32 `[]` and, when the model
 * draws random numbers, `key` i32 `[2]` (seed, step). Outputs: `loss` and `accuracy` of the batch before the update.
 */
export function trainingProgram(
  model: Module,
  shape: ImageShape,
  batch: number,
  loss: Loss,
  optimizer: Optimizer,
): Program {
  const key = input('key', [2], { dtype: 'i32' })
  const context: ForwardContext = { training: true, key, updates: new Map() }
  const { images, labels } = batchInputs(shape, batch)
  const logits = logitsOf(model, images, context)
  // Simplified before differentiation, so that the gradient is that of the cheaper graph.
  const buffers = [...context.updates.keys()]
  const [value, scores, ...statistics] = simplify([
    loss.forward(logits, labels),
    logits,
    ...buffers.map(buffer => context.updates.get(buffer) as Tensor),
  ])
  const parameters = model.parameters()
  const paths = [...parameters.keys()]
  const slopes = gradients(
    value as Scalar,
    [...parameters.values()].map(parameter => parameter.tensor),
  )
  const rate = input('learningRate', [])
  const updates = optimizer.update(parameters, new Map(slopes.map((slope, k) => [paths[k], slope])), rate)
  buffers.forEach((buffer, k) => {
    updates.set(buffer, statistics[k])
  })
  const accuracy = mean(equal(argmax(scores, 1), labels))
  return { outputs: { loss: value, accuracy }, updates }
}

/**
 * Predictions. Inputs: `images` u8 `[N, H, W, C]` and, with `scored`, `labels` i32 `[N]`. Outputs: `probabilities` f32
 * `[N, classes]`, `predicted` i32 `[N]`, `probability` f32 `[N]` of the predicted class and, with `scored`, `losses` f32 `[N]`.
 */
export function predictionProgram(model: Module, shape: ImageShape, batch: number, scored: boolean): Program {
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

function batchInputs([height, width, channels]: ImageShape, batch: number): { images: Tensor; labels: Vector } {
  return {
    images: input('images', [batch, height, width, channels], { dtype: 'u8', batched: true }),
    labels: input('labels', [batch], { dtype: 'i32', batched: true }),
  }
}

function logitsOf(model: Module, images: Tensor, context: ForwardContext): Matrix {
  const logits = model.forward(images, context)
  if (logits.shape.length !== 2 || logits.shape[0] !== images.shape[0]) {
    throw new ShapeError(`model: expected logits [${images.shape[0]}, classes], got ${formatShape(logits.shape)}`)
  }
  return logits as Matrix
}
