/**
 * How far float32 is from exact numbers, in normalizations and in training, as PyTorch's is in `test/fixtures/torch/rounding-*.json`
 * (made by `scripts/make_rounding_fixtures.py`, where the cases are explained).
 */

import { readFileSync } from 'node:fs'
import type { WasmEngine } from '../../src/backends/wasm/engine.ts'
import * as g from '../../src/graph/index.ts'
import type { TypedArray } from '../../src/graph/variable.ts'
import * as nn from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { formatPlan } from '../../src/plan/format.ts'
import { lcgTensor } from './fixtures.ts'

/** Mean of the input in deviations. */
export const ratios = [0, 10, 100, 1000] as const
export type Ratio = (typeof ratios)[number]

/** What is compared: the output, and the gradients to the input, to γ and to β. */
export const compared = ['output', 'x', 'weight', 'bias'] as const
/** The root mean square of the errors and the largest, both next to the root mean square of the values. */
export interface RoundingError {
  readonly rms: number
  readonly most: number
}
export type RoundingErrors = Readonly<Record<(typeof compared)[number], RoundingError>>

/** A normalization in training mode, alone or between two convolutions of some kernel. */
export interface NormalizationCase {
  readonly norm: 'batch' | 'layer' | 'group' | 'instance'
  readonly shape: readonly number[]
  readonly groups?: number
  readonly kernel?: number
  readonly errors: Readonly<Record<Ratio, RoundingErrors>>
}

/** A small network, and a part of what 20 steps of training make of its parameters. */
export interface TrainingCase {
  readonly seed: number
  readonly images: readonly [number, number, number, number]
  readonly shift: number
  readonly layers: readonly LayerSpec[]
  /** Up to 16 numbers of each parameter, in float64. */
  readonly after: readonly number[]
  /** How far PyTorch's float32 is from them, relative. */
  readonly distance: number
}

type LayerSpec =
  | { readonly op: 'conv2d'; readonly channels: number; readonly outputs: number; readonly kernel: number }
  | { readonly op: 'batchNorm2d'; readonly channels: number }
  | { readonly op: 'relu' }
  | { readonly op: 'maxPool2d'; readonly kernel: number; readonly stride: number }
  | { readonly op: 'linear'; readonly inputs: number; readonly outputs: number }

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/torch/rounding-${name}.json`, import.meta.url), 'utf8'))

export const normalizationCases: readonly NormalizationCase[] = read('normalization').cases
export const trainingCases: readonly TrainingCase[] = read('training').cases

/** `batch norm [16, 32, 14, 14]`, `batch norm [16, 32, 28, 28] between 3×3 convolutions`. */
export const titleOf = ({ norm, shape, groups, kernel }: NormalizationCase): string =>
  `${norm} norm [${shape.join(', ')}]${groups ? ` in ${groups} groups` : ''}${kernel ? ` between ${kernel}×${kernel} convolutions` : ''}`

/** Numbers of deviation 1. */
const scale = Math.sqrt(12)

const noise = (shape: readonly number[], seed: number, width: number, shift = 0): Float32Array =>
  Float32Array.from(lcgTensor(shape, seed, width), value => value + shift)

/** The errors of an engine by ratio, and the plan of what it computed. */
export async function roundingOn(
  engine: WasmEngine,
  fixture: NormalizationCase,
): Promise<{ readonly errors: Readonly<Record<Ratio, RoundingErrors>>; readonly plan: string }> {
  const { shape, kernel } = fixture
  const parameters = fixture.norm === 'layer' ? shape.slice(1) : [shape[1]!]
  const start = g.input('x', shape, { batched: true })
  const convolve = (x: g.Tensor, name: string): g.Tensor =>
    kernel === undefined
      ? x
      : g.conv2d(x as g.Volume, g.input(name, [shape[1]!, shape[1]!, kernel, kernel]), { padding: kernel >> 1 })
  const convolved = convolve(start, 'w1')
  const x = kernel === undefined ? start : g.add(convolved, g.input('b1', [shape[1]!, 1, 1]))
  const layer = layerOf(fixture).initialize(0)
  const y = layer.forward(x, { training: true, updates: new Map() })
  const loss = g.sum(g.mul(convolve(y, 'w2'), g.input('upstream', shape, { batched: true }))) as g.Scalar
  const [weight, bias] = [...layer.parameters().values()]
  const [dy, dx, dWeight, dBias] = g.gradients(loss, [y, x, weight!.tensor, bias!.tensor])
  const outputs = { y, dx, dWeight, dBias, ...(kernel !== undefined && { x, dy }) } as Record<string, g.Tensor>
  const executable = await engine.compile({ outputs, updates: new Map() })
  const affine = { weight: noise(parameters, 2, 1, 1), bias: noise(parameters, 3, 1) }
  await engine.write(weight!, affine.weight)
  await engine.write(bias!, affine.bias)
  const filters = (seed: number) =>
    noise([shape[1]!, shape[1]!, kernel!, kernel!], seed, scale / Math.sqrt(shape[1]! * kernel! ** 2))

  const errors = {} as Record<Ratio, RoundingErrors>
  for (const ratio of ratios) {
    const inputs = {
      x: noise(shape, 1, scale, kernel ? 0 : ratio),
      upstream: noise(shape, 4, scale),
      ...(kernel && { w1: filters(5), w2: filters(6), b1: new Float32Array(shape[1]!).fill(ratio) }),
    }
    const results = await executable.run(inputs)
    // What convolutions round is not the question: exact are the results for what the normalization has read.
    const exact =
      kernel === undefined
        ? remembered(`${titleOf(fixture)} ${ratio}`, () => normalizeExactly(fixture, { ...affine, ...inputs }))
        : normalizeExactly(fixture, { ...affine, x: results.x!, upstream: results.dy! })
    errors[ratio] = {
      output: errorOf(results.y!, exact.output),
      x: errorOf(results.dx!, exact.x),
      weight: errorOf(results.dWeight!, exact.weight),
      bias: errorOf(results.dBias!, exact.bias),
    }
  }
  return { errors, plan: formatPlan(executable.plan) }
}

const exactResults = new Map<string, Exact>()

/** Exact results that are the same for every engine. */
function remembered(key: string, compute: () => Exact): Exact {
  const exact = exactResults.get(key) ?? compute()
  exactResults.set(key, exact)
  return exact
}

function layerOf({ norm, shape, groups }: NormalizationCase): nn.Module {
  const channels = shape[1]!
  if (norm === 'batch') return shape.length === 2 ? nn.batchNorm1d(channels) : nn.batchNorm2d(channels)
  if (norm === 'layer') return nn.layerNorm(shape.slice(1))
  return norm === 'group' ? nn.groupNorm(groups!, channels) : nn.instanceNorm2d(channels, { affine: true })
}

type NormalizationInputs = Readonly<Record<'x' | 'weight' | 'bias' | 'upstream', ArrayLike<number>>>
type Exact = Readonly<Record<(typeof compared)[number], Float64Array>>

function errorOf(actual: TypedArray, exact: Float64Array): RoundingError {
  const rms = (values: Float64Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length)
  const errors = exact.map((value, i) => Math.abs(actual[i]! - value))
  const most = errors.reduce((worst, value) => Math.max(worst, value), 0)
  return { rms: rms(errors) / rms(exact), most: most / rms(exact) }
}

/** A normalization and its gradients by the formulas of the papers, in double precision. */
function normalizeExactly(
  { norm, shape, groups = shape[1]! }: NormalizationCase,
  { x, weight, bias, upstream }: NormalizationInputs,
): Exact {
  const [samples, channels] = [shape[0]!, shape[1]!]
  const positions = shape.slice(2).reduce((a, b) => a * b, 1)
  const rows = channels * positions
  // The set of values that an element is normalized with, and its γ and β.
  const setOf = {
    batch: (i: number) => Math.floor(i / positions) % channels,
    layer: (i: number) => Math.floor(i / rows),
    group: (i: number) => Math.floor(i / (rows / groups)),
    instance: (i: number) => Math.floor(i / positions),
  }[norm]
  const parameterOf = norm === 'layer' ? (i: number) => i % rows : (i: number) => Math.floor(i / positions) % channels
  const sets = { batch: channels, layer: samples, group: samples * groups, instance: samples * channels }[norm]
  const count = x.length / sets
  const means = (value: (i: number) => number): Float64Array => {
    const sums = new Float64Array(sets)
    for (let i = 0; i < x.length; i++) sums[setOf(i)]! += value(i) / count
    return sums
  }
  const mean = means(i => x[i]!)
  const inverse = means(i => (x[i]! - mean[setOf(i)]!) ** 2).map(variance => 1 / Math.sqrt(variance + 1e-5))
  const normalized = Float64Array.from({ length: x.length }, (_, i) => (x[i]! - mean[setOf(i)]!) * inverse[setOf(i)]!)
  const slope = (i: number): number => upstream[i]! * weight[parameterOf(i)]!
  const [slopes, products] = [means(slope), means(i => slope(i) * normalized[i]!)]
  const toParameters = (value: (i: number) => number): Float64Array => {
    const sums = new Float64Array(weight.length)
    for (let i = 0; i < x.length; i++) sums[parameterOf(i)]! += value(i)
    return sums
  }
  return {
    output: normalized.map((value, i) => value * weight[parameterOf(i)]! + bias[parameterOf(i)]!),
    x: normalized.map((value, i) => {
      const set = setOf(i)
      return inverse[set]! * (slope(i) - slopes[set]! - value * products[set]!)
    }),
    weight: toParameters(i => upstream[i]! * normalized[i]!),
    bias: toParameters(i => upstream[i]!),
  }
}

/** Trains a network as PyTorch has and gives the relative distance of its parameters from the exact ones. */
export async function distanceOn(
  engine: WasmEngine,
  { seed, images, shift, layers, after }: TrainingCase,
): Promise<number> {
  const model = nn.sequential(...layers.flatMap(modulesOf)).initialize(0)
  const parameters = model.parameters()
  setStart([...parameters.values()], layers, seed)
  const x = g.input('x', images, { batched: true })
  const labels = g.input('labels', [images[0]], { dtype: 'i32', batched: true })
  const context = { training: true, updates: new Map() }
  const [loss] = g.simplify([nn.crossEntropy().forward(model.forward(x, context), labels)]) as [g.Scalar]
  const optimizer = sgd({ lr: 0.05, momentum: 0.9 })
  const names = [...parameters.keys()]
  const gradients = g.gradients(
    loss,
    [...parameters.values()].map(({ tensor }) => tensor),
  )
  const updates = optimizer.update(
    optimizer.trained(parameters),
    new Map(names.map((name, k) => [name, gradients[k]!])),
    g.input('lr', []),
  )
  const executable = await engine.compile({ outputs: { loss }, updates })
  const batches = [0, 1, 2, 3].map(k => noise(images, seed * 7 + k, scale, shift))
  const classes = Int32Array.from({ length: images[0] }, (_, i) => (3 * i + 1) % 10)
  for (let step = 0; step < 20; step++) await executable.run({ x: batches[step % 4]!, labels: classes, lr: [0.05] })
  const actual: number[] = []
  for (const parameter of parameters.values()) {
    const values = await engine.read(parameter)
    const some = Math.min(16, values.length)
    for (let i = 0; i < some; i++) actual.push(values[Math.floor((i * values.length) / some)]!)
  }
  const norm = (value: (i: number) => number): number => Math.hypot(...after.map((_, i) => value(i)))
  return norm(i => actual[i]! - after[i]!) / norm(i => after[i]!)
}

function modulesOf(layer: LayerSpec): nn.Module[] {
  if (layer.op === 'conv2d') {
    const { channels, outputs, kernel } = layer
    return [nn.conv2d(channels, outputs, kernel, { padding: kernel >> 1 })]
  }
  if (layer.op === 'batchNorm2d') return [nn.batchNorm2d(layer.channels)]
  if (layer.op === 'relu') return [nn.relu()]
  if (layer.op === 'maxPool2d') return [nn.maxPool2d(layer.kernel, { stride: layer.stride })]
  return [nn.flatten(), nn.linear(layer.inputs, layer.outputs)]
}

/** Sets weights from seeds that count up; biases, γ and β are as they start anyway. */
function setStart(parameters: readonly nn.Parameter[], layers: readonly LayerSpec[], seed: number): void {
  const owners = layers.filter(({ op }) => op === 'conv2d' || op === 'linear' || op === 'batchNorm2d')
  let next = seed * 100
  owners.forEach((layer, k) => {
    const [weight, bias] = parameters.slice(2 * k, 2 * k + 2)
    bias!.value.fill(0)
    if (layer.op === 'batchNorm2d') return
    const fanIn = weight!.shape.slice(1).reduce((a, b) => a * b, 1)
    next++
    weight!.value.set(noise(weight!.shape, next, scale * Math.sqrt((layer.op === 'conv2d' ? 2 : 1) / fanIn)))
  })
}
