/**
 * The health of a network in training: how large activations and gradients are in every layer, how many units are dead,
 * and where values become NaN or infinite. An inspection is one forward and backward pass that changes nothing.
 */
import type { RunOutputs } from '../backends/operands.ts'
import type { BatchSource } from '../data/batches.ts'
import { gradients } from '../graph/gradient.ts'
import { abs, equal, square } from '../graph/ops/elementwise.ts'
import { max, mean } from '../graph/ops/reduce.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Loss } from '../nn/losses.ts'
import type { AuxiliaryOutput, ForwardContext, Module, Parameter } from '../nn/module.ts'
import { isWeight } from '../optim/groups.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Program } from '../plan/program.ts'
import type { NoticeEvent } from './events.ts'
import { batchInputs, logitsOf, lossOf, type SampleShape, trainingKey } from './programs.ts'

/** Statistics of a layer's values for a batch. */
export interface LayerHealth {
  readonly path: string
  /** Mean of |x|; not finite when any value is not. */
  readonly size: number
  /** Share of the units (channels) that are 0 for every image and everywhere. */
  readonly dead: number
  readonly units: number
}

/** Statistics of a parameter's gradient for a batch. */
export interface ParameterHealth {
  readonly path: string
  /** Root of the mean square of the gradient. */
  readonly gradient: number
  /** Root of the mean square of the values. */
  readonly value: number
  /** False for biases, and for scales and shifts of norms. */
  readonly isWeight: boolean
}

/** One inspection of a network, in the order in which data flow through it. */
export interface Health {
  readonly layers: readonly LayerHealth[]
  /** Statistics of the parameters that are trained. */
  readonly parameters: readonly ParameterHealth[]
  readonly loss: number
}

/** The program of an inspection, and how to read its outputs. */
export interface HealthProgram {
  readonly program: Program
  /** @param outputs of a run of the program */
  read(outputs: RunOutputs): Health
}

/** Traces an inspection of a network; its inputs are those of a training step. */
export function healthProgram(
  model: Module,
  shape: SampleShape,
  batch: number,
  loss: Loss,
  optimizer: Optimizer,
  softLabels?: number,
): HealthProgram {
  const auxiliary: AuxiliaryOutput[] = []
  const context: ForwardContext = { training: true, key: trainingKey(), updates: new Map(), auxiliary }
  const { images, labels } = batchInputs(shape, batch, softLabels)
  const logits = logitsOf(model, images, context)
  const value = lossOf(loss, logits, labels)
  const outputs: Record<string, Tensor> = { loss: value }
  const layers = labeled(logits).map((tensor, k) => {
    outputs[`layer ${k}`] = mean(abs(tensor))
    const units = tensor.shape[1] ?? 0
    const others = tensor.shape.map((_, axis) => axis).filter(axis => axis !== 1)
    if (units > 0) outputs[`dead ${k}`] = mean(equal(max(abs(tensor), others), 0))
    return { path: tensor.label as string, units }
  })
  const parameters = [...optimizer.trained(model.parameters())]
  const slopes = gradients(
    value,
    parameters.map(([, { tensor }]) => tensor),
  )
  parameters.forEach(([, parameter], k) => {
    outputs[`gradient ${k}`] = mean(square(slopes[k]!))
    outputs[`value ${k}`] = mean(square(parameter.tensor))
  })
  return {
    program: { outputs, updates: new Map() },
    read(outputs) {
      const number = (name: string): number => outputs[name]![0]!
      return {
        loss: number('loss'),
        layers: layers.map(({ path, units }, k) => ({
          path,
          units,
          size: number(`layer ${k}`),
          dead: units > 0 ? number(`dead ${k}`) : 0,
        })),
        parameters: parameters.map(([path, parameter], k) => ({
          path,
          gradient: Math.sqrt(number(`gradient ${k}`)),
          value: Math.sqrt(number(`value ${k}`)),
          isWeight: isWeight(path, (parameter as Parameter).shape.length),
        })),
      }
    },
  }
}

/** Share of dead units above which a layer is reported: the lectures' "as much as 40 % of your network can be dead". */
const mostDead = 0.4
/** A gradient that is smaller than the largest one by this factor vanishes. */
const vanishing = 1e-6

/**
 * The fault of the first loss, if it has one: softmax cross-entropy of an untrained network is ln(classes), in nats.
 * Random weights of a usual size make it a little larger; half as much again, or a fifth less, does not happen by
 * chance.
 */
export function initialLossProblem(loss: number, name: string, classes: number): string | undefined {
  const expected = Math.log(classes)
  if (name !== 'crossEntropy' || !Number.isFinite(loss) || (loss > 0.8 * expected && loss < 1.5 * expected))
    return undefined
  const shown = `the first loss is ${loss.toFixed(2)}, an untrained network would have ln ${classes} = ${expected.toFixed(2)}`
  return loss > expected
    ? `${shown}: the initial weights are too large, or the images are not normalized`
    : `${shown}: the weights are already trained, or the labels are wrong`
}

/** Something a person should know about a layer or parameter. */
export interface Notice extends Pick<NoticeEvent, 'kind' | 'message'> {
  readonly path: string
}

/** The problems that were found, with the worst place of each kind. @param learningRate of the next step */
export function alarmsOf({ layers, parameters }: Health, learningRate: number): Notice[] {
  const found: Notice[] = []
  const worst = layers.reduce<LayerHealth | undefined>((a, b) => (b.dead > (a?.dead ?? mostDead) ? b : a), undefined)
  if (worst) {
    found.push({
      kind: 'dead',
      path: worst.path,
      message: `${worst.path}: ${(100 * worst.dead).toFixed(0)} % of its ${worst.units} units are 0 for all images of a batch (dead); try a smaller learning rate or another initialization`,
    })
  }
  const weights = parameters.filter(parameter => parameter.isWeight)
  const largest = Math.max(...weights.map(({ gradient }) => gradient))
  const least = weights.reduce<ParameterHealth | undefined>(
    (a, b) => (a && a.gradient <= b.gradient ? a : b),
    undefined,
  )
  if (least && largest > 0 && least.gradient < vanishing * largest) {
    found.push({
      kind: 'vanishing',
      path: least.path,
      message: `${least.path}: its gradient (${least.gradient.toExponential(1)}) vanishes beside the largest (${largest.toExponential(1)}); look at initialization and activations`,
    })
  }
  const wild = weights.find(({ gradient, value }) => !(learningRate * gradient <= value) && value > 0)
  if (wild) {
    found.push({
      kind: 'exploding',
      path: wild.path,
      message: `${wild.path}: a step along its gradient (${wild.gradient.toExponential(1)}) would be larger than the weights themselves (${wild.value.toExponential(1)}): it explodes; try a smaller learning rate, or clip`,
    })
  }
  return found
}

/**
 * The first place, along the flow of the data, where something is NaN or infinite: the values of a layer, or, when
 * those are all finite, a gradient of the backward pass.
 */
export function firstBroken({ layers, parameters, loss }: Health): string | undefined {
  const weights = parameters.find(({ value }) => !Number.isFinite(value))
  const layer = layers.find(({ size }) => !Number.isFinite(size))
  if (weights && !(layer && layers.indexOf(layer) === 0)) return `the values of ${weights.path}`
  if (layer) return `the output of ${layer.path}`
  if (!Number.isFinite(loss)) return 'the loss'
  const gradient = parameters.findLast(parameter => !Number.isFinite(parameter.gradient))
  return gradient && `the gradient of ${gradient.path}`
}

/** Labeled values between the images and the logits, in order; of several with the same label, the first. */
function labeled(logits: Tensor): Tensor[] {
  const found: Tensor[] = []
  const seen = new Set<Tensor>()
  const names = new Set<string>()
  const stack: { readonly tensor: Tensor; done: boolean }[] = [{ tensor: logits, done: false }]
  while (stack.length > 0) {
    const top = stack.pop()!
    const { tensor } = top
    if (top.done) {
      const { label, dtype, source, shape } = tensor
      const counts = label !== undefined && !source && dtype === 'f32' && shape.length >= 2 && !names.has(label)
      if (counts) {
        names.add(label)
        found.push(tensor)
      }
    } else if (!seen.has(tensor)) {
      seen.add(tensor)
      stack.push({ tensor, done: true })
      for (const input of [...tensor.inputs].reverse()) stack.push({ tensor: input, done: false })
    }
  }
  return found
}

/** Notices as events, each reported once. @param raised what has been reported; new notices are added */
export function* newNotices(
  notices: readonly Notice[],
  raised: Set<string>,
  { step, epoch }: { readonly step: number; readonly epoch: number },
): Generator<NoticeEvent> {
  for (const { kind, path, message } of notices) {
    if (raised.has(`${kind} ${path}`)) continue
    raised.add(`${kind} ${path}`)
    yield { type: 'notice', kind, step, epoch, message }
  }
}

/** The first loss as an event, when it is at fault. */
export function* initialLossNotice(
  loss: number,
  { name }: Loss,
  { dataset }: Pick<BatchSource, 'dataset'>,
): Generator<NoticeEvent> {
  const message = initialLossProblem(loss, name, dataset.classes.length)
  if (message) yield { type: 'notice', kind: 'initialLoss', step: 1, epoch: 1, message }
}
