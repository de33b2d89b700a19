/** Which model of the catalog a file of weights is of: by the names and shapes of its tensors. */
import type { Module } from '../nn/module.ts'
import { findModel, type ModelName, models } from './catalog.ts'

/** Tensors of a file: their shapes by name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>

/** A model that weights fit. */
export interface FittingModel {
  readonly name: ModelName
  /** What the names in the file begin with. */
  readonly prefix: string
  /** Outputs of the last layer. */
  readonly classes: number
  /** Whether these are others than the model's usual ones. */
  readonly hasOtherHead: boolean
}

/** A model whose tensors are like those of a file. */
export interface NearestModel {
  readonly name: ModelName
  /** Share of the tensors of both that have a partner of the same name and shape, 0 … 1. */
  readonly share: number
}

/**
 * The model of the catalog whose variables, after some prefix, are exactly those of a file; its last layer may be for other classes.
 * @returns undefined when there is none
 * @example fittingModel(new Map([...file.tensors].map(([name, { shape }]) => [name, shape])))?.name // 'resnet18'
 */
export function fittingModel(tensors: TensorShapes): FittingModel | undefined {
  for (const { name, variables } of known()) {
    const wanted = [...variables.keys()]
    const head = wanted.at(-1)!.replace(/[^.]*$/, '')
    for (const prefix of prefixesOf(tensors, wanted[0]!)) {
      const own = ownOf(tensors, prefix)
      if (own.size !== wanted.length || !wanted.every(path => own.has(path))) continue
      const misfits = wanted.filter(path => String(variables.get(path)) !== String(own.get(path)))
      if (!misfits.every(path => path.startsWith(head))) continue
      return { name, prefix, classes: own.get(wanted.at(-1)!)![0]!, hasOtherHead: misfits.length > 0 }
    }
  }
  return undefined
}

/** The model of the catalog that has most in common with a file; undefined when none has anything. */
export function nearestModel(tensors: TensorShapes): NearestModel | undefined {
  let nearest: NearestModel | undefined
  for (const { name, variables } of known()) {
    for (const prefix of new Set(['', ...prefixesOf(tensors, variables.keys().next().value!)])) {
      const own = ownOf(tensors, prefix)
      const shared = [...variables].filter(([path, shape]) => String(own.get(path)) === String(shape)).length
      const share = (2 * shared) / (variables.size + own.size)
      if (shared > 0 && share > (nearest?.share ?? 0)) nearest = { name, share }
    }
  }
  return nearest
}

function* known(): Generator<{ readonly name: ModelName; readonly variables: Map<string, readonly number[]> }> {
  for (const name of Object.keys(models) as ModelName[])
    yield { name, variables: countedShapes(findModel(name).create()) }
}

const countedShapes = (model: Module): Map<string, readonly number[]> =>
  new Map([...model.variables()].filter(([path]) => isCounted(path)).map(([path, { shape }]) => [path, shape]))

/** The tensors that begin with a prefix, without it. */
const ownOf = (tensors: TensorShapes, prefix: string): Map<string, readonly number[]> =>
  new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix) && isCounted(name.slice(prefix.length)))
      .map(([name, shape]) => [name.slice(prefix.length), shape]),
  )

/** The prefixes before a name in a file. */
const prefixesOf = (tensors: TensorShapes, name: string): string[] =>
  [...tensors.keys()].filter(own => `.${own}`.endsWith(`.${name}`)).map(own => own.slice(0, -name.length))

/** Excludes the preprocessing that runs save with a network, and batch counters, which some versions of PyTorch do not save. */
const isCounted = (name: string): boolean => !/^normalize\.|\.num_batches_tracked$/.test(name)
