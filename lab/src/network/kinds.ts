/**
 * The kinds of layers that can be built by hand: how each is written in code and which numbers it has. A network is a list of such
 * layers, each fed with what the one before it gives. Plain data: a link holds it, and page and worker read it alike.
 */

/** A number of a layer. */
export interface Argument {
  readonly key: string
  /** What it is, for people. */
  readonly title: string
  /** Set for a number that is written by name, in braces. */
  readonly named?: true
  /** What it is where it is left out; without it, it must be given. */
  readonly usual?: number
  readonly least: number
  readonly most: number
  /** Set for what is written as true or false. */
  readonly isFlag?: true
  /** Set for a number that need not be whole. */
  readonly isFraction?: true
  /** Set for what is seldom changed, and shown with the layer that is chosen. */
  readonly isRare?: true
}

/** A kind of layer. */
export interface Kind {
  readonly title: string
  /** What its layers are called: `conv` for conv1, conv2. */
  readonly prefix: string
  /** Package that exports it, and whether it is a class. */
  readonly from: 'fovea/nn' | 'fovea/models'
  readonly isClass?: true
  readonly arguments: readonly Argument[]
}

const most = 65_536
const input = (title = 'input channels'): Argument => ({ key: 'in', title, least: 1, most })
const output = (title = 'output channels'): Argument => ({ key: 'out', title, least: 1, most })
const kernel: Argument = { key: 'kernel', title: 'kernel', least: 1, most: 64 }
const stride: Argument = { key: 'stride', title: 'stride', named: true, usual: 1, least: 1, most: 32 }
const padding: Argument = { key: 'padding', title: 'padding', named: true, usual: 0, least: 0, most: 32 }
const bias: Argument = {
  key: 'bias',
  title: 'bias',
  named: true,
  usual: 1,
  least: 0,
  most: 1,
  isFlag: true,
  isRare: true,
}
const ceilMode: Argument = {
  key: 'ceilMode',
  title: 'round up',
  named: true,
  usual: 0,
  least: 0,
  most: 1,
  isFlag: true,
  isRare: true,
}
/** Of a pool: 0 for a stride as large as the kernel, which is left out in code. */
const poolStride: Argument = { ...stride, usual: 0, least: 0 }
/** Of a block, where it is given by its place. */
const blockStride: Argument = { key: 'stride', title: 'stride', usual: 1, least: 1, most: 32 }

const layer = (title: string, prefix: string, args: readonly Argument[] = []): Kind => ({
  title,
  prefix,
  from: 'fovea/nn',
  arguments: args,
})
const block = (title: string, prefix: string, args: readonly Argument[]): Kind => ({
  title,
  prefix,
  from: 'fovea/models',
  isClass: true,
  arguments: args,
})

/** All kinds, by the name in code. */
export const kinds = {
  conv2d: layer('convolution', 'conv', [
    input(),
    output(),
    kernel,
    stride,
    padding,
    { key: 'groups', title: 'groups', named: true, usual: 1, least: 1, most, isRare: true },
    bias,
  ]),
  linear: layer('fully connected', 'fc', [input('inputs'), output('outputs'), bias]),
  relu: layer('ReLU', 'relu'),
  leakyRelu: layer('leaky ReLU', 'leaky', [
    { key: 'slope', title: 'slope', usual: 0.01, least: 0, most: 1, isFraction: true },
  ]),
  elu: layer('ELU', 'elu'),
  gelu: layer('GELU', 'gelu'),
  silu: layer('SiLU', 'silu'),
  sigmoid: layer('sigmoid', 'sigmoid'),
  tanh: layer('tanh', 'tanh'),
  maxPool2d: layer('max pooling', 'pool', [kernel, poolStride, padding, ceilMode]),
  averagePool2d: layer('average pooling', 'pool', [kernel, poolStride, padding, ceilMode]),
  adaptiveAveragePool2d: layer('average pooling to a size', 'pool', [
    { key: 'size', title: 'size', least: 1, most: 64 },
  ]),
  globalAveragePool2d: layer('global average pooling', 'pool'),
  batchNorm2d: layer('batch normalization', 'bn', [{ ...input('channels'), key: 'in' }]),
  localResponseNorm: layer('local response normalization', 'lrn', [
    { key: 'size', title: 'size', usual: 5, least: 1, most: 64 },
  ]),
  dropout: layer('dropout', 'drop', [
    { key: 'probability', title: 'probability', usual: 0.5, least: 0, most: 0.99, isFraction: true },
  ]),
  flatten: layer('flatten', 'flatten'),
  naiveInception: layer('inception module', 'inception', [
    input(),
    { key: 'ones', title: '1 × 1', named: true, least: 1, most },
    { key: 'threes', title: '3 × 3', named: true, least: 1, most },
    { key: 'fives', title: '5 × 5', named: true, least: 1, most },
  ]),
  BasicBlock: block('residual block', 'block', [input(), output('channels'), blockStride]),
  Bottleneck: block('residual bottleneck', 'block', [input(), { ...output('width'), key: 'width' }, blockStride]),
  InvertedResidual: block('inverted residual', 'block', [
    input(),
    output(),
    { key: 'stride', title: 'stride', least: 1, most: 32 },
    { key: 'expansion', title: 'expansion', least: 1, most: 32 },
  ]),
  Fire: block('fire module', 'fire', [
    input(),
    { key: 'squeeze', title: 'squeeze', least: 1, most },
    { key: 'expand', title: 'expand', least: 1, most },
  ]),
  SEModule: block('squeeze and excitation', 'se', [
    input('channels'),
    { key: 'reduction', title: 'reduction', least: 1, most },
  ]),
} as const satisfies Readonly<Record<string, Kind>>
export type KindName = keyof typeof kinds

/** The kind of a name, without the narrow types of the table. */
export const kindOf = (name: KindName): Kind => kinds[name]

/** A layer: its name, its kind, and its numbers by key. Flags are 0 or 1. */
export interface Layer {
  readonly name: string
  readonly kind: KindName
  readonly values: Readonly<Record<string, number>>
}

/** A number of a layer: the given one, or what it is where it is left out. */
export const numberOf = ({ kind, values }: Layer, key: string): number =>
  values[key] ?? kindOf(kind).arguments.find(argument => argument.key === key)?.usual ?? 0

/** Why a number cannot be a layer's; undefined when it can. */
export function problemOf({ least, most, isFlag, isFraction }: Argument, value: number): string | undefined {
  if (isFlag) return value === 0 || value === 1 ? undefined : 'must be true or false'
  const isInRange = value >= least && value <= most && (isFraction || Number.isInteger(value))
  return isInRange ? undefined : `must be a ${isFraction ? '' : 'whole '}number from ${least} to ${most}`
}

/** A name that no layer has: `conv3` after conv1 and conv2. */
export function freeName(prefix: string, layers: readonly Layer[]): string {
  const taken = new Set(layers.map(({ name }) => name))
  for (let k = 1; ; k++) if (!taken.has(`${prefix}${k}`)) return `${prefix}${k}`
}
