/**
 * LeNet-5 as published (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
 * 1998, section II.B): trainable subsampling, the connection table of C3, scaled tanh, and an output layer of radial
 * basis functions with fixed centers. 60,000 trainable parameters.
 */
import { concat } from '../graph/ops/concat.ts'
import { add, mul, square, sub, tanh } from '../graph/ops/elementwise.ts'
import { gather } from '../graph/ops/gather.ts'
import { sum } from '../graph/ops/reduce.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Activation } from '../nn/activations.ts'
import { type Conv2d, conv2d } from '../nn/convolution.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { uniform } from '../nn/initializers.ts'
import { type Linear, linear } from '../nn/linear.ts'
import { type ForwardContext, type Initializer, ModelBuffer, Module, Parameter } from '../nn/module.ts'
import { type AveragePool2d, averagePool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'
import { philox } from '../random/philox.ts'

/** Options of {@link lenet5In1998}. */
export interface LeNet5In1998Options {
  /**
   * Number of outputs, 10 by default. Up to ten use the digits' bitmaps as centers; with more, all centers are random.
   */
  readonly classes?: number
}

/** The layers of {@link lenet5In1998}, with the paper's names. */
export type LeNet5In1998 = Sequential<{
  readonly c1: Conv2d
  readonly tanh1: ScaledTanh
  readonly s2: Subsampling
  readonly tanh2: ScaledTanh
  readonly c3: TableConv2d
  readonly tanh3: ScaledTanh
  readonly s4: Subsampling
  readonly tanh4: ScaledTanh
  readonly c5: Conv2d
  readonly tanh5: ScaledTanh
  readonly flatten: Flatten
  readonly f6: Linear
  readonly tanh6: ScaledTanh
  readonly output: RadialBasis
}>

/** 1.7159 tanh(⅔ x), which is ±1 at ±1, where its curvature is largest (LeCun et al., appendix A). */
export class ScaledTanh extends Activation {
  protected override apply(x: Tensor): Tensor {
    return mul(tanh(mul(x, 2 / 3)), 1.7159)
  }
}

/**
 * Trainable subsampling: the sum of each 2×2 window times a coefficient of the map, plus a bias; `[N, C, H, W] → [N,
 * C, H/2, W/2]`.
 */
export class Subsampling extends Module {
  readonly channels: number
  readonly pool: AveragePool2d = averagePool2d(2)
  /** Coefficient of each map `[C]`. */
  readonly weight: Parameter<readonly [number]>
  /** `[C]` */
  readonly bias: Parameter<readonly [number]>

  constructor(channels: number) {
    super()
    this.channels = channels
    // Four inputs share one coefficient.
    this.weight = new Parameter([channels], lecun(4))
    this.bias = new Parameter([channels], lecun(4))
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const perChannel = (values: Tensor): Tensor => reshape(values, [this.channels, 1, 1])
    const sums = mul(this.pool.forward(x, context), 4)
    return this.label(add(mul(sums, perChannel(this.weight.tensor)), perChannel(this.bias.tensor)))
  }
}

/**
 * Table I of the paper: the maps of S2 that each map of C3 sees. Six maps see three neighbors, nine see four maps, and
 * one sees all maps. This breaks the symmetry and saves weights.
 */
export const connectionTable: readonly (readonly number[])[] = [
  ...[0, 1, 2, 3, 4, 5].map(first => ring(first, [0, 1, 2])),
  ...[0, 1, 2, 3, 4, 5].map(first => ring(first, [0, 1, 2, 3])),
  ...[0, 1, 2].map(first => ring(first, [0, 1, 3, 4])),
  [0, 1, 2, 3, 4, 5],
]

/** The maps `first + step` modulo six, in increasing order. */
function ring(first: number, steps: readonly number[]): number[] {
  return steps.map(step => (first + step) % 6).sort((a, b) => a - b)
}

/**
 * A convolution whose output maps see the input maps given by a table. Maps with equally many inputs are computed
 * together, as a grouped convolution over their inputs, concatenated group by group.
 */
export class TableConv2d extends Module {
  readonly table: readonly (readonly number[])[]
  /**
   * One convolution for each number of inputs, in the order of the table: `parts.0` has the maps with the fewest
   * inputs.
   */
  readonly parts: readonly Conv2d[]

  /** @param table input maps of each output map; maps with equally many inputs must follow each other */
  constructor(table: readonly (readonly number[])[], kernel: number) {
    super()
    this.table = table
    this.parts = runs(table).map(run => {
      const [{ length }] = run
      const init = lecun(length * kernel * kernel)
      return conv2d(length * run.length, run.length, kernel, { groups: run.length, init, biasInit: init })
    })
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const maps = runs(this.table).map((run, index) => {
      const inputs = run.flat()
      const laidOut = gather(x, constantTensor(inputs, [inputs.length], 'i32'), 1)
      return this.parts[index].forward(laidOut, context)
    })
    return this.label(concat(maps, 1))
  }
}

/** The entries of a table, with neighbors of equal length grouped. */
function runs(table: readonly (readonly number[])[]): (readonly number[])[][] {
  const found: (readonly number[])[][] = []
  for (const entry of table) {
    const last = found.at(-1)
    if (last?.[0].length === entry.length) last.push(entry)
    else found.push([entry])
  }
  return found
}

/**
 * The output layer: y_i = Σ_j (x_j − w_ij)², the squared distance from the fixed center of each class. The paper uses
 * these distances as penalties, smaller being better; the layer returns −y, so that softmax cross-entropy is the
 * paper's equation 9 without its constant.
 */
export class RadialBasis extends Module {
  /** Centers of ±1, `[classes, features]`: saved with the model, not trained. */
  readonly weight: ModelBuffer<readonly [number, number]>

  constructor(centers: readonly (readonly number[])[]) {
    super()
    this.weight = new ModelBuffer([centers.length, centers[0].length], 0)
    this.weight.value.set(centers.flat())
  }

  /** A new layer for another number of classes, with the centers of {@link lenet5In1998}; see `replaceHead`. */
  withOutputs(classes: number): RadialBasis {
    return new RadialBasis(centersOf(classes, this.weight.shape[1]))
  }

  /** @throws ShapeError when `x` is not `[N, features]`. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const [, features] = this.weight.shape
    if (x.shape.length !== 2 || x.shape[1] !== features) {
      throw new ShapeError(`${this.displayName}: expected an input [N, ${features}], got ${formatShape(x.shape)}`)
    }
    const difference = sub(reshape(x, [x.shape[0], 1, features]), this.weight.tensor)
    return this.label(mul(sum(square(difference), [2]), -1))
  }
}

/**
 * The LeNet-5 of 1998 for images `[N, 1, 28, 28]`, with logits `[N, classes]` (the negated distances of the paper). C1
 * pads the images to the paper's 32×32. Trainable parameters: C1 156, S2 12, C3 1,516, S4 32, C5 48,120, F6 10,164 =
 * 60,000.
 *
 * The paper's centers are 7×12-pixel drawings of the ASCII characters, which it shows only in print; the centers here
 * are this project's own drawings of the digits at that size.
 * @throws RangeError when `classes` is not a whole number ≥ 1.
 * @example const model = lenet5In1998().initialize(0)
 */
export function lenet5In1998({ classes = 10 }: LeNet5In1998Options = {}): LeNet5In1998 {
  if (!Number.isInteger(classes) || classes < 1) {
    throw new RangeError(`lenet5In1998: classes (=${classes}) must be a whole number ≥ 1`)
  }
  const convolution = (inChannels: number, outChannels: number, padding = 0): Conv2d => {
    const init = lecun(inChannels * 25)
    return conv2d(inChannels, outChannels, 5, { padding, init, biasInit: init })
  }
  const hidden = lecun(120)
  return sequential({
    c1: convolution(1, 6, 2), // N × 6 × 28 × 28
    tanh1: new ScaledTanh(),
    s2: new Subsampling(6), // N × 6 × 14 × 14
    tanh2: new ScaledTanh(),
    c3: new TableConv2d(connectionTable, 5), // N × 16 × 10 × 10
    tanh3: new ScaledTanh(),
    s4: new Subsampling(16), // N × 16 × 5 × 5
    tanh4: new ScaledTanh(),
    c5: convolution(16, 120), // N × 120 × 1 × 1
    tanh5: new ScaledTanh(),
    flatten: flatten(),
    f6: linear(120, 84, { init: hidden, biasInit: hidden }),
    tanh6: new ScaledTanh(),
    output: new RadialBasis(centersOf(classes, 84)),
  })
}

/** The paper's initialization: U(±2.4 / fan-in). */
const lecun = (fanIn: number): Initializer => uniform(2.4 / fanIn)

/** Digits with 7×12 pixels. */
const bitmaps = [
  '....... .#####. ##...## ##...## ##...## ##...## ##...## ##...## ##...## .#####. ....... .......',
  '....... ...##.. ..###.. .####.. ...##.. ...##.. ...##.. ...##.. ...##.. .###### ....... .......',
  '....... .#####. ##...## .....## ....##. ...##.. ..##... .##.... ##...## ####### ....... .......',
  '....... .#####. ##...## .....## .....## ..####. .....## .....## ##...## .#####. ....... .......',
  '....... ....##. ...###. ..####. .##.##. ##..##. ####### ....##. ....##. ...#### ....... .......',
  '....... ####### ##..... ##..... ######. .....## .....## .....## ##...## .#####. ....... .......',
  '....... ..####. .##.... ##..... ######. ##...## ##...## ##...## ##...## .#####. ....... .......',
  '....... ####### ##...## .....## ....##. ...##.. ..##... ..##... ..##... ..##... ....... .......',
  '....... .#####. ##...## ##...## ##...## .#####. ##...## ##...## ##...## .#####. ....... .......',
  '....... .#####. ##...## ##...## ##...## .###### .....## .....## ....##. .####.. ....... .......',
]

/**
 * A center for each class, with elements ±1: the digits' bitmaps for up to ten classes and 84 features, else random.
 */
function centersOf(classes: number, features: number): number[][] {
  if (classes <= bitmaps.length && features === 84) {
    return bitmaps.slice(0, classes).map(bitmap => [...bitmap.replaceAll(' ', '')].map(dot => (dot === '#' ? 1 : -1)))
  }
  return Array.from({ length: classes }, (_, index) =>
    Array.from({ length: features }, (_, j) => (philox([j, index, 2, 0], [1998, 0])[0] % 2 === 0 ? 1 : -1)),
  )
}
