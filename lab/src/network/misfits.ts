/**
 * Where the layers of a network do not fit each other, in words and numbers, each with a change that mends it. The shapes follow the
 * library's own rules; what passes here is traced by the library as well, which has the last word.
 */
import { freeName, type KindName, kindOf, type Layer, numberOf } from './kinds.ts'

/** What one layer gives: `[C, H, W]`, or `[F]`. */
export type Shape = readonly number[]

/** What mends a misfit. */
export interface Remedy {
  /** `set in = 32` */
  readonly name: string
  /** The network with it. */
  readonly layers: readonly Layer[]
}

/** A misfit, or where it does not matter a remark. */
export interface Misfit {
  /** Position of the layer; the number of layers for the end of the network. */
  readonly at: number
  readonly message: string
  /** False for a remark: the network can be trained as it is. */
  readonly isWrong: boolean
  readonly remedy?: Remedy
}

/** What is known of a network from its layers alone. */
export interface Walk {
  /** What each layer gives, up to the first that cannot be known. */
  readonly shapes: readonly Shape[]
  readonly misfits: readonly Misfit[]
}

const volume = ([channels, height, width]: Shape): string => `${height}×${width}×${channels}`
const words = (shape: Shape): string =>
  shape.length === 3 ? `a volume of ${volume(shape)}` : `${shape[0]} numbers in a row`

/** Walks through a network. @param input `[C, H, W]` of a picture, @param classes that it is to tell apart */
export function walk(layers: readonly Layer[], input: Shape, classes: number): Walk {
  const walker = new Walker(layers, input)
  const shapes: Shape[] = []
  for (let at = 0; at < layers.length; at++) {
    const shape = walker.step(at, shapes[at - 1] ?? input)
    if (!shape) return { shapes, misfits: walker.misfits }
    shapes.push(shape)
  }
  walker.end(shapes.at(-1) ?? input, classes)
  return { shapes, misfits: walker.misfits }
}

class Walker {
  readonly misfits: Misfit[] = []
  readonly #layers: readonly Layer[]
  readonly #input: Shape

  constructor(layers: readonly Layer[], input: Shape) {
    this.#layers = layers
    this.#input = input
  }

  /** What a layer gives; undefined when that cannot be said. */
  step(at: number, read: Shape): Shape | undefined {
    const layer = this.#layers[at]!
    const { kind, name } = layer
    if (kind === 'flatten') return [read.reduce((a, b) => a * b, 1)]
    if (kind === 'linear') return this.#linear(at, layer, read)
    if (!readsVolume.has(kind)) return read
    if (read.length !== 3) {
      const remedy = this.#removal(at)
      this.#wrong(at, `${name} reads rows and columns, but ${this.#before(at)} gives ${words(read)}`, remedy)
      return undefined
    }
    const channels = this.#channels(at, layer, read)
    const given = { ...layer, values: { ...layer.values, ...(channels !== undefined && { in: channels }) } }
    return this.#volume(at, given, read)
  }

  /** The end: one number a class. */
  end(shape: Shape, classes: number): void {
    const at = this.#layers.length
    if (!this.#layers.some(({ kind }) => kind === 'linear' || kind === 'conv2d')) {
      this.#wrong(at, 'there is no convolution and no fully connected layer, so there is nothing to train')
      return
    }
    if (shape.length === 1 && shape[0] === classes) return
    const last = this.#layers.findLastIndex(({ kind }) => kind === 'linear')
    const isLast =
      shape.length === 1 && last >= 0 && this.#layers.slice(last + 1).every(({ kind }) => !changes.has(kind))
    const remedy = isLast
      ? this.#setting(last, 'out', classes, `set ${this.#layers[last]!.name} out = ${classes}`)
      : this.#ending(shape, classes)
    this.#wrong(
      at,
      `the network gives ${words(shape)}, but there are ${classes} classes: it must end in ${classes} numbers`,
      remedy,
    )
  }

  #linear(at: number, layer: Layer, read: Shape): Shape {
    const [wanted, out] = [numberOf(layer, 'in'), numberOf(layer, 'out')]
    const count = read.reduce((a, b) => a * b, 1)
    if (read.length === 3) {
      const flat: Layer = { name: freeName('flatten', this.#layers), kind: 'flatten', values: {} }
      const layers = [
        ...this.#layers.slice(0, at),
        flat,
        { ...layer, values: { ...layer.values, in: count } },
        ...this.#layers.slice(at + 1),
      ]
      this.#wrong(at, `${layer.name} reads numbers in a row, but ${this.#before(at)} gives ${words(read)}`, {
        name: wanted === count ? 'flatten it before' : `flatten it before, and set in = ${count}`,
        layers,
      })
    } else if (wanted !== count) {
      this.#wrong(
        at,
        `${layer.name} has ${wanted} inputs, but ${this.#before(at)} gives ${count}${this.#origin(at, count)}`,
        this.#setting(at, 'in', count, `set in = ${count}`),
      )
    }
    return [out]
  }

  /** ` (7 · 7 · 64)`: where numbers in a row come from, when they come from a volume. */
  #origin(at: number, count: number): string {
    if (this.#layers[at - 1]?.kind !== 'flatten') return ''
    const shapes = walkShapes(this.#layers.slice(0, at - 1), this.#input)
    return shapes && shapes.length === 3 && shapes.reduce((a, b) => a * b, 1) === count
      ? ` (${[shapes[1], shapes[2], shapes[0]].join(' · ')})`
      : ''
  }

  /** The channels that a layer reads, when it has a number for them; what it says when it does not fit is told. */
  #channels(at: number, layer: Layer, [channels = 0]: Shape): number | undefined {
    const argument = kindOf(layer.kind).arguments.find(({ key }) => key === 'in')
    if (!argument) return undefined
    const wanted = numberOf(layer, 'in')
    if (wanted === channels) return channels
    this.#wrong(
      at,
      `${layer.name} has ${wanted} ${argument.title}, but ${this.#before(at)} gives ${channels}`,
      this.#setting(at, 'in', channels, `set in = ${channels}`),
    )
    return channels
  }

  #volume(at: number, layer: Layer, [channels = 0, height = 0, width = 0]: Shape): Shape | undefined {
    const of = (key: string): number => numberOf(layer, key)
    const strided = (size: number): number => Math.floor((size - 1) / of('stride')) + 1
    switch (layer.kind) {
      case 'conv2d': {
        this.#groups(at, layer)
        const size = this.#window(at, layer, [channels, height, width])
        return size && [of('out'), ...size]
      }
      case 'maxPool2d':
      case 'averagePool2d': {
        if (of('padding') > of('kernel') / 2) {
          const most = Math.floor(of('kernel') / 2)
          this.#wrong(
            at,
            `${layer.name} has padding ${of('padding')}; a pool has at most half its kernel, ${most}`,
            this.#setting(at, 'padding', most, `set padding = ${most}`),
          )
          return undefined
        }
        const size = this.#window(at, layer, [channels, height, width])
        return size && [channels, ...size]
      }
      case 'adaptiveAveragePool2d':
        return [channels, of('size'), of('size')]
      case 'globalAveragePool2d':
        return [channels, 1, 1]
      case 'naiveInception':
        return [of('ones') + of('threes') + of('fives') + channels, height, width]
      case 'Fire':
        return [2 * of('expand'), height, width]
      case 'Bottleneck':
        return [4 * of('width'), strided(height), strided(width)]
      case 'BasicBlock':
      case 'InvertedResidual':
        return [of('out'), strided(height), strided(width)]
      case 'SEModule': {
        if (of('reduction') > channels) {
          this.#wrong(
            at,
            `${layer.name} reduces ${channels} channels by ${of('reduction')}, which leaves none`,
            this.#setting(at, 'reduction', channels, `set reduction = ${channels}`),
          )
          return undefined
        }
        return [channels, height, width]
      }
      default:
        return [channels, height, width]
    }
  }

  /** Rows and columns after a window; undefined when it does not fit even once. */
  #window(at: number, layer: Layer, [, height = 0, width = 0]: Shape): readonly [number, number] | undefined {
    const [F, P] = [numberOf(layer, 'kernel'), numberOf(layer, 'padding')]
    const isPool = layer.kind !== 'conv2d'
    const S = isPool ? numberOf(layer, 'stride') || F : numberOf(layer, 'stride')
    const exact = (size: number): number => (size - F + 2 * P) / S + 1
    const formula = (size: number): string => `(${size} − ${F} + 2 · ${P}) / ${S} + 1 = ${plain(exact(size))}`
    const small = Math.min(height, width)
    if (F > small + 2 * P) {
      const needed = Math.ceil((F - small) / 2)
      const remedy =
        isPool && needed > F / 2
          ? this.#setting(at, 'kernel', small, `set kernel = ${small}`)
          : this.#setting(at, 'padding', needed, `set padding = ${needed}`)
      this.#wrong(
        at,
        `the window of ${layer.name}, ${F}×${F}, is larger than what it reads, ${height}×${width}${P > 0 ? ` with padding ${P}` : ''}: ${formula(small)}`,
        remedy,
      )
      return undefined
    }
    const isUp = numberOf(layer, 'ceilMode') === 1
    const sizes = [height, width] as const
    const broken = sizes.find(size => !Number.isInteger(exact(size)))
    if (broken !== undefined && !isUp) this.#remark(at, layer, broken, formula(broken), { F, P, S })
    const [rows, columns] = sizes.map(size => sizeAfter(size, { F, P, S, isUp }))
    return [rows!, columns!]
  }

  /** A window that does not divide: some columns are never read. */
  #remark(
    at: number,
    layer: Layer,
    size: number,
    formula: string,
    { F, P, S }: { F: number; P: number; S: number },
  ): void {
    const rest = Math.max(0, ((size - F + 2 * P) % S) - P)
    // Where only zeros of the padding are not read, nothing is lost.
    if (rest === 0) return
    const lost = rest === 1 ? 'the last row and column are' : `the last ${rest} rows and columns are`
    const most = layer.kind === 'conv2d' ? F - 1 : Math.floor(F / 2)
    const fitting = Array.from({ length: most + 1 }, (_, k) => k).find(
      padding => (size - F + 2 * padding) % S === 0 && padding !== P,
    )
    this.misfits.push({
      at,
      isWrong: false,
      message: `${layer.name}: ${formula} is not whole; ${lost} not read`,
      ...(fitting !== undefined && { remedy: this.#setting(at, 'padding', fitting, `set padding = ${fitting}`) }),
    })
  }

  #groups(at: number, layer: Layer): void {
    const [groups, channels, out] = [numberOf(layer, 'groups'), numberOf(layer, 'in'), numberOf(layer, 'out')]
    if (channels % groups === 0 && out % groups === 0) return
    let most = Math.min(groups, channels, out)
    while (channels % most !== 0 || out % most !== 0) most--
    this.#wrong(
      at,
      `${layer.name} has ${groups} groups, which must divide its ${channels} input and ${out} output channels`,
      this.#setting(at, 'groups', most, `set groups = ${most}`),
    )
  }

  #wrong(at: number, message: string, remedy?: Remedy): void {
    this.misfits.push({ at, message, isWrong: true, ...(remedy && { remedy }) })
  }

  /** The layer before one, or the picture. */
  #before(at: number): string {
    return this.#layers[at - 1]?.name ?? 'the picture'
  }

  #setting(at: number, key: string, value: number, name: string): Remedy {
    return { name, layers: withValue(this.#layers, at, key, value) }
  }

  #removal(at: number): Remedy {
    return { name: `remove ${this.#layers[at]!.name}`, layers: this.#layers.filter((_, k) => k !== at) }
  }

  /** A fully connected layer at the end, flattened before it where that is needed. */
  #ending(shape: Shape, classes: number): Remedy {
    const count = shape.reduce((a, b) => a * b, 1)
    const layers = [...this.#layers]
    if (shape.length === 3) layers.push({ name: freeName('flatten', layers), kind: 'flatten', values: {} })
    layers.push({ name: freeName('fc', layers), kind: 'linear', values: { in: count, out: classes } })
    return { name: `add a fully connected layer of ${classes}`, layers }
  }
}

const readsVolume: ReadonlySet<KindName> = new Set([
  'conv2d',
  'maxPool2d',
  'averagePool2d',
  'adaptiveAveragePool2d',
  'globalAveragePool2d',
  'batchNorm2d',
  'localResponseNorm',
  'naiveInception',
  'BasicBlock',
  'Bottleneck',
  'InvertedResidual',
  'Fire',
  'SEModule',
])

/** Kinds that give another number of numbers than they read. */
const changes: ReadonlySet<KindName> = new Set([...readsVolume, 'linear', 'flatten'])

/** The network with another number in a layer. */
export const withValue = (layers: readonly Layer[], at: number, key: string, value: number): Layer[] =>
  layers.map((layer, k) => (k === at ? { ...layer, values: { ...layer.values, [key]: value } } : layer))

/** What the last of some layers gives. */
function walkShapes(layers: readonly Layer[], input: Shape): Shape | undefined {
  const { shapes } = walk(layers, input, 0)
  return shapes.length === layers.length ? (shapes.at(-1) ?? input) : undefined
}

/** (W − F + 2P) / S + 1, rounded down; rounded up where the last window still begins inside. */
function sizeAfter(size: number, { F, P, S, isUp }: { F: number; P: number; S: number; isUp: boolean }): number {
  const exact = (size - F + 2 * P) / S + 1
  if (!isUp) return Math.floor(exact)
  const up = Math.ceil(exact)
  return (up - 1) * S >= size + P ? up - 1 : up
}

/** With two decimals at most, and a true minus sign. */
const plain = (value: number): string => String(Number(value.toFixed(2))).replace('-', '−')
