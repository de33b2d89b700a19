/**
 * The layers that random networks are made of: everything that leads a value through another layout, shape or order, and
 * what may be fused with it. A layer that does not fit where it stands gives its input back.
 */
import * as g from '../../src/graph/index.ts'

/** Four digits, which a layer reads as sizes, axes or switches. */
export interface Digits {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

/** The network around a layer. */
export interface Surroundings {
  /** Whether values are still exact in single precision, so that decisions may depend on them. */
  exact: boolean
  /** Whether convolutions may be computed by Winograd's algorithm, which rounds. */
  readonly winograd: boolean
  /** Inputs of earlier layers. */
  readonly earlier: readonly g.Tensor[]
  /** Seed and step of random numbers. */
  readonly key: g.Vector
  /** Takes one of the few contractions of a network: each takes a few bits. */
  contracts(most?: number): boolean
  /** A variable that is trained, of multiples of ½ by default. */
  variable(shape: readonly number[], choices?: readonly number[]): g.Variable
  constant(shape: readonly number[], choices: readonly number[]): g.Tensor
  /** Another input, of small whole numbers; of the batch where it has as many rows. */
  input(shape: readonly number[]): g.Tensor
  /** Makes a value an output, and part of the loss. */
  expose(x: g.Tensor): void
  /** Gives a variable a new value of its own. */
  update(variable: g.Variable, next: g.Tensor): void
}

type Layer = (x: g.Tensor, net: Surroundings, digits: Digits) => g.Tensor

const isVolume = (x: g.Tensor): x is g.Volume => x.shape.length === 4

/** A sample a row. */
const flat = (x: g.Tensor): g.Matrix => g.reshape(x, [x.shape[0], -1]) as g.Matrix

/** Axes of a volume that are folded together, those of normalizations and pools more often. */
const foldings = [[2, 3], [0, 2, 3], [2, 3], [0, 2, 3], [1, 2, 3], [1], [0], [2], [3], [0, 1], [1, 2], [0, 3]] as const

/** Axes to fold, by the bits of a number where there are other than four; none where nothing would be left. */
function foldedAxes(x: g.Tensor, digit: number): number[] {
  if (isVolume(x)) return [...foldings[digit]]
  const axes = x.shape.map((_, axis) => axis).filter(axis => ((digit + 1) >> axis) & 1)
  return axes.length < x.shape.length ? axes : []
}

/** Some axis, the first one seldom. */
const axisOf = ({ shape: { length: rank } }: g.Tensor, digit: number): number =>
  rank === 1 || digit === 11 ? 0 : 1 + (digit % (rank - 1))

/** Of a value's earlier ones, the `digit`-th that fits. */
function partnerOf(x: g.Tensor, net: Surroundings, digit: number, fits: (other: g.Tensor) => boolean) {
  const candidates = net.earlier.filter(other => other !== x && fits(other))
  return candidates.length > 0 ? candidates[digit % candidates.length] : undefined
}

/** Another value of the shape: an earlier one, or one that lies otherwise in memory than a result of its layer would. */
function companionOf(x: g.Tensor, net: Surroundings, digit: number): g.Tensor {
  if (digit % 4 === 1 && isVolume(x)) return throughRows(x, rows => g.mul(rows, net.variable([x.shape[1]]).tensor))
  if (digit % 4 === 2) return net.constant(x.shape, [0, 1])
  return (digit % 4 === 3 ? undefined : partnerOf(x, net, digit, sameShape(x))) ?? net.input(x.shape)
}

const sameShape = (x: g.Tensor) => (other: g.Tensor) => g.sameShape(x.shape, other.shape)

/** Whether a shape broadcasts to another. */
const repeatsTo = (shape: readonly number[], larger: readonly number[]): boolean =>
  shape.length <= larger.length &&
  shape.every((size, at) => size === 1 || size === larger[at + larger.length - shape.length])

/** What an axis rolled to the end makes of an order. */
const rolled = (count: number, from: number, digit: number): number[] => {
  const order = Array.from({ length: count - from }, (_, at) => from + at)
  const picked = digit % Math.max(1, order.length)
  return [...Array.from({ length: from }, (_, at) => at), ...order.slice(picked + 1), ...order.slice(0, picked + 1)]
}

/** Whether a convolution with this kernel may round: by Winograd's algorithm. */
const mayRound = (x: g.Volume, [height, width]: readonly [number, number], groups = 1): boolean =>
  groups === 1 && height === width && (height === 3 || height === 5) && x.shape[1] % 4 === 0

/** A convolution with weights of its own. */
function convolve(
  x: g.Volume,
  net: Surroundings,
  outputs: number,
  kernel: readonly [number, number],
  options: g.Conv2dOptions,
): g.Tensor {
  const { groups = 1 } = options
  net.exact &&= !(net.winograd && mayRound(x, kernel, groups))
  const w = net.variable([outputs, x.shape[1] / groups, ...kernel])
  return g.conv2d(x, w.tensor as g.Volume, options)
}

const sides = (c: number, d: number) => ({ top: c % 3, bottom: d % 3, left: (c >> 1) % 3, right: (d >> 1) % 3 })

/** A result, or the input where the library refuses the geometry. */
function whereItFits(x: g.Tensor, make: () => g.Tensor): g.Tensor {
  try {
    return make()
  } catch (error) {
    if (error instanceof g.ShapeError) return x
    throw error
  }
}

/** (x − mean) / √(variance + 1) over some axes. */
function normalize(x: g.Tensor, net: Surroundings, axes: readonly number[]): g.Tensor {
  net.exact = false
  const centered = g.sub(x, g.mean(x, axes, { keepDims: true }))
  return g.div(centered, g.sqrt(g.add(g.mean(g.square(centered), axes, { keepDims: true }), 1)))
}

/** x with its channels last, as rows `[N · H · W, C]`, through `apply` and back. */
function throughRows(x: g.Volume, apply: (rows: g.Matrix) => g.Tensor): g.Tensor {
  const [n, c, h, w] = x.shape
  const rows = apply(g.reshape(g.transpose(x, [0, 2, 3, 1]), [n * h * w, c]) as g.Matrix)
  return g.transpose(g.reshape(rows, [n, h, w, -1]), [0, 3, 1, 2])
}

const reducers = [g.sum, g.max, g.mean, g.min] as const

/** Functions with a bend, for exact values only, and smooth ones. */
const bent = [g.relu, g.abs, g.leakyRelu, g.hardTanh, (x: g.Tensor) => g.clamp(x, -1, 2), g.hardSwish] as const
const smooth = [g.tanh, g.sigmoid, g.silu, g.gelu, g.erf] as const

const layers = {
  conv(x, net, { a, b, c, d }) {
    if (!isVolume(x)) return x
    const [, channels] = x.shape
    const groups = channels % 2 === 0 && a % 3 === 0 ? 2 : a % 5 === 0 ? channels : 1
    const outputs = groups * (1 + (b % 6))
    const dilation = 1 + (d % 2)
    const options = { padding: sides(c, d), dilation, stride: [1 + (c % 3), 1 + (d % 2)] as const, groups }
    const kernel = [1 + (a % 4), 1 + (b % 4)] as const
    const [height, width] = [2, 3].map(axis => x.shape[axis] + 2)
    if (dilation * (kernel[0] - 1) >= height || dilation * (kernel[1] - 1) >= width || !net.contracts()) return x
    return whereItFits(x, () => convolve(x, net, outputs, kernel, options))
  },
  wideConv(x, net, { a, b, c }) {
    // Channels that fill vectors, and images that keep their size: methods of their own.
    if (!isVolume(x) || !net.contracts()) return x
    const size = [1, 3, 5, 3][a % 4]
    const outputs = [4, 8, 16, x.shape[1]][b % 4]
    return convolve(x, net, outputs, [size, size], { padding: (size - 1) / 2, stride: c % 5 === 0 ? 2 : 1 })
  },
  residualBlock(x, net, { a, b, c }) {
    // Two convolutions of one shape: what is added to them lies here like their results and there otherwise.
    if (!isVolume(x) || !net.contracts(2) || !net.contracts()) return x
    const [, channels] = x.shape
    const size = c % 3 === 0 ? 3 : 1
    const other = (y: g.Volume, digit: number): g.Tensor => (digit % 3 === 0 ? y : companionOf(y, net, digit))
    return [a, b].reduce<g.Volume>((y, digit) => {
      const z = convolve(y, net, channels, [size, size], { padding: (size - 1) / 2 })
      return g.add(z, other(y, digit)) as g.Volume
    }, x)
  },
  depthwise(x, net, { a, b }) {
    if (!isVolume(x) || !net.contracts()) return x
    const [channels, dilation] = [x.shape[1], 1 + (b % 2)]
    const options = { padding: dilation, dilation, stride: 1 + (a % 2), groups: channels }
    return convolve(x, net, channels, [3, 3], options)
  },
  convTranspose(x, net, { a, b, c, d }) {
    if (!isVolume(x) || !net.contracts()) return x
    const [stride, dilation] = [1 + (a % 3), 1 + (b % 3)]
    const [outputPadding, padding] = [c % 3, d % 2]
    const kernel = [1 + (a % 3), 1 + (b % 3)] as const
    net.exact &&= !(net.winograd && mayRound(x, kernel))
    const w = net.variable([x.shape[1], 1 + (d % 5), ...kernel])
    return whereItFits(x, () =>
      g.convTranspose2d(x, w.tensor as g.Volume, { stride, dilation, outputPadding, padding }),
    )
  },
  maxPool(x, net, { a, b, c, d }) {
    if (!isVolume(x) || !net.exact) return x
    const padding = { top: c % 2, bottom: d % 2, left: (c >> 1) % 2, right: (d >> 1) % 2 }
    const stride = [1 + (c % 3), 1 + (d % 3)] as const
    return whereItFits(x, () => g.maxPool2d(x, [1 + (a % 3), 1 + (b % 3)], { padding, stride }))
  },
  averagePool(x, net, { a, b, c, d }) {
    if (!isVolume(x)) return x
    const padding = { top: c % 2, bottom: d % 2, left: (c >> 1) % 2, right: (d >> 1) % 2 }
    const options = { padding, stride: [1 + (c % 3), 1 + (d % 3)] as const, countPadding: a % 2 === 0 }
    return whereItFits(x, () => {
      const y = g.averagePool2d(x, [1 + (a % 3), 1 + (b % 3)], options)
      net.exact = false
      return y
    })
  },
  bias(x, net, { a, b, c }) {
    const [, ...rest] = x.shape
    const shape = isVolume(x) && a % 2 ? [rest[0], 1, 1] : rest.map((size, at) => (at === 0 || b % 2 ? size : 1))
    const { tensor } = net.variable(shape)
    return c % 2 ? g.add(tensor, x) : g.add(x, tensor)
  },
  scale(x, net, { a, b }) {
    // Broadcast along any axes, in front of what it scales.
    const shape = x.shape.map((size, axis) => ((a >> axis) & 1 ? size : 1))
    const { tensor } = net.variable(shape.slice(b % (x.shape.length || 1)))
    return g.mul(tensor, x)
  },
  bend: (x, net, { a }) => (net.exact ? bent[a % bent.length](x) : x),
  curve(x, net, { a }) {
    net.exact = false
    return g.mul(smooth[a % smooth.length](g.mul(x, 0.125)), 2)
  },
  residual(x, net, { a, b }) {
    const partner = companionOf(x, net, b)
    if (a % 6 === 3 && net.exact) return g.maximum(x, partner)
    if (a % 6 === 4 && net.exact) return g.where(g.greater(partner, x), x, partner)
    if (a % 6 === 5 && net.contracts(2)) return g.mul(partner, x)
    return a % 2 ? g.add(g.mul(partner, 0.5), x) : g.sub(x, partner)
  },
  broadcastResidual(x, net, { a, b }) {
    const fits = (other: g.Tensor): boolean =>
      !sameShape(x)(other) && (repeatsTo(other.shape, x.shape) || repeatsTo(x.shape, other.shape))
    const partner = partnerOf(x, net, b, fits)
    return partner ? (a % 2 ? g.add(partner, x) : g.mul(g.add(x, partner), 0.5)) : x
  },
  mask(x, net, { b }) {
    // Repeats along axes by the bits of b; with none, it is as large as the batch but not batched.
    const shape = x.shape.map((size, at) => ((b >> at) & 1 ? 1 : size))
    return g.mul(x, net.constant(shape, [0, 1, -1]))
  },
  transpose: (x, _, { a }) => g.transpose(x, rolled(x.shape.length, 1, a)),
  permute: (x, _, { a }) => g.transpose(x, rolled(x.shape.length, 0, a)),
  slice(x, _, { a, b, c, d }) {
    const axis = axisOf(x, a)
    const extent = x.shape[axis]
    const start = b % extent
    const end = start + 1 + (c % (extent - start))
    return g.slice(
      x,
      x.shape.map((_, at) => (at === axis ? start : 0)),
      x.shape.map((size, at) => (at === axis ? end : size)),
      x.shape.map((_, at) => (at === axis ? 1 + (d % 3) : 1)),
    )
  },
  pad(x, _, { a, b, c, d }) {
    const at = (amount: number): number[] => x.shape.map((_, axis) => (axis === axisOf(x, a) ? amount : 0))
    return g.pad(x, { before: at(b % 3), after: at(c % 3), interior: at(d % 2), value: a % 2 })
  },
  concat(x, net, { a, b }) {
    const axis = axisOf(x, a)
    const others = net.earlier.filter(
      ({ shape }) => shape.length === x.shape.length && shape.every((size, at) => at === axis || size === x.shape[at]),
    )
    return g.concat([x, ...others.slice(0, 1 + (b % 2)), g.neg(x)], axis)
  },
  flatten: flat,
  unflatten(x, _, { a }) {
    if (x.shape.length !== 2) return x
    const divisors = [4, 3, 2].filter(size => x.shape[1] % size === 0)
    return g.reshape(x, [x.shape[0], -1, divisors[a % divisors.length] ?? 1, 1])
  },
  regroup(x, _, { a }) {
    // Other axes over the same elements of a sample.
    const [n, ...rest] = x.shape
    const size = rest.reduce((product, extent) => product * extent, 1)
    const [first, second] = [[2, 3, 4, 6][a % 4], [2, 3, 5, 4][(a >> 2) % 4]]
    return size % (first * second) === 0 ? g.reshape(x, [n, first, second, size / (first * second)]) : x
  },
  shuffleChannels(x, _, { a }) {
    if (!isVolume(x)) return x
    const [n, c, h, w] = x.shape
    const groups = [2, 4, 3][a % 3]
    if (c % groups !== 0) return x
    return g.reshape(g.transpose(g.reshape(x, [n, groups, c / groups, h, w]), [0, 2, 1, 3, 4]), [n, c, h, w])
  },
  pixelShuffle(x) {
    if (!isVolume(x) || x.shape[1] % 4 !== 0) return x
    const [n, c, h, w] = x.shape
    const blocks = g.transpose(g.reshape(x, [n, c / 4, 2, 2, h, w]), [0, 1, 4, 2, 5, 3])
    return g.reshape(blocks, [n, c / 4, 2 * h, 2 * w])
  },
  enlarge(x) {
    if (!isVolume(x)) return x
    const [n, c, h, w] = x.shape
    return g.reshape(g.broadcastTo(g.reshape(x, [n, c, h, 1, w, 1]), [n, c, h, 2, w, 2]), [n, c, 2 * h, 2 * w])
  },
  linear(x, net, { a, b, c }) {
    if (!net.contracts()) return x
    const rows = flat(x)
    const outputs = 1 + a + (b % 3) * 9
    const transposed = c % 2 === 0
    const w = net.variable(transposed ? [outputs, rows.shape[1]] : [rows.shape[1], outputs])
    return g.matmul(rows, w.tensor as g.Matrix, { transposeB: transposed })
  },
  rowsLinear(x, net, { a, b }) {
    // As in networks of patches: channels last, flattened rows, a matrix product, and back.
    if (!isVolume(x) || !net.contracts()) return x
    const [, channels] = x.shape
    const outputs = a % 2 ? channels : 1 + b
    const w = net.variable(a % 4 > 1 ? [outputs, channels] : [channels, outputs]).tensor as g.Matrix
    return throughRows(x, rows => g.matmul(rows, w, { transposeB: a % 4 > 1 }))
  },
  rowsNorm(x, net) {
    if (!isVolume(x)) return x
    net.exact = false
    return throughRows(x, rows => normalize(rows, net, [1]))
  },
  productFromTheLeft(x, net, { a, b }) {
    // Sums over samples, or of a transposed batch.
    if (!net.contracts()) return x
    const [batch] = x.shape
    if (b % 2) return g.matmul(net.variable([1 + a, batch]).tensor as g.Matrix, flat(x))
    return g.matmul(flat(x), net.variable([batch, 1 + a]).tensor as g.Matrix, { transposeA: true })
  },
  selfProduct(x, net) {
    // A matrix used as an operand and in the store, and a batch as the operand that is not cut.
    const [batch] = x.shape
    if (flat(x).shape[1] < batch || !net.contracts(2)) return x
    const w = net.variable([batch, batch]).tensor as g.Matrix
    return g.add(g.matmul(g.sliceAxis(flat(x), 1, 0, batch) as g.Matrix, w), w)
  },
  dense(x, net) {
    // Every sample with every other.
    if (!net.contracts(1) || !net.contracts()) return x
    return g.mul(g.matmul(g.matmul(flat(x), flat(x), { transposeB: true }), flat(x)), 0.125)
  },
  reduce(x, net, { a, b, c, d }) {
    const axes = foldedAxes(x, a)
    if (axes.length === 0) return x
    const fn = net.exact ? reducers[b % 4] : [g.sum, g.mean][b % 2]
    if (fn === g.mean) net.exact = false
    // Folded with another value, in front or behind, and perhaps a factor along one axis in front of both.
    const partner = companionOf(x, net, c)
    let terms = [g.add(partner, x), g.sub(partner, x), g.add(x, partner), x][d % 4]
    if (d > 7) terms = g.mul(net.variable(x.shape.map((size, axis) => (axis === d % 4 ? size : 1))).tensor, terms)
    if (b < 6) return fn(terms, axes)
    const kept = fn(terms, axes, { keepDims: true })
    return b < 9 ? kept : g.sub(x, g.mul(kept, 0.5))
  },
  pooledResidual(x, net, { a, b, c }) {
    // A statistic per channel of a convolution, which others read as well, and of what is added in front or behind.
    if (!isVolume(x) || !net.contracts()) return x
    const y = convolve(x, net, x.shape[1], [1, 1], {})
    net.expose(y)
    const other = companionOf(y, net, b)
    return g.sum(a % 3 === 0 ? g.add(y, other) : g.sub(other, y), c % 2 ? [2, 3] : [0, 2, 3], { keepDims: a > 5 })
  },
  softmax(x, net, { a }) {
    net.exact = false
    return a % 2 ? g.softmax(x) : g.logSoftmax(x)
  },
  gather(x, _, { a, b, c, d }) {
    const axis = axisOf(x, a)
    const picks = Array.from({ length: 1 + (b % 5) }, (_, k) => (c + k * d) % x.shape[axis])
    return g.gather(x, g.constantTensor(picks, [picks.length], 'i32'), axis)
  },
  dropout: (x, net, { a }) => g.mul(x, g.mul(g.randomBernoulli(net.key, x.shape, 0.75, `dropout ${a}`), 2)),
  batchNorm: (x, net) =>
    normalize(
      x,
      net,
      x.shape.map((_, axis) => axis).filter(axis => axis !== 1),
    ),
  layerNorm: (x, net, { a }) =>
    normalize(x, net, a % 2 ? [x.shape.length - 1] : x.shape.map((_, axis) => axis).slice(1)),
  channelNorm: (x, net) => (isVolume(x) ? normalize(x, net, [1]) : x),
  groupNorm(x, net, { a }) {
    if (!isVolume(x) || x.shape[1] % 2 !== 0) return x
    const [n, c, h, w] = x.shape
    const y = normalize(g.reshape(x, [n, 2, c / 2, h, w]), net, [2, 3, 4])
    return a % 2 ? g.reshape(y, x.shape) : g.mul(net.variable([c, 1, 1]).tensor, g.reshape(y, x.shape))
  },
  squeezeAndExcite(x, net) {
    if (!isVolume(x) || !net.contracts()) return x
    net.exact = false
    const weights = net.variable([x.shape[1], x.shape[1], 1, 1]).tensor as g.Volume
    return g.mul(x, g.sigmoid(g.conv2d(g.mean(x, [2, 3], { keepDims: true }) as g.Volume, weights)))
  },
  statistic(x, net, { a }) {
    // A running mean: read, and given a new value of its own.
    const axes = x.shape.map((_, axis) => axis).filter(axis => axis !== x.shape.length - 1)
    if (axes.length === 0) return x
    const running = net.variable([x.shape[x.shape.length - 1]], [0, 1])
    net.update(running, g.add(g.mul(running.tensor, 0.5), g.mul(g.stopGradient(g.mean(x, axes)), 0.5)))
    return a % 2 ? g.sub(x, running.tensor) : g.add(running.tensor, x)
  },
  shuffle(x, _, { a }) {
    const [n] = x.shape
    const order = Array.from({ length: n }, (_, k) => (k * 7 + a) % n)
    return g.gather(x, g.constantTensor(order, [n], 'i32'), 0)
  },
  mixSamples(x, net) {
    // Seen as other rows for a moment: [N, F] → [F, N] and back.
    const [n] = x.shape
    const mixed = g.mul(g.reshape(x, [g.sizeOf(x.shape) / n, n]), net.constant([n], [1, -1]))
    return g.reshape(mixed, x.shape)
  },
  concatBatch(x, _, { b }) {
    const [n] = x.shape
    const doubled = g.concat([x, g.mul(x, 2)], 0)
    const start = b % (n + 1)
    return g.sliceAxis(doubled, 0, start, start + n)
  },
  square: (x, net) => (net.contracts(2) ? g.mul(x, x) : x),
  fork(x, net, { a }) {
    // Goes on from an earlier value; what was reached is an end of its own.
    const back = net.earlier[a % net.earlier.length]
    if (!back || back === x) return x
    net.expose(x)
    return back
  },
  tap(x, net) {
    net.expose(x)
    return g.mul(x, 0.5)
  },
} satisfies Record<string, Layer>

/** Kinds of layers. */
export type LayerKind = keyof typeof layers
export const layerKinds = Object.keys(layers) as readonly LayerKind[]

/** Adds a layer to a network. */
export const addLayer = (kind: LayerKind, x: g.Tensor, net: Surroundings, digits: Digits): g.Tensor =>
  (layers[kind] as Layer)(x, net, digits)
