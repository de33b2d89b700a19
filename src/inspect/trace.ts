/**
 * The work of each module of a model in a forward pass: its input, its output and the operations between them that none
 * of its children made. Works for any module, because it listens to `forward` itself.
 */
import type { Tensor } from '../graph/tensor.ts'
import type { ForwardContext, Module } from '../nn/module.ts'

/** One call of a module's `forward`. */
export interface ModuleCall {
  /** Path of the module; '' for the model itself. */
  readonly path: string
  readonly module: Module
  readonly input: Tensor
  readonly output: Tensor
  /** Operations of this module that belong to none of its children, sources left out, inputs before users. */
  readonly operations: readonly Tensor[]
  /** How many calls this one was made in: 0 for the model's own. */
  readonly depth: number
}

/** A forward pass, call by call. */
export interface ForwardTrace {
  readonly output: Tensor
  /** In the order in which they finished: children before the module that holds them. */
  readonly calls: readonly ModuleCall[]
}

/**
 * Runs `model.forward` and records every call of a module in it. The model is as before when this returns or throws.
 * @throws whatever `forward` throws.
 */
export function traceForward(model: Module, x: Tensor, context: ForwardContext): ForwardTrace {
  const calls: ModuleCall[] = []
  const claimed = new Set<Tensor>()
  /** Operations of the calls that are running, innermost last. */
  const running: Tensor[][] = [[]]
  const claim = (tensor: Tensor, operations: Tensor[]): void => {
    for (const found of unclaimed(tensor, claimed)) operations.push(found)
  }

  const restore: (() => void)[] = []
  try {
    for (const [path, module] of model.modules()) {
      const forward = module.forward.bind(module)
      restore.push(
        replaceForward(module, (input, inner) => {
          // Values that exist before the call were made by the calling module.
          claim(input, running[running.length - 1])
          const operations: Tensor[] = []
          running.push(operations)
          const output = forward(input, inner)
          running.pop()
          claim(output, operations)
          calls.push({ path, module, input, output, operations, depth: running.length - 1 })
          return output
        }),
      )
    }
    return { output: model.forward(x, context), calls }
  } finally {
    for (const undo of restore) undo()
  }
}

/** Puts another `forward` in front of a module's own; the result undoes it. */
export function replaceForward(module: Module, forward: Module['forward']): () => void {
  const own = Object.getOwnPropertyDescriptor(module, 'forward')
  Object.defineProperty(module, 'forward', { value: forward, configurable: true })
  return () => {
    if (own) Object.defineProperty(module, 'forward', own)
    else Reflect.deleteProperty(module, 'forward')
  }
}

/** Operations that `tensor` depends on and that nobody claimed, inputs before users; they are claimed now. */
function unclaimed(tensor: Tensor, claimed: Set<Tensor>): Tensor[] {
  const found: Tensor[] = []
  const pending = [tensor]
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (claimed.has(next)) continue
    claimed.add(next)
    if (!next.source) found.push(next)
    pending.push(...next.inputs)
  }
  return found.sort((a, b) => a.id - b.id)
}
