/** Loading weights into a model by path: all or nothing, with one error that lists everything that does not fit. */
import { formatShape, sameShape, sizeOf } from '../graph/shape.ts'
import type { Module } from './module.ts'

/** One stored tensor. */
export interface StoredTensor {
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: ArrayLike<number>
}

/** What {@link loadState} did not use or did not find; both are empty when `strict`. */
export interface LoadReport {
  /** Paths of the model that the state lacks; they keep their values. */
  readonly missing: readonly string[]
  /** Paths of the state that the model lacks; they are ignored. */
  readonly unexpected: readonly string[]
}

/** Thrown when a state does not fit a model. Nothing has been loaded. */
export class StateError extends Error {
  override readonly name = 'StateError'
}

/**
 * Copies stored tensors into the variables of the same path. An engine that already runs the model keeps its own copy:
 * write the variables to it afterwards. Wrong shapes are always refused; with `strict`, as by default, missing and
 * unexpected paths too.
 * @throws StateError that lists every missing, unexpected and mis-shaped path; the model is then unchanged.
 * @example loadState(model, new Map([['conv1.weight', { shape: [6, 1, 5, 5], values }]]), { strict: false })
 */
export function loadState(
  module: Module,
  state: ReadonlyMap<string, StoredTensor>,
  { strict = true }: { readonly strict?: boolean } = {},
): LoadReport {
  const variables = module.variables()
  const missing = [...variables.keys()].filter(path => !state.has(path))
  const unexpected = [...state.keys()].filter(path => !variables.has(path))
  const misshaped: string[] = []
  for (const [path, variable] of variables) {
    const stored = state.get(path)
    if (!stored) continue
    if (!sameShape(stored.shape, variable.shape)) {
      misshaped.push(`${path}: the model has ${formatShape(variable.shape)}, the state ${formatShape(stored.shape)}`)
    } else if (stored.values.length !== sizeOf(variable.shape)) {
      misshaped.push(`${path}: ${stored.values.length} values for shape ${formatShape(stored.shape)}`)
    }
  }
  const problems = [
    ...(strict ? [list('missing', missing), list('unexpected', unexpected)] : []),
    list('wrong shape', misshaped),
  ].filter(text => text !== '')
  if (problems.length > 0) throw new StateError(`the state does not fit the model\n${problems.join('\n')}`)
  for (const [path, variable] of variables) {
    const stored = state.get(path)
    if (stored) variable.value.set(stored.values)
  }
  return { missing, unexpected }
}

/** `  missing (2):` and the entries below it, the first twenty. */
function list(title: string, entries: readonly string[]): string {
  if (entries.length === 0) return ''
  const shown = entries.slice(0, 20).map(entry => `    ${entry}`)
  if (entries.length > shown.length) shown.push(`    … and ${entries.length - shown.length} more`)
  return [`  ${title} (${entries.length}):`, ...shown].join('\n')
}
