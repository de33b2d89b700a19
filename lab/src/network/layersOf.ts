/** A module of the library as layers that can be edited: a chain of kinds that are known. */

import type { Window2d } from '../../../src/graph/window.ts'
import { BasicBlock, Bottleneck, Fire } from '../../../src/models/index.ts'
import {
  AdaptiveAveragePool2d,
  AveragePool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
  Sigmoid,
  SiLU,
  Tanh,
} from '../../../src/nn/index.ts'
import { freeName, type KindName, kindOf, type Layer, problemOf } from './kinds.ts'

type Found = { readonly kind: KindName; readonly values?: Readonly<Record<string, number>> } | undefined

/**
 * The layers of a chain. Chains within it are put in line, and names of several parts joined: `features.0` is `features_0`.
 * @returns undefined when a part of it cannot be edited
 */
export function layersOf(model: Module): Layer[] | undefined {
  const layers: Layer[] = []
  const add = (module: Module, path: string): boolean => {
    if (module instanceof Sequential) {
      return Object.entries(module.layers).every(([name, part]) => add(part as Module, path ? `${path}_${name}` : name))
    }
    const found = foundOf(module)
    if (!found) return false
    const given = Object.entries(found.values ?? {}).filter(([key, value]) => usualOf(found.kind, key) !== value)
    const arguments_ = kindOf(found.kind).arguments
    if (given.some(([key, value]) => problemOf(arguments_.find(own => own.key === key)!, value) !== undefined))
      return false
    const isFree = /^[A-Za-z_]\w*$/.test(path) && layers.every(({ name }) => name !== path)
    const name = isFree ? path : freeName(kindOf(found.kind).prefix, layers)
    layers.push({ name, kind: found.kind, values: Object.fromEntries(given) })
    return true
  }
  return add(model, '') ? layers : undefined
}

const usualOf = (kind: KindName, key: string): number | undefined =>
  kindOf(kind).arguments.find(argument => argument.key === key)?.usual

/** Kernel, stride and padding of a square window with equal sides; undefined for any other. */
function square({ kernel, stride, padding, dilation }: Window2d): Record<string, number> | undefined {
  const { top, bottom, left, right } = padding
  const isSquare = [kernel, stride].every(([a, b]) => a === b) && [bottom, left, right].every(side => side === top)
  return isSquare && dilation.every(size => size === 1)
    ? { kernel: kernel[0], stride: stride[0], padding: top }
    : undefined
}

function foundOf(module: Module): Found {
  if (module instanceof Conv2d) return convolution(module)
  if (module instanceof Linear) {
    const { inFeatures, outFeatures, bias } = module
    return { kind: 'linear', values: { in: inFeatures, out: outFeatures, bias: bias ? 1 : 0 } }
  }
  if (module instanceof MaxPool2d || module instanceof AveragePool2d) return pool(module)
  if (module instanceof AdaptiveAveragePool2d) {
    const [rows, columns] = module.outputSize
    if (rows !== columns) return undefined
    return rows === 1 ? { kind: 'globalAveragePool2d' } : { kind: 'adaptiveAveragePool2d', values: { size: rows! } }
  }
  if (module instanceof BatchNorm2d)
    return module.weight && { kind: 'batchNorm2d', values: { in: module.weight.shape[0] } }
  if (module instanceof Dropout) return { kind: 'dropout', values: { probability: module.probability } }
  return blockOf(module) ?? plainOf(module)
}

function convolution({ inChannels, outChannels, groups, bias, window }: Conv2d): Found {
  const sizes = square(window)
  return sizes && { kind: 'conv2d', values: { in: inChannels, out: outChannels, ...sizes, groups, bias: bias ? 1 : 0 } }
}

function pool(module: MaxPool2d | AveragePool2d): Found {
  const sizes = square(module.window)
  if (!sizes) return undefined
  const stride = sizes.stride === sizes.kernel ? 0 : sizes.stride!
  const kind = module instanceof MaxPool2d ? 'maxPool2d' : 'averagePool2d'
  return { kind, values: { ...sizes, stride, ceilMode: module.ceilMode ? 1 : 0 } }
}

function blockOf(module: Module): Found {
  if (module instanceof BasicBlock) {
    const { inChannels, outChannels, window } = module.conv1
    return { kind: 'BasicBlock', values: { in: inChannels, out: outChannels, stride: window.stride[0] } }
  }
  if (module instanceof Bottleneck) {
    const { inChannels, outChannels, window } = module.conv1
    // The form of the paper has the stride in its first convolution, which cannot be said here.
    if (window.stride[0] !== 1) return undefined
    return { kind: 'Bottleneck', values: { in: inChannels, width: outChannels, stride: module.conv2.window.stride[0] } }
  }
  if (module instanceof Fire) {
    const { squeeze, expand1x1 } = module
    return {
      kind: 'Fire',
      values: { in: squeeze.inChannels, squeeze: squeeze.outChannels, expand: expand1x1.outChannels },
    }
  }
  return undefined
}

const plain: readonly (readonly [new (...args: never[]) => Module, KindName])[] = [
  [ReLU, 'relu'],
  [SiLU, 'silu'],
  [Sigmoid, 'sigmoid'],
  [Tanh, 'tanh'],
  [Flatten, 'flatten'],
]

function plainOf(module: Module): Found {
  const found = plain.find(([type]) => module instanceof type)
  return found && { kind: found[1] }
}
