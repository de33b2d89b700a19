/**
 * Steps of SGD with momentum and weight decay on a whole network, compared with PyTorch's: what the tests of training and
 * the table of docs/models.md (`scripts/trainingTable.ts`) share. Dropout is off on both sides, since its masks come from
 * another generator in PyTorch; everything else is as in training.
 */
import { readFileSync } from 'node:fs'
import { createEngine } from '../../src/backends/createEngine.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { add, mul } from '../../src/graph/ops/elementwise.ts'
import { sizeOf } from '../../src/graph/shape.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { input } from '../../src/graph/sources.ts'
import type { Matrix, Scalar, Tensor } from '../../src/graph/tensor.ts'
import { findModel } from '../../src/models/index.ts'
import { type AuxiliaryOutput, crossEntropy, Dropout, type ForwardContext, type Module } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import type { Program } from '../../src/plan/program.ts'
import { digestOf, type FilledModel, fillLcg, fillModel, stateOf } from './fill.ts'

/** A case of `models-training.json`: the steps of one network, in float64. */
export interface StepsCase extends FilledModel {
  readonly labels: readonly number[]
  readonly optimizer: { readonly lr: number; readonly momentum: number; readonly weightDecay: number }
  readonly state: { readonly tensors: number; readonly digest: string }
  /** Before each step. */
  readonly losses: readonly number[]
  /** How far PyTorch's own float32 departs: relative errors of the losses, and of the tensors' changes the worst and the median. */
  readonly float32: { readonly losses: readonly number[]; readonly worst: number; readonly median: number }
  /** Of each tensor's change, in order of the state. */
  readonly changes: readonly ChangeSummary[]
}

/** What is known of the change of one tensor over all steps. */
interface ChangeSummary {
  /** Root mean square of all entries. */
  readonly size: number
  /** Σ ±entry / √n with fixed random signs: no entry can be wrong without moving it. */
  readonly signed: number
  /** The entries at ⌊n / 3⌋ and ⌊2n / 3⌋. */
  readonly entries: readonly [number, number]
}

/** How far the steps of one network are from PyTorch's. */
export interface Comparison {
  readonly losses: readonly number[]
  readonly errors: Errors
  readonly bounds: Errors
  /** The tensor with the largest error. */
  readonly worst: string
  readonly memoryBytes: number
}

/** Errors, or what they may be. */
export interface Errors {
  /** Largest relative error of a loss. */
  readonly loss: number
  /** Largest error of the change of a parameter or running statistic, relative to the change's root mean square. */
  readonly worst: number
  /** Half of these changes have no larger error. */
  readonly median: number
}

/** `models-training.json`. */
export function loadStepsCases(): StepsCase[] {
  const file = new URL('../fixtures/torch/models-training.json', import.meta.url)
  type Stored = Omit<StepsCase, 'changes'> & { readonly changes: string }
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly Stored[] }
  return cases.map(stored => {
    const bytes = Uint8Array.from(Buffer.from(stored.changes, 'base64'))
    const numbers = new Float32Array(bytes.buffer)
    const changes = Array.from({ length: numbers.length / 4 }, (_, i): ChangeSummary => {
      const [size, signed, first, second] = numbers.subarray(4 * i, 4 * i + 4)
      return { size, signed, entries: [first, second] }
    })
    return { ...stored, changes }
  })
}

/**
 * What the errors may be: eight times what PyTorch's own float32 departs from its float64, of which the fixture has the
 * largest of four runs, and at least what a lucky run must be allowed:
 * - 10⁻⁵ of a loss: float32 has seven digits, and the second loss comes after an update.
 * - 10⁻⁴ for most changes: gradients are sums of up to a million products.
 * - 10⁻² for the worst change: with millions of units there may be one so near the kink of its ReLU, or of a tie in its
 *   pool, that rounding decides its side. PyTorch's four runs see that in about half of the networks.
 *
 * Winograd's algorithm rounds a digit worse, so more units are that near: twice as much, and 2·10⁻³ for most changes, since a
 * unit of a fully connected layer that falls on the other side moves everything before it.
 *
 * For comparison: to forget the momentum is an error of 0.3 in every tensor.
 */
export function boundsOf({ float32 }: StepsCase, winograd: boolean): Errors {
  const [margin, worst, median] = winograd ? [16, 2e-2, 2e-3] : [8, 1e-2, 1e-4]
  return {
    loss: Math.max(1e-5, margin * Math.max(...float32.losses)),
    worst: Math.max(worst, Math.min(margin * float32.worst, 0.14)),
    median: Math.max(median, Math.min(margin * float32.median, 0.04)),
  }
}

/** Takes the steps on the WebAssembly backend, with Winograd's algorithm unless told otherwise. @throws Error when the state is not the one of the fixture. */
export async function takeSteps(fixture: StepsCase, { winograd = true } = {}): Promise<Comparison> {
  const model = findModel(fixture.model).create().assignPaths()
  turnOffDropout(model)
  const state = stateOf(model)
  if (state.length !== fixture.state.tensors || digestOf(model) !== fixture.state.digest) {
    throw new Error(`${fixture.model}: names, shapes or order of the state are not PyTorch's`)
  }
  fillModel(model, fixture)
  const engine = createEngine({ winograd })
  try {
    const executable = await engine.compile(programOf(model, fixture))
    const images = new Float32Array(sizeOf(fixture.input.shape))
    fillLcg(images, fixture.input.seed, fixture.input.scale)
    const inputs = { images, labels: fixture.labels, lr: fixture.optimizer.lr }
    const losses: number[] = []
    for (const _ of fixture.losses) losses.push((await executable.run(inputs)).loss[0])
    const after = await Promise.all(state.map(([, variable]) => engine.read(variable)))
    const changes = state.map(([name, variable], index) => {
      const values = after[index] as Float32Array
      const expected = fixture.changes[index]
      return { name, error: errorOf(variable.value as Float32Array, values, expected, index), moves: expected.size > 0 }
    })
    const moved = changes.filter(({ moves }) => moves).sort((a, b) => a.error - b.error)
    // Infinity, of a tensor that should not move, comes last as well; what is not a number has no place in an order.
    const last = changes.find(({ error }) => !Number.isFinite(error)) ?? moved[moved.length - 1]
    const errors: Errors = {
      loss: Math.max(...losses.map((loss, i) => Math.abs(loss / fixture.losses[i] - 1))),
      worst: last.error,
      median: moved[Math.floor(moved.length / 2)].error,
    }
    return { losses, errors, bounds: boundsOf(fixture, winograd), worst: last.name, memoryBytes: engine.memoryBytes }
  } finally {
    await engine.close()
  }
}

function turnOffDropout(module: Module): void {
  if (module instanceof Dropout) Object.assign(module, { probability: 0 })
  for (const child of module.children().values()) turnOffDropout(child)
}

/** Loss, gradient, new parameters, velocities and running statistics of one step. */
function programOf(model: Module, { input: { shape }, labels, optimizer }: StepsCase): Program {
  // Auxiliary classifiers are trained with the network, as `fit` does it.
  const auxiliary: AuxiliaryOutput[] = []
  const context: ForwardContext = { training: true, updates: new Map(), auxiliary }
  const images = input('images', shape, { batched: true })
  const classes = input('labels', [labels.length], { dtype: 'i32', batched: true })
  const lossOf = (logits: Tensor): Tensor => crossEntropy().forward(logits as Matrix, classes)
  const own = lossOf(model.forward(images, context))
  const total = auxiliary.reduce((sum, { logits, weight }) => add(sum, mul(lossOf(logits), weight)), own)
  const [loss, ...statistics] = simplify([total, ...context.updates.values()])
  const parameters = model.parameters()
  const tensors = [...parameters.values()].map(({ tensor }) => tensor)
  const slopes = gradients(loss as Scalar, tensors)
  const byPath = new Map([...parameters.keys()].map((path, i) => [path, slopes[i]]))
  const updates = sgd(optimizer).update(parameters, byPath, input('lr', []))
  for (const [i, buffer] of [...context.updates.keys()].entries()) updates.set(buffer, statistics[i])
  return { outputs: { loss }, updates }
}

/**
 * The largest departure of a tensor's change from what is known of it, in root mean squares of the change. Rounding of
 * the stored values themselves, which no computation could avoid, is not counted: half a unit in the last place a step.
 */
function errorOf(before: Float32Array, after: Float32Array, expected: ChangeSummary, index: number): number {
  const n = before.length
  const rounding = 2 ** -23
  let x = (500_000 + index) >>> 0
  let squares = 0
  let valueSquares = 0
  let signed = 0
  for (let i = 0; i < n; i++) {
    const change = after[i] - before[i]
    x = (Math.imul(1664525, x) + 1013904223) >>> 0
    signed += x < 2 ** 31 ? -change : change
    squares += change * change
    valueSquares += after[i] * after[i]
  }
  // A tensor that is not trained stays as it is, to the bit.
  if (expected.size === 0) return squares === 0 ? 0 : Number.POSITIVE_INFINITY
  const valueSize = Math.sqrt(valueSquares / n)
  const departures = [
    Math.abs(Math.sqrt(squares / n) - expected.size) - rounding * valueSize,
    // A sum of n roundings of either sign is as large as √n of them; twice that is hardly ever exceeded.
    Math.abs(signed / Math.sqrt(n) - expected.signed) - 2 * rounding * valueSize,
    ...[Math.floor(n / 3), Math.floor((2 * n) / 3)].map(
      (at, i) => Math.abs(after[at] - before[at] - expected.entries[i]) - rounding * Math.abs(after[at]),
    ),
  ]
  return Math.max(0, ...departures) / expected.size
}
