/** The loss of a network on labeled images, and its gradients, for loss landscapes and weight statistics. */
import type { Executable } from '../backends/engine.ts'
import { gradients } from '../graph/gradient.ts'
import { sum } from '../graph/ops/reduce.ts'
import { softmaxCrossEntropy } from '../graph/ops/softmaxCrossEntropy.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { simplify } from '../graph/simplify.ts'
import { input } from '../graph/sources.ts'
import type { Matrix } from '../graph/tensor.ts'
import { BatchNorm } from '../nn/batchNorm.ts'
import { inference, type Module } from '../nn/module.ts'
import type { Images, Inspector } from './inspector.ts'
import { traceNetwork } from './network.ts'
import { replaceForward } from './trace.ts'

/** Images and the class of each. */
export interface LabeledImages {
  /** Bytes `[N, H, W, C]`, or what the network takes `[N, C, H, W]`. */
  readonly images: Images
  readonly labels: ArrayLike<number>
}

/**
 * What batch norm divides by: the `'running'` statistics that training kept, as in every prediction, or those of the
 * `'batch'` of images itself, as in a training step.
 */
export type BatchNormStatistics = 'running' | 'batch'

/** Options of {@link meanLoss}. */
export interface LossOptions {
  /** `'running'` by default. */
  readonly batchNorm?: BatchNormStatistics
}

/**
 * Mean cross-entropy, in nats. With statistics of the batch all images go through the network at once.
 * @throws ShapeError when there are not as many labels as images; RangeError for a label that is no class.
 * @example await meanLoss(inspector, { images: test.images, labels: test.labels })
 */
export async function meanLoss(
  inspector: Inspector,
  { images, labels }: LabeledImages,
  { batchNorm = 'running' }: LossOptions = {},
): Promise<number> {
  const logits =
    batchNorm === 'running' ? (await inspector.capture(images)).logits.values : await batchLogits(inspector, images)
  const classes = inspector.point('output').shape[0]
  const count = logits.length / classes
  checkLabels(labels, count, classes)
  let total = 0
  for (let n = 0; n < count; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes)
    const most = row.reduce((a, b) => Math.max(a, b))
    total += most + Math.log(row.reduce((all, value) => all + Math.exp(value - most), 0)) - row[labels[n]]
  }
  return total / count
}

/** Logits of images that batch norm sees as one batch. */
async function batchLogits(inspector: Inspector, images: Images): Promise<Float32Array> {
  const { model, shape, takes } = inspector
  const entry = images instanceof Float32Array ? spaceOf(inspector) : 'bytes'
  const size = shape[0] * shape[1] * shape[2]
  const count = images.length / size
  if (!Number.isInteger(count) || count < 1)
    throw new ShapeError(`meanLoss: ${images.length} numbers are no images ${formatShape(shape)}`)
  const executable = await inspector.compiled(JSON.stringify(['batch statistics', entry, count]), () => {
    const pass = withBatchStatistics(model, () => traceNetwork(model, shape, count, entry, takes))
    return { outputs: { logits: pass.output }, updates: new Map() }
  })
  return (await executable.run({ images })).logits as Float32Array
}

const spaceOf = ({ takes }: Inspector): 'pixels' | 'normalized' => (takes === 'bytes' ? 'pixels' : 'normalized')

/**
 * Traces a model whose batch norms use the statistics of the batch and keep none; everything else is as in prediction.
 */
function withBatchStatistics<T>(model: Module, trace: () => T): T {
  const restore: (() => void)[] = []
  try {
    for (const [, module] of model.modules()) {
      if (!(module instanceof BatchNorm)) continue
      const forward = module.forward.bind(module)
      restore.push(replaceForward(module, x => forward(x, { ...inference(), training: true })))
    }
    return trace()
  } finally {
    for (const undo of restore) undo()
  }
}

/** Images whose gradients are computed at once. */
const atOnce = 64

/**
 * Gradients of the mean cross-entropy with respect to all parameters, by path; batch norm takes its running statistics.
 * @throws ShapeError and RangeError as {@link meanLoss}.
 * @example
 * const gradients = await lossGradients(inspector, { images, labels })
 * weightStatistics(await readWeights(engine, model), undefined, gradients)[0].gradientRatio // ‖g‖ / ‖w‖
 */
export async function lossGradients(
  inspector: Inspector,
  { images, labels }: LabeledImages,
): Promise<Map<string, Float64Array>> {
  const { images: count, logits } = await inspector.capture(images)
  checkLabels(labels, count, logits.shape[1])
  const parameters = inspector.model.parameters()
  const totals = new Map(
    [...parameters].map(([path, { shape }]) => [path, new Float64Array(shape.reduce((a, b) => a * b, 1))]),
  )
  const size = images.length / count
  const entry = images instanceof Float32Array ? spaceOf(inspector) : 'bytes'
  for (let first = 0; first < count; first += atOnce) {
    const batch = Math.min(atOnce, count - first)
    const executable = await gradientExecutable(inspector, entry, batch)
    const found = await executable.run({
      images: images.subarray(first * size, (first + batch) * size),
      labels: Int32Array.from({ length: batch }, (_, n) => labels[first + n]),
    })
    for (const [path, total] of totals) {
      const part = found[path]
      for (let i = 0; i < total.length; i++) total[i] += part[i] / count
    }
  }
  return totals
}

function gradientExecutable(
  inspector: Inspector,
  entry: 'bytes' | 'pixels' | 'normalized',
  batch: number,
): Promise<Executable> {
  return inspector.compiled(JSON.stringify(['loss gradients', entry, batch]), () => {
    const { model, shape, takes } = inspector
    const [logits] = simplify([traceNetwork(model, shape, batch, entry, takes).output])
    const labels = input('labels', [batch], { dtype: 'i32', batched: true })
    const parameters = [...model.parameters()]
    const slopes = gradients(
      sum(softmaxCrossEntropy(logits as Matrix, labels)),
      parameters.map(([, { tensor }]) => tensor),
    )
    return { outputs: Object.fromEntries(parameters.map(([path], k) => [path, slopes[k]])), updates: new Map() }
  })
}

function checkLabels(labels: ArrayLike<number>, images: number, classes: number): void {
  if (labels.length !== images) throw new ShapeError(`loss: ${labels.length} labels for ${images} images`)
  for (let n = 0; n < images; n++) {
    const label = labels[n]
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new RangeError(`loss: label ${n} (=${label}) must be a whole number in 0 … ${classes - 1}`)
    }
  }
}
