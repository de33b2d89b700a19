/**
 * Another last layer: the same network for another number of classes, which is how trained weights are carried over to
 * a new task (transfer learning).
 */
import { Variable } from '../graph/variable.ts'
import type { Module } from './module.ts'

/** A layer that can be replaced by one with another number of outputs: linear, convolution. */
export interface HeadLayer extends Module {
  /** A new, unfilled layer with the same inputs, options and initializers. */
  withOutputs(outputs: number): Module
}

/** Options of {@link replaceHead}. */
export interface ReplaceHeadOptions {
  /** Seed of the new weights, 0 by default. */
  readonly seed?: number
  /**
   * Paths of the layers to replace, for networks whose last layer is not found. By default the last layer of the model,
   * and the last of each part that only training uses (GoogLeNet's auxiliary classifiers).
   */
  readonly heads?: readonly string[]
}

/**
 * Replaces the last layer of a model by one of the same kind for `classes` outputs, filled by the layer's own
 * initializers; all other layers stay as they are. The new weights are those that `initialize(seed)` gives a model made
 * for that number of classes. Engines that have compiled the model before keep the old layer: compile again.
 *
 * In the order of the model's fields, the last layer is the last one that has outputs to change and no layer with
 * weights after it.
 *
 * @returns the paths of the new parameters, for example to give them a higher learning rate. (None for the LeNet-5 of
 *   1998, whose output layer is not trained.)
 * @throws RangeError when `classes` is not a whole number ≥ 1; Error naming the model when it has no such layer, or the
 *   path of `heads` that it lacks.
 * @example
 * const model = resnet(18)
 * await loadWeights(model, 'resnet18.pth') // 1000 classes of ImageNet
 * replaceHead(model, 102) // ['fc.weight', 'fc.bias']
 */
export function replaceHead(model: Module, classes: number, options: ReplaceHeadOptions = {}): string[] {
  if (!Number.isInteger(classes) || classes < 1) {
    throw new RangeError(`replaceHead: classes (=${classes}) must be a whole number ≥ 1`)
  }
  const { seed = 0, heads = headsOf(model) } = options
  const modules = [...model.modules()]
  const layers = heads.map(path => {
    const layer = modules.find(([name]) => name === path)?.[1]
    if (layer && path !== '' && hasOutputs(layer)) return layer
    throw new Error(
      `${nameOf(model)}: replaceHead: ${layer ? `'${path}' (${nameOf(layer)}) has no outputs to change` : `there is no layer '${path}'`}`,
    )
  })
  const replacements = layers.map(layer => layer.withOutputs(classes))
  layers.forEach((layer, k) => {
    for (const [, parent] of modules) replaceChild(parent, layer, replacements[k])
  })
  model.assignPaths()
  const created: string[] = []
  for (const [path, parameter] of model.parameters()) {
    if (!heads.some(head => path.startsWith(`${head}.`))) continue
    parameter.initialize(seed, path)
    created.push(path)
  }
  return created
}

/** Paths of the last layers: of the model, and of its parts that only training uses. */
function headsOf(model: Module): string[] {
  const modules = [...model.modules()]
  const parts = modules.flatMap(([path, { trainingOnly }]) =>
    trainingOnly.map(name => (path ? `${path}.${name}` : name)),
  )
  const partOf = (path: string): string | undefined => parts.find(part => path === part || path.startsWith(`${part}.`))
  return [undefined, ...parts].flatMap(part => {
    const region = modules.filter(([path]) => partOf(path) === part)
    // A part that the model was made without.
    if (part !== undefined && region.length === 0) return []
    const last = region.findLast(([path, module]) => path !== '' && (hasOutputs(module) || hasVariables(module)))
    if (last && hasOutputs(last[1])) return last[0]
    const where = part === undefined ? nameOf(model) : `${nameOf(model)}: ${part}`
    const found = last ? `its last layer with weights, '${last[0]}' (${nameOf(last[1])}), has none` : 'it has none'
    throw new Error(
      `${where}: replaceHead: no layer whose outputs are the classes was found: ${found}; name it in heads`,
    )
  })
}

const hasOutputs = (module: Module): module is HeadLayer => 'withOutputs' in module

const hasVariables = (module: Module): boolean => Object.values(module).some(value => value instanceof Variable)

/** Class of a module, for messages. */
const nameOf = (module: Module): string => module.constructor.name

/** Replaces one module by another in a field, a list or a record of the parent; lists and records are copied. */
function replaceChild(parent: Module, old: Module, replacement: Module): void {
  const replaced = (value: unknown): unknown => (value === old ? replacement : value)
  for (const [name, value] of Object.entries(parent)) {
    if (value === old) Reflect.set(parent, name, replacement)
    else if (Array.isArray(value) && value.includes(old)) Reflect.set(parent, name, value.map(replaced))
    else if (isRecord(value) && Object.values(value).includes(old)) {
      Reflect.set(parent, name, Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item)])))
    }
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
