/**
 * Transforms of gradients before the optimizer sees them, and of weights after it has changed them. A chain of
 * transforms and one optimizer is itself an optimizer; data flow through it from left to right.
 */
import { mul } from '../graph/ops/elementwise.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import type { Parameter } from '../nn/module.ts'
import { isWeight } from './groups.ts'
import type { Optimizer } from './optimizer.ts'
import { type PathPattern, pathsFitting } from './patterns.ts'
import { type OpenSlot, OptimizerState } from './slots.ts'

/** One step, as a transform sees it. */
export interface TransformStep {
  /** The parameters by path, including frozen ones. */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** Learning rate of a parameter in this step. */
  rateOf(path: string): Tensor
  /** Opens a variable that the transform keeps between steps and that checkpoints save. */
  readonly slot: OpenSlot
}

/** A change of all gradients or of all new weights, written in graph operations. It has no state of its own. */
export interface Transform {
  readonly name: string
  /** `'gradients'`: goes before the optimizer in a chain. `'weights'`: goes after it and receives the new weights. */
  readonly on: 'gradients' | 'weights'
  /** The values by path, changed; all paths stay. */
  apply(values: ReadonlyMap<string, Tensor>, step: TransformStep): Map<string, Tensor>
}

/**
 * An optimizer with transforms: gradient transforms before it, weight transforms after it. Its state is the optimizer's
 * state and `<transform>.<slot>` for every slot of a transform.
 * @throws Error when there is not exactly one optimizer, or a transform is on the wrong side of it.
 * @example chain(centralize(), clipByGlobalNorm(1), sgd({ lr: 0.1, momentum: 0.9 }), maxNorm({ limit: 3 }))
 */
export function chain(...parts: readonly (Transform | Optimizer)[]): Optimizer {
  const { before, optimizer, after } = split(parts)
  const states = new Map<Transform, OptimizerState>()
  for (const transform of [...before, ...after]) states.set(transform, new OptimizerState(transform.name))
  const names = uniqueNames([...before, ...after])

  return {
    name: optimizer.name,
    defaults: optimizer.defaults,
    trained: parameters => optimizer.trained(parameters),
    rateFactor: path => optimizer.rateFactor(path),
    state() {
      const all = optimizer.state()
      for (const [transform, state] of states) {
        for (const [name, variable] of state.all()) {
          const full = `${names.get(transform)}.${name}`
          if (all.has(full)) throw new Error(`chain: two transforms keep '${full}'; put them into one chain`)
          all.set(full, variable)
        }
      }
      return all
    },
    update(parameters, gradients, lr, momentum) {
      const own = new Map<Variable, Tensor>()
      const apply = (transforms: readonly Transform[], values: ReadonlyMap<string, Tensor>) =>
        transforms.reduce((current, transform) => {
          const slot = states.get(transform)!.slots(own)
          const rateOf = (path: string): Tensor => {
            const factor = optimizer.rateFactor(path)
            return factor === 1 ? lr : mul(lr, factor)
          }
          return transform.apply(current, { parameters, rateOf, slot })
        }, values)

      const updates = optimizer.update(parameters, apply(before, gradients), lr, momentum)
      const weights = new Map<string, Tensor>()
      for (const [path, parameter] of parameters) {
        const next = updates.get(parameter)
        if (next) weights.set(path, next)
      }
      for (const [path, next] of apply(after, weights)) updates.set(parameters.get(path)!, next)
      return new Map([...updates, ...own])
    },
  }
}

/** A transform that changes every tensor separately. */
export function eachTensor(
  name: string,
  on: Transform['on'],
  change: (value: Tensor, path: string, step: TransformStep) => Tensor,
): Transform {
  return {
    name,
    on,
    apply: (values, step) => new Map([...values].map(([path, value]) => [path, change(value, path, step)])),
  }
}

/**
 * The paths of tensors that match a pattern; without a pattern, the paths of weights, not of biases or norms.
 * @throws PatternError when the pattern matches none.
 */
export function selectPaths(
  owner: string,
  match: PathPattern | undefined,
  values: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): string[] {
  const paths = [...values.keys()]
  if (match === undefined) return paths.filter(path => isWeight(path, values.get(path)!.shape.length))
  return pathsFitting(`${owner}:`, match, paths)
}

function split(parts: readonly (Transform | Optimizer)[]) {
  const before: Transform[] = []
  const after: Transform[] = []
  let optimizer: Optimizer | undefined
  for (const part of parts) {
    if (!('on' in part)) {
      if (optimizer) throw new Error(`chain: ${optimizer.name} and ${part.name} are both optimizers; a chain has one`)
      optimizer = part
      continue
    }
    if ((part.on === 'gradients') === (optimizer !== undefined)) {
      const side = part.on === 'gradients' ? 'before' : 'after'
      throw new Error(`chain: ${part.name} changes ${part.on}, so it must stand ${side} the optimizer`)
    }
    const list = optimizer ? after : before
    if (list.includes(part)) throw new Error(`chain: the same ${part.name} stands in it twice`)
    list.push(part)
  }
  if (!optimizer) throw new Error('chain: has no optimizer')
  return { before, optimizer, after }
}

/** `oneBit`, and `oneBit2` for the second transform of that name. */
function uniqueNames(transforms: readonly Transform[]): Map<Transform, string> {
  const counts = new Map<string, number>()
  return new Map(
    transforms.map(transform => {
      const count = (counts.get(transform.name) ?? 0) + 1
      counts.set(transform.name, count)
      return [transform, count === 1 ? transform.name : `${transform.name}${count}`]
    }),
  )
}
