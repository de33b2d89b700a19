/**
 * Fills whole models with the numbers that `scripts/make_model_fixtures.py` and `scripts/make_training_fixtures.py` give
 * PyTorch's.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Variable } from '../../src/graph/variable.ts'
import type { Module } from '../../src/nn/module.ts'
import type { LcgSpec } from '../support/fixtures.ts'

/** What all kinds of cases share: names of the model and of its numbers. */
export interface FilledModel {
  /** Name in the catalog. */
  readonly model: string
  readonly input: LcgSpec
  /** Seed of the first tensor; tensor i has `seed + i`. */
  readonly seed: number
  /** Names of the γ that are made small: the last of each residual block. */
  readonly damped?: string
  /** Added to every bias. */
  readonly lift?: number
  /** Names of the weights that are made small: the last layers'. */
  readonly head?: string
}

/** Logits of one image at full size, in float64. */
export interface LogitsCase extends FilledModel {
  readonly state: { readonly tensors: number; readonly digest: string }
  readonly parameters: number
  readonly argmax: number
  readonly norm: number
  readonly indices: readonly number[]
  readonly logits: readonly number[]
}

/** Steps of SGD on one batch, in float64. */
export interface TrainingCase extends FilledModel {
  /** Whether the losses of auxiliary classifiers are minimized with the network's own, from images of bytes. */
  readonly auxiliary?: true
  readonly labels: readonly number[]
  readonly optimizer: { readonly lr: number; readonly momentum: number; readonly weightDecay: number }
  /** How far an entry may be from PyTorch's, in root mean squares of the change of its tensor. */
  readonly tolerance: number
  /** Of the network's own logits, before each step. */
  readonly losses: readonly number[]
  /** By name: root mean square of the whole change, then three entries (first, middle, last) after all steps. */
  readonly after: Readonly<Record<string, readonly number[]>>
}

/** `models.json`. */
export function loadModelFixtures(): {
  readonly logits: readonly LogitsCase[]
  readonly training: readonly TrainingCase[]
} {
  return JSON.parse(readFileSync(new URL('../fixtures/torch/models.json', import.meta.url), 'utf8'))
}

/** Parameters and buffers in PyTorch's order, without the counters of batch norm. */
export function stateOf(model: Module): [string, Variable][] {
  return [...model.variables()].filter(([name]) => !name.endsWith('num_batches_tracked'))
}

/** A hash of all names and shapes, in order. */
export function digestOf(model: Module): string {
  const text = stateOf(model).map(([name, { shape }]) => `${name} ${shape.join('x')}\n`)
  return createHash('sha256').update(text.join('')).digest('hex').slice(0, 16)
}

/** Fills all of {@link stateOf}: He's spread for weights, statistics and scales around 1, small means, biases around `lift`. */
export function fillModel(model: Module, { seed, damped, lift = 0, head }: FilledModel): void {
  const small = damped ? new RegExp(damped) : undefined
  const last = head ? new RegExp(head) : undefined
  stateOf(model).forEach(([name, variable], index) => {
    const { shape } = variable
    const values = variable.value as Float32Array
    const at = seed + index
    if (name.endsWith('running_mean')) fillLcg(values, at, 0.4)
    else if (name.endsWith('running_var')) fillLcg(values, at, 1, 1)
    else if (shape.length >= 2) fillLcg(values, at, Math.sqrt(24 / shape.slice(1).reduce((a, b) => a * b, 1)))
    else if (name.endsWith('bias')) {
      fillLcg(values, at, 0.4)
      if (lift !== 0) for (let i = 0; i < values.length; i++) values[i] += lift
    } else {
      fillLcg(values, at, 0.5, 1)
      if (small?.test(name)) for (let i = 0; i < values.length; i++) values[i] *= 0.25
    }
    if (last?.test(name)) for (let i = 0; i < values.length; i++) values[i] /= 8
  })
}

/** `lcgTensor` plus an offset, written into float32: networks have too many weights for an array of float64. */
export function fillLcg(values: Float32Array, seed: number, scale: number, offset = 0): Float32Array {
  let x = seed >>> 0
  for (let i = 0; i < values.length; i++) {
    x = (Math.imul(1664525, x) + 1013904223) >>> 0
    values[i] = (x / 2 ** 32 - 0.5) * scale + offset
  }
  return values
}

/** Indices from the first to the last, evenly, as Python's `spread`. */
export function spread(count: number, samples: number): number[] {
  if (count <= samples) return Array.from({ length: count }, (_, i) => i)
  return Array.from({ length: samples }, (_, i) => roundHalfEven((i * (count - 1)) / (samples - 1)))
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x)
}
