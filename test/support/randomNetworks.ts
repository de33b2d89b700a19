/**
 * Random programs for property tests: chains of layers on a batch, with branches, gradients and updates, described as data so
 * that fast-check can shrink a failing one to its shortest form.
 *
 * Inputs are small integers and weights multiples of ½, so that sums are exact in single precision and decisions
 * (rectifiers, maxima, comparisons) fall alike in single and double. A layer that rounds ends the decisions.
 */
import * as fc from 'fast-check'
import * as g from '../../src/graph/index.ts'
import type { Program } from '../../src/plan/program.ts'
import type { Values } from './programs.ts'
import { addLayer, type Digits, type LayerKind, layerKinds, type Surroundings } from './randomLayers.ts'

/** One layer: its kind and four numbers that it reads as sizes, axes or switches. */
export interface LayerSpec extends Digits {
  readonly kind: LayerKind
}

/** A network, its batch, and what to ask of it. */
export interface NetworkSpec {
  readonly images: { readonly batch: number; readonly channels: number; readonly size: readonly [number, number] }
  readonly bytes: boolean
  readonly batched: boolean
  readonly layers: readonly LayerSpec[]
  readonly loss: 'crossEntropy' | 'squares'
  readonly momentum: boolean
  readonly simplified: boolean
  /** Whether convolutions may be computed by Winograd's algorithm. */
  readonly winograd: boolean
  readonly seed: number
}

/** Kinds that are wanted more often than others. */
const often: readonly LayerKind[] = (
  ['conv', 'wideConv', 'residualBlock', 'rowsLinear', 'residual', 'reduce', 'pooledResidual', 'regroup'] as const
).flatMap(kind => [kind, kind])

const digit = fc.integer({ min: 0, max: 11 })

const size = (...extents: number[]) => fc.tuple(fc.constantFrom(...extents), fc.constantFrom(...extents))

/** Batches below, at and between the sizes of blocks, with channels that fill vectors and that do not. */
const batches = fc.record({
  batch: fc.constantFrom(1, 2, 3, 4, 5, 8, 12, 16, 20, 24, 32, 48, 64),
  channels: fc.constantFrom(1, 2, 3, 4, 5, 8, 12, 16),
  size: size(1, 2, 3, 4, 5, 6, 7, 8, 9),
})

/** Images so large that sums over their positions are cut into parts. */
const largeImages = fc.record({
  batch: fc.constantFrom(1, 2),
  channels: fc.constantFrom(32, 48),
  size: size(14, 15, 16),
})

/** Networks of all kinds of layers. */
export const networks: fc.Arbitrary<NetworkSpec> = fc.record({
  images: fc.oneof({ weight: 4, arbitrary: batches }, { weight: 1, arbitrary: largeImages }),
  bytes: fc.boolean(),
  batched: fc.constantFrom(true, true, true, false),
  layers: fc.array(
    fc.record<LayerSpec>({ kind: fc.constantFrom(...layerKinds, ...often), a: digit, b: digit, c: digit, d: digit }),
    { maxLength: 16, size: 'max' },
  ),
  loss: fc.constantFrom('crossEntropy' as const, 'squares' as const),
  momentum: fc.boolean(),
  simplified: fc.boolean(),
  winograd: fc.boolean(),
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
})

/** A program with what it needs to run. */
export interface RandomProgram {
  readonly program: Program
  readonly inputs: Values
  readonly variables: readonly g.Variable[]
  /** Kinds of the layers that fitted. */
  readonly kinds: ReadonlySet<LayerKind>
}

/** Builds the program of a network; every call makes variables of its own. */
export function buildProgram(spec: NetworkSpec): RandomProgram {
  return new Builder(spec).build()
}

/** Elements beyond which layers that enlarge a value are left out. */
const largest = 6000

class Builder implements Surroundings {
  exact = true
  readonly winograd: boolean
  readonly earlier: g.Tensor[] = []
  readonly key = g.input('key', [2], { dtype: 'i32' })
  private readonly spec: NetworkSpec
  private readonly variables: g.Variable[] = []
  private readonly exposed: g.Tensor[] = []
  private readonly values: Record<string, ArrayLike<number>> = {}
  private readonly inputs: g.Tensor[] = []
  private readonly updates = new Map<g.Variable, g.Tensor>()
  private depth = 0
  private state: number

  constructor(spec: NetworkSpec) {
    this.spec = spec
    this.winograd = spec.winograd
    this.state = spec.seed >>> 0
  }

  build(): RandomProgram {
    const {
      images: { batch, channels, size },
      bytes,
      batched,
      momentum,
      simplified,
    } = this.spec
    const shape = [batch, channels, ...size]
    const images = g.input('images', shape, { dtype: bytes ? 'u8' : 'f32', batched })
    this.values.images = this.numbers(g.sizeOf(shape), bytes ? [0, 1, 2, 3] : [-2, -1, 0, 1, 2])
    this.values.key = [this.spec.seed, 3]
    if (!bytes) this.inputs.push(images)
    const { x, kinds } = this.chain(bytes ? g.sub(images, 1) : images)
    const { loss, outputs } = this.scored(x)
    const sources = [...this.inputs, ...this.variables.map(({ tensor }) => tensor)]
    const slopes = g.gradients(loss, sources)
    this.inputs.forEach((_, k) => {
      outputs[`input ${k} gradient`] = slopes.shift()!
    })
    for (const [k, variable] of [...this.variables].entries()) {
      if (this.updates.has(variable)) continue
      let step = slopes[k]!
      if (momentum) {
        const velocity = this.variable(variable.shape, [0, 0.5])
        step = g.add(g.mul(velocity.tensor, 0.5), step)
        this.updates.set(velocity, step)
      }
      this.updates.set(variable, g.sub(variable.tensor, g.mul(step, 0.25)))
    }
    const program = simplified ? simplify({ outputs, updates: this.updates }) : { outputs, updates: this.updates }
    // Simplification may show that an input does not matter.
    const used = new Set(g.topologicalOrder([...Object.values(program.outputs), ...program.updates.values()]))
    const inputs = Object.entries(this.values).filter(([name]) =>
      [...used].some(({ source }) => source?.kind === 'input' && source.name === name),
    )
    return { program, inputs: Object.fromEntries(inputs), variables: this.variables, kinds }
  }

  private chain(first: g.Tensor): { x: g.Tensor; kinds: Set<LayerKind> } {
    const kinds = new Set<LayerKind>()
    const most = Math.max(largest, g.sizeOf(first.shape))
    let x = first
    for (const { kind, ...digits } of this.spec.layers) {
      const next = addLayer(kind, x, this, digits)
      if (next === x || g.sizeOf(next.shape) > most) continue
      kinds.add(kind)
      this.earlier.push(x)
      x = next
    }
    return { x, kinds }
  }

  /** The loss of what the layers have made, and what else is to be seen. */
  private scored(x: g.Tensor): { loss: g.Scalar; outputs: Record<string, g.Tensor> } {
    const {
      images: { batch },
      batched,
    } = this.spec
    const scores = g.reshape(x, [x.shape[0]!, -1]) as g.Matrix
    const ofBatch = scores.shape[0] === batch
    const classes = Array.from({ length: scores.shape[1] }, (_, k) => k)
    this.values.labels = this.numbers(batch, classes)
    const labels = g.input('labels', [batch], { dtype: 'i32', batched }) as g.Vector
    const each =
      this.spec.loss === 'crossEntropy' && ofBatch ? g.softmaxCrossEntropy(scores, labels) : g.mean(g.square(scores), 1)
    const outputs: Record<string, g.Tensor> = { each, scores }
    if (this.exact) outputs.best = g.argmax(scores, 1)
    if (this.exact && ofBatch) outputs.accuracy = g.mean(g.equal(g.argmax(scores, 1), labels))
    let loss: g.Tensor = g.mean(each)
    this.exposed.forEach((value, k) => {
      outputs[`exposed ${k}`] = value
      loss = g.add(loss, g.mean(g.square(value)))
    })
    outputs.loss = loss
    return { loss: loss as g.Scalar, outputs }
  }

  contracts(most = 3): boolean {
    if (this.depth >= most) return false
    this.depth++
    return true
  }

  variable(shape: readonly number[], choices: readonly number[] = [-1, -0.5, 0, 0.5, 1]): g.Variable {
    const value = Float32Array.from(this.numbers(g.sizeOf(shape), choices))
    const variable = new g.Variable(shape, { name: `v${this.variables.length}`, value })
    this.variables.push(variable)
    return variable
  }

  constant(shape: readonly number[], choices: readonly number[]): g.Tensor {
    return g.constantTensor(this.numbers(g.sizeOf(shape), choices), shape)
  }

  input(shape: readonly number[]): g.Tensor {
    const name = `input ${this.inputs.length}`
    const {
      images: { batch },
      batched,
    } = this.spec
    const given = g.input(name, shape, { batched: batched && shape[0] === batch })
    this.values[name] = this.numbers(g.sizeOf(shape), [-2, -1, 0, 1, 2])
    this.inputs.push(given)
    return given
  }

  expose(x: g.Tensor): void {
    this.exposed.push(x)
  }

  update(variable: g.Variable, next: g.Tensor): void {
    this.updates.set(variable, next)
  }

  private numbers(count: number, choices: readonly number[]): number[] {
    return Array.from({ length: count }, () => {
      this.state = (Math.imul(1664525, this.state) + 1013904223) >>> 0
      return choices[(this.state >>> 12) % choices.length]!
    })
  }
}

function simplify({ outputs, updates }: Program): Program {
  const names = Object.keys(outputs)
  const targets = [...updates.keys()]
  const roots = g.simplify([...Object.values(outputs), ...updates.values()])
  return {
    outputs: Object.fromEntries(names.map((name, k) => [name, roots[k]!])),
    updates: new Map(targets.map((variable, k) => [variable, roots[names.length + k]!])),
  }
}
