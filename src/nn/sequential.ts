/** A chain of modules, each fed with the result of the one before it. */
import type { Tensor } from '../graph/tensor.ts'
import { type ForwardContext, Module } from './module.ts'

/** Children of a {@link Sequential} by name, in order. */
export type Layers = Readonly<Record<string, Module>>

/**
 * Modules applied in order. Children are named `0`, `1`, … or as given; parameter paths are `0.weight`, `conv1.weight`.
 * `layers` holds the children with their types: `model.layers.conv1.weight`.
 */
export class Sequential<L extends Layers = Layers> extends Module {
  /** The children by name, in order. */
  readonly layers: L

  /** @throws Error when a name holds a dot, which separates the parts of a path. */
  constructor(layers: L) {
    super()
    for (const name of Object.keys(layers)) {
      if (name === '' || name.includes('.')) {
        throw new Error(`sequential: the name '${name}' must not be empty or contain a dot`)
      }
    }
    this.layers = layers
    this.assignPaths()
  }

  override children(): Map<string, Module> {
    return new Map(Object.entries(this.layers))
  }

  /** The output of the last child; the input itself for an empty chain. */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    let value = x
    for (const layer of Object.values(this.layers)) value = layer.forward(value, context)
    return value
  }
}

/**
 * A chain of modules, numbered from 0 as in PyTorch, or named.
 * @throws Error when a given name is a number (objects would reorder it), is empty or holds a dot.
 * @example sequential(conv2d(1, 6, 5, { padding: 2 }), relu(), maxPool2d(2))
 * @example sequential({ conv1: conv2d(1, 6, 5, { padding: 2 }), relu1: relu(), pool1: maxPool2d(2) })
 */
export function sequential(...layers: Module[]): Sequential
export function sequential<L extends Layers>(layers: L): Sequential<L>
export function sequential(...layers: Module[] | [Layers]): Sequential {
  if (layers.length !== 1 || layers[0] instanceof Module)
    return new Sequential(Object.fromEntries((layers as Module[]).entries()))
  for (const name of Object.keys(layers[0])) {
    if (/^\d+$/.test(name))
      throw new Error(`sequential: the name '${name}' must not be a number; pass a plain list instead`)
  }
  return new Sequential(layers[0])
}
