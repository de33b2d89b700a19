/** Fovea on WebGPU, and the weights that all contenders have. */

import { input, simplify, type Variable } from '../../../dist/index.js'
import { findModel } from '../../../dist/models/index.js'
import { crossEntropy, inference, type Module, normalize, sequential } from '../../../dist/nn/index.js'
import { sgd } from '../../../dist/optim/index.js'
import { trainingProgram } from '../../../dist/train/index.js'
import { createWebGPUEngine, type StepTime, type WorkCount } from '../../../dist/webgpu.js'
import { type KernelTime, kernelTimes, leastBytes } from '../contenders/foveaDetails.ts'
import type { Row } from '../rows.ts'
import { channelsFirst } from '../work.ts'
import { byteBatches, type PageContender } from './contender.ts'

/** What Fovea says of a row's step. */
export interface FoveaWork extends WorkCount {
  /** Bytes that no plan could do without: inputs, outputs, and parameters once, twice when they are updated. */
  readonly leastBytes: number
  readonly compileMs: number
}

/** Fovea, which answers more than the others. */
export interface FoveaContender extends PageContender {
  readonly work: FoveaWork
  /** Times of kernels by the device's clock. Changes the weights. @throws Error when the device has no clock. */
  profile(repeats: number): Promise<KernelTime[]>
}

/** The row's network with its weights. Running statistics are no zeros and ones, so that folding them can go wrong. */
export function makeNetwork({ net }: Row): Module {
  const model = findModel(net.name).create().initialize(0)
  for (const [path, variable] of model.variables()) {
    if (path.endsWith('running_mean')) fill(variable, k => 0.1 * Math.sin(k))
    if (path.endsWith('running_var')) fill(variable, k => 1 + 0.5 * Math.cos(k))
  }
  return model
}

function fill(variable: Variable, value: (index: number) => number): void {
  variable.setValue(Float32Array.from(variable.value, (_, index) => value(index)))
}

/** @param version that of the package */
export async function openFovea(row: Row, network: Module, version: string): Promise<FoveaContender> {
  const program = row.task === 'train' ? training(row, network) : inferring(row, network)
  const engine = await createWebGPUEngine()
  const compiled = await engine.compile(program)
  const work = byteBatches(row)
  const inputs =
    row.task === 'train'
      ? work.map(({ bytes, labels }) => ({ images: bytes, labels, learningRate: row.learningRate }))
      : work.map(({ images }) => ({ images: channelsFirst(images, row) }))
  const read = row.task === 'train' ? 'loss' : 'logits'
  return {
    version,
    work: { ...compiled.work, leastBytes: leastBytes(compiled.plan), compileMs: compiled.compileTime },
    async step(index) {
      return (await compiled.run(inputs[index % inputs.length], { read: [read] }))[read]
    },
    profile: async repeats => kernelTimes((await engine.profile(program, repeats)).filter(notAhead)),
  }
}

const notAhead = ({ ahead }: StepTime): boolean => !ahead

function inferring({ batch, channels, side }: Row, network: Module) {
  const images = input('images', [batch, channels, side, side], { batched: true })
  const [logits] = simplify([network.forward(images, inference())])
  return { outputs: { logits }, updates: new Map() }
}

function training({ batch, channels, side, momentum, learningRate }: Row, network: Module) {
  const bytes = normalize({ mean: Array(channels).fill(0), std: Array(channels).fill(1) })
  const model = sequential({ bytes, network })
  return trainingProgram(model, [side, side, channels], batch, crossEntropy(), sgd({ lr: learningRate, momentum }))
}
