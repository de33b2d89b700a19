/** Loading weights into a model by path: all or nothing, with one error that lists everything that does not fit. */
import { formatShape, sameShape, sizeOf } from '../graph/shape.ts'
import type { HostTensor, Variable } from '../graph/variable.ts'
import type { Module } from './module.ts'

/** Options of {@link loadState}. */
export interface LoadStateOptions {
  /** Missing and unexpected paths are errors; true by default. */
  readonly strict?: boolean
  /**
   * Let variables whose stored shape differs keep their values; false by default: then that is an error, strict or
   * not, as in PyTorch. For transfer to another number of classes: all but the last layer is loaded.
   */
  readonly skipMisshaped?: boolean
}

/**
 * The names that {@link loadState} did not use or did not find. When `strict`, `missing` and `unexpected` hold at most
 * what weights may lack: parts that only training uses, which are present as a whole or not at all, and the counters of
 * batch norm, which PyTorch did not write before its version 0.4.1.
 */
export interface LoadReport {
  /** Paths of the model that the state lacks; they keep their values. */
  readonly missing: readonly string[]
  /** Paths of the state that the model lacks; they are ignored. */
  readonly unexpected: readonly string[]
  /** Paths whose shapes differ; they keep their values. Empty without `skipMisshaped`. */
  readonly misshaped: readonly string[]
}

/** Thrown when a state does not fit a model. Nothing has been loaded. */
export class StateError extends Error {
  override readonly name = 'StateError'
}

/** The variables of a model and the tensors of a state that belong together. */
export interface StateMatch {
  /** The model's variables that the state has values for, by path. */
  readonly matched: ReadonlyMap<string, Variable>
  readonly report: LoadReport
}

/**
 * Copies stored tensors into the variables of the same path. An engine that already runs the model keeps its own copy:
 * write the variables to it afterwards.
 * @throws StateError that lists every missing, unexpected and mis-shaped path; the model is then unchanged.
 * @example loadState(model, new Map([['conv1.weight', { shape: [6, 1, 5, 5], values }]]), { strict: false })
 */
export function loadState(
  module: Module,
  state: ReadonlyMap<string, HostTensor<ArrayLike<number>>>,
  options: LoadStateOptions = {},
): LoadReport {
  const { matched, report } = matchState(module, state, options)
  setValues(matched, new Map([...matched.keys()].map(path => [path, state.get(path)!.values])))
  return report
}

/**
 * Matches the tensors of a state with a model's variables by path and shape; the values need not be there yet.
 * @throws StateError as {@link loadState}
 */
export function matchState(
  module: Module,
  state: ReadonlyMap<string, Pick<HostTensor, 'shape'> & { readonly values?: ArrayLike<number> }>,
  { strict = true, skipMisshaped = false }: LoadStateOptions = {},
): StateMatch {
  const variables = module.variables()
  const missing = [...variables.keys()].filter(path => !state.has(path))
  const unexpected = [...state.keys()].filter(path => !variables.has(path))
  const misshaped: string[] = []
  const wrong: string[] = []
  const matched = new Map<string, Variable>()
  for (const [path, variable] of variables) {
    const stored = state.get(path)
    if (!stored) continue
    const { shape, values } = stored
    if (!sameShape(shape, variable.shape)) {
      if (skipMisshaped) misshaped.push(path)
      else wrong.push(`${path}: the model has ${formatShape(variable.shape)}, the state ${formatShape(shape)}`)
    } else if (values && values.length !== sizeOf(shape)) {
      wrong.push(`${path}: ${values.length} values for shape ${formatShape(shape)}`)
    } else matched.set(path, variable)
  }
  const dispensable = strict ? dispensablePaths(module, state) : () => true
  const needed = (paths: readonly string[]): string[] => paths.filter(path => !dispensable(path))
  refuse([list('missing', needed(missing)), list('unexpected', needed(unexpected)), list('wrong shape', wrong)])
  return { matched, report: { missing, unexpected, misshaped } }
}

/**
 * Copies values into variables, all of them or none.
 * @param values one for each element of each variable, by its path
 * @throws StateError that lists the paths with values that the integer type cannot hold.
 */
export function setValues(
  variables: ReadonlyMap<string, Variable>,
  values: ReadonlyMap<string, ArrayLike<number>>,
): void {
  const wrong: string[] = []
  for (const [path, { dtype }] of variables) {
    if (dtype === 'f32') continue
    const [least, most] = integers[dtype]
    const unfit = Array.from(values.get(path)!).find(
      value => !(Number.isInteger(value) && value >= least && value <= most),
    )
    if (unfit !== undefined) wrong.push(`${path}: ${unfit} does not fit in ${dtype}`)
  }
  refuse([list('wrong values', wrong)])
  for (const [path, variable] of variables) variable.setValue(values.get(path)!)
}

/** Least and largest numbers of the integer types. */
const integers = { i32: [-(2 ** 31), 2 ** 31 - 1], u8: [0, 255] } as const

/** @throws StateError with the problems, when there are any */
function refuse(problems: readonly string[]): void {
  const found = problems.filter(text => text !== '')
  if (found.length > 0) throw new StateError(`the state does not fit the model\n${found.join('\n')}`)
}

/** Name of batch norm's counters. */
const counter = /(^|\.)num_batches_tracked$/

/** Tells which paths a model or state may lack; see {@link LoadReport}. */
function dispensablePaths(module: Module, state: ReadonlyMap<string, unknown>): (path: string) => boolean {
  const own = [...module.variables().keys()]
  const stored = [...state.keys()]
  const parts = [...module.modules()]
    .flatMap(([path, { trainingOnly }]) => trainingOnly.map(name => `${path ? `${path}.` : ''}${name}.`))
    .filter(prefix => [own, stored].some(paths => !paths.some(path => path.startsWith(prefix))))
  const withoutCounters = !stored.some(path => counter.test(path))
  return path => parts.some(prefix => path.startsWith(prefix)) || (withoutCounters && counter.test(path))
}

/** `  missing (2):` and the entries below it, the first twenty. */
function list(title: string, entries: readonly string[]): string {
  if (entries.length === 0) return ''
  const shown = entries.slice(0, 20).map(entry => `    ${entry}`)
  if (entries.length > shown.length) shown.push(`    … and ${entries.length - shown.length} more`)
  return [`  ${title} (${entries.length}):`, ...shown].join('\n')
}
