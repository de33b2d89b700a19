/**
 * Random programs for property tests: chains of layers on a batch, with gradients and updates, described as data so
 * that fast-check can shrink a failing one to its shortest form.
 *
 * Inputs are small integers and weights multiples of ½, so that sums are exact in single precision and decisions
 * (rectifiers, maxima, comparisons) fall alike in single and double. A layer that rounds ends the decisions.
 */
import * as fc from 'fast-check'
import * as g from '../../src/graph/index.ts'
import type { Program } from '../../src/plan/program.ts'
import type { Values } from './programs.ts'

/** Kinds of layers; those that do not fit where they stand are left out. */
const kinds = [
  'conv',
  'conv',
  'maxPool',
  'averagePool',
  'bias',
  'relu',
  'tanh',
  'residual',
  'mask',
  'transpose',
  'slice',
  'pad',
  'concat',
  'flatten',
  'linear',
  'linear',
  'unflatten',
  'reduce',
  'softmax',
  'gather',
  'dropout',
  'batchNorm',
  'shuffle',
  'mixSamples',
  'concatBatch',
  'square',
  'selfProduct',
  'dense',
] as const

/** One layer: its kind and four numbers that it reads as sizes, axes or switches. */
export interface LayerSpec {
  readonly kind: (typeof kinds)[number]
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

/** A network, its batch, and what to ask of it. */
export interface NetworkSpec {
  readonly batch: number
  readonly channels: number
  readonly size: readonly [number, number]
  readonly bytes: boolean
  readonly batched: boolean
  readonly layers: readonly LayerSpec[]
  readonly loss: 'crossEntropy' | 'squares'
  readonly momentum: boolean
  readonly simplified: boolean
  readonly seed: number
}

const digit = fc.integer({ min: 0, max: 11 })

/** Networks with batches below, at and between the sizes of blocks. */
export const networks: fc.Arbitrary<NetworkSpec> = fc.record({
  batch: fc.constantFrom(1, 2, 3, 4, 5, 8, 12, 16, 20, 24, 32, 48, 64),
  channels: fc.integer({ min: 1, max: 5 }),
  size: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
  bytes: fc.boolean(),
  batched: fc.constantFrom(true, true, true, false),
  layers: fc.array(fc.record<LayerSpec>({ kind: fc.constantFrom(...kinds), a: digit, b: digit, c: digit, d: digit }), {
    maxLength: 9,
  }),
  loss: fc.constantFrom('crossEntropy' as const, 'squares' as const),
  momentum: fc.boolean(),
  simplified: fc.boolean(),
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
})

/** A program with what it needs to run. */
export interface RandomProgram {
  readonly program: Program
  readonly inputs: Values
  readonly variables: readonly g.Variable[]
}

/** Builds the program of a network; every call makes variables of its own. */
export function buildProgram(spec: NetworkSpec): RandomProgram {
  return new Builder(spec).build()
}

/** Elements beyond which layers that enlarge a value are left out. */
const largest = 6000

class Builder {
  private readonly spec: NetworkSpec
  private readonly variables: g.Variable[] = []
  private readonly earlier: g.Tensor[] = []
  private readonly key = g.input('key', [2], { dtype: 'i32' })
  /** Whether values are still exact, so that decisions may depend on them. */
  private exact = true
  /** Contractions so far; each takes a few bits. */
  private depth = 0
  private state: number

  constructor(spec: NetworkSpec) {
    this.spec = spec
    this.state = spec.seed >>> 0
  }

  build(): RandomProgram {
    const { batch, channels, size, bytes, batched, layers, momentum, simplified } = this.spec
    const shape = [batch, channels, ...size]
    const images = g.input('images', shape, { dtype: bytes ? 'u8' : 'f32', batched })
    const labels = g.input('labels', [batch], { dtype: 'i32', batched })
    const values: Record<string, ArrayLike<number>> = {
      images: this.numbers(g.sizeOf(shape), bytes ? [0, 1, 2, 3] : [-2, -1, 0, 1, 2]),
      key: [this.spec.seed, 3],
    }
    const first = bytes ? g.sub(images, 1) : images
    let x: g.Tensor = first
    for (const layer of layers) {
      const next = this.layer(layer, x)
      if (g.sizeOf(next.shape) > largest) continue
      this.earlier.push(x)
      x = next
    }
    const scores = g.reshape(x, [x.shape[0]!, -1]) as g.Matrix
    const classes = scores.shape[1]
    values.labels = this.numbers(
      batch,
      Array.from({ length: classes }, (_, k) => k),
    )
    const each =
      this.spec.loss === 'crossEntropy' && scores.shape[0] === batch
        ? g.softmaxCrossEntropy(scores, labels as g.Vector)
        : g.mean(g.square(scores), 1)
    const loss = g.mean(each) as g.Scalar
    const outputs: Record<string, g.Tensor> = { loss, each, scores }
    if (this.exact) outputs.best = g.argmax(scores, 1)
    if (this.exact && scores.shape[0] === batch) outputs.accuracy = g.mean(g.equal(g.argmax(scores, 1), labels))
    const sources = [...(bytes ? [] : [images]), ...this.variables.map(({ tensor }) => tensor)]
    const slopes = g.gradients(loss, sources)
    if (!bytes) outputs.imageGradient = slopes.shift()!
    const updates = new Map<g.Variable, g.Tensor>()
    for (const [k, variable] of [...this.variables].entries()) {
      let step = slopes[k]!
      if (momentum) {
        const velocity = this.variable(variable.shape, [0, 0.5])
        step = g.add(g.mul(velocity.tensor, 0.5), step)
        updates.set(velocity, step)
      }
      updates.set(variable, g.sub(variable.tensor, g.mul(step, 0.25)))
    }
    const program = simplified ? simplify({ outputs, updates }) : { outputs, updates }
    // Simplification may show that an input does not matter.
    const used = new Set(g.topologicalOrder([...Object.values(program.outputs), ...program.updates.values()]))
    const inputs = Object.entries(values).filter(([name]) =>
      [...used].some(({ source }) => source?.kind === 'input' && source.name === name),
    )
    return { program, inputs: Object.fromEntries(inputs), variables: this.variables }
  }

  private layer({ kind, a, b, c, d }: LayerSpec, x: g.Tensor): g.Tensor {
    const [n, ...rest] = x.shape as [number, ...number[]]
    const volume = rest.length === 3 ? (x as g.Volume) : undefined
    const matrix = rest.length === 1 ? (x as g.Matrix) : undefined
    const axis = 1 + (a % Math.max(1, rest.length))
    const extent = x.shape[axis] ?? 1
    switch (kind) {
      case 'conv': {
        if (!volume || this.depth >= 3) return x
        const [, channels, height, width] = volume.shape
        const groups = channels % 2 === 0 && a % 3 === 0 ? 2 : a % 5 === 0 ? channels : 1
        const padding = { top: c % 3, bottom: d % 3, left: (c >> 1) % 3, right: (d >> 1) % 3 }
        const dilation = 1 + (d % 2)
        const kernel: [number, number] = [1 + (a % 4), 1 + (b % 4)]
        const fits =
          dilation * (kernel[0] - 1) < height + padding.top + padding.bottom &&
          dilation * (kernel[1] - 1) < width + padding.left + padding.right
        if (!fits) return x
        const w = this.variable([groups * (1 + (b % 6)), channels / groups, ...kernel])
        this.depth++
        return g.conv2d(volume, w.tensor as g.Volume, { padding, dilation, stride: [1 + (c % 3), 1 + (d % 2)], groups })
      }
      case 'maxPool':
      case 'averagePool': {
        if (!volume || (kind === 'maxPool' && !this.exact)) return x
        const kernel: [number, number] = [1 + (a % 3), 1 + (b % 3)]
        const padding = { top: c % 2, bottom: d % 2, left: (c >> 1) % 2, right: (d >> 1) % 2 }
        const stride: [number, number] = [1 + (c % 3), 1 + (d % 3)]
        try {
          if (kind === 'maxPool') return g.maxPool2d(volume, kernel, { padding, stride })
          const y = g.averagePool2d(volume, kernel, { padding, stride, countPadding: a % 2 === 0 })
          this.exact = false
          return y
        } catch (error) {
          // A geometry that the library refuses.
          if (error instanceof g.ShapeError) return x
          throw error
        }
      }
      case 'bias': {
        const shape = volume && a % 2 ? [1, rest[0]!, 1, 1] : rest.map((size, at) => (at === 0 || b % 2 ? size : 1))
        return g.add(x, this.variable(shape).tensor)
      }
      case 'relu':
        return this.exact ? g.relu(x) : x
      case 'tanh':
        this.exact = false
        return g.mul(g.tanh(g.mul(x, 0.125)), 2)
      case 'residual': {
        const partner = this.earlier.find(tensor => g.sameShape(tensor.shape, x.shape))
        return partner ? g.add(x, g.mul(partner, 0.5)) : x
      }
      case 'mask': {
        // Repeats along axes by the bits of b; with none, it is as large as the batch but not batched.
        const shape = x.shape.map((size, at) => ((b >> at) & 1 ? 1 : size))
        return g.mul(x, g.constantTensor(this.numbers(g.sizeOf(shape), [0, 1, -1]), shape))
      }
      case 'transpose': {
        const order = rest.map((_, at) => at + 1)
        if (order.length < 2) return x
        order.push(...order.splice(a % order.length, 1))
        return g.transpose(x, [0, ...order])
      }
      case 'slice': {
        if (extent < 2) return x
        const start = b % extent
        const end = start + 1 + (c % (extent - start))
        return g.slice(
          x,
          x.shape.map((_, at) => (at === axis ? start : 0)),
          x.shape.map((size, at) => (at === axis ? end : size)),
          x.shape.map((_, at) => (at === axis ? 1 + (d % 3) : 1)),
        )
      }
      case 'pad': {
        const at = (amount: number): number[] => x.shape.map((_, k) => (k === axis ? amount : 0))
        return g.pad(x, { before: at(b % 3), after: at(c % 3), interior: at(d % 2), value: a % 2 })
      }
      case 'concat': {
        const others = this.earlier.filter(
          ({ shape }) =>
            shape.length === x.shape.length && shape.every((size, at) => at === axis || size === x.shape[at]),
        )
        return g.concat([x, ...others.slice(0, 1 + (b % 2)), g.neg(x)], axis)
      }
      case 'flatten':
        return g.reshape(x, [n, -1])
      case 'linear': {
        if (!matrix || this.depth >= 3) return x
        const outputs = 1 + a + (b % 3) * 9
        const transposed = c % 2 === 0
        const w = this.variable(transposed ? [outputs, rest[0]!] : [rest[0]!, outputs])
        this.depth++
        return g.matmul(matrix, w.tensor as g.Matrix, { transposeB: transposed })
      }
      case 'unflatten': {
        if (!matrix) return x
        const height = [4, 3, 2].find(size => rest[0]! % size === 0) ?? 1
        return g.reshape(x, [n, -1, height, 1])
      }
      case 'reduce': {
        if (rest.length === 0) return x
        const fn = b % 2 && this.exact ? g.max : g.sum
        if (c % 2) return g.sub(x, g.mul(fn(x, axis, { keepDims: true }), 0.5))
        return rest.length > 1 ? fn(x, axis) : x
      }
      case 'softmax':
        if (!matrix) return x
        this.exact = false
        return a % 2 ? g.softmax(x) : g.logSoftmax(x)
      case 'gather': {
        const picks = Array.from({ length: 1 + (b % 5) }, (_, k) => (c + k * d) % extent)
        return rest.length > 0 ? g.gather(x, g.constantTensor(picks, [picks.length], 'i32'), axis) : x
      }
      case 'dropout':
        return g.mul(x, g.mul(g.randomBernoulli(this.key, x.shape, 0.75, `dropout ${a}`), 2))
      case 'batchNorm': {
        const axes = volume ? [0, 2, 3] : [0]
        this.exact = false
        const centered = g.sub(x, g.mean(x, axes, { keepDims: true }))
        return g.div(centered, g.sqrt(g.add(g.mean(g.square(centered), axes, { keepDims: true }), 1)))
      }
      case 'shuffle': {
        const order = Array.from({ length: n }, (_, k) => (k * 7 + a) % n)
        return g.gather(x, g.constantTensor(order, [n], 'i32'), 0)
      }
      case 'mixSamples': {
        // Seen as other rows for a moment: [N, F] → [F, N] and back.
        const size = g.sizeOf(x.shape)
        const mixed = g.mul(g.reshape(x, [size / n, n]), g.constantTensor(this.numbers(n, [1, -1]), [n]))
        return g.reshape(mixed, x.shape)
      }
      case 'concatBatch': {
        const doubled = g.concat([x, g.mul(x, 2)], 0)
        const start = b % (n + 1)
        return g.sliceAxis(doubled, 0, start, start + n)
      }
      case 'square':
        if (this.depth >= 2) return x
        this.depth++
        return g.mul(x, x)
      case 'selfProduct': {
        // A matrix used as an operand and in the store, and a batch as the operand that is not cut.
        if (!matrix || this.depth >= 2 || n !== rest[0]) return x
        this.depth++
        const w = this.variable([n, n]).tensor as g.Matrix
        return g.add(g.matmul(matrix, w), w)
      }
      case 'dense': {
        // Every sample with every other.
        if (!matrix || this.depth >= 1) return x
        this.depth += 2
        return g.mul(g.matmul(g.matmul(matrix, matrix, { transposeB: true }), matrix), 0.125)
      }
    }
  }

  private variable(shape: readonly number[], choices = [-1, -0.5, 0, 0.5, 1]): g.Variable {
    const value = Float32Array.from(this.numbers(g.sizeOf(shape), choices))
    const variable = new g.Variable(shape, { name: `v${this.variables.length}`, value })
    this.variables.push(variable)
    return variable
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
