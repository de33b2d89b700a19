/** Running graphs on an engine as a user would: compile, and run with inputs. */
import { expect } from 'vitest'
import type { Engine, Executable } from '../../src/backends/engine.ts'
import { input } from '../../src/graph/sources.ts'
import { Tensor, topologicalOrder } from '../../src/graph/tensor.ts'
import type { TypedArray } from '../../src/graph/variable.ts'

/** Values of inputs by name, row-major. */
export type Values = Readonly<Record<string, ArrayLike<number>>>

/** Computes tensors on an engine; the results are copies. */
export async function runOn(engine: Engine, roots: readonly Tensor[], inputs: Values): Promise<TypedArray[]> {
  const outputs = Object.fromEntries(roots.map((tensor, k) => [String(k), tensor]))
  const executable = await engine.compile({ outputs, updates: new Map() })
  const results = await executable.run(readBy(executable, inputs))
  return roots.map((_, k) => results[String(k)]!)
}

/** Of some values, those of inputs that the program has: what nothing depends on is not part of it. */
export const readBy = ({ inputs }: Executable, values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([name]) => inputs.has(name)))

/**
 * The same graph with inputs declared `batched`: all whose first axis has the size of the first input's. A plan may
 * then cut the batch into blocks, choose other layouts and add partial sums; values must not change.
 */
export function withBatch(roots: readonly Tensor[]): Tensor[] {
  const order = topologicalOrder(roots)
  const batch = order.find(({ source, shape }) => source?.kind === 'input' && shape.length > 0)?.shape[0]
  const copies = new Map<Tensor, Tensor>()
  for (const tensor of order) {
    const { op, attributes, shape, dtype, source, label } = tensor
    if (source?.kind === 'input' && shape.length > 0 && shape[0] === batch) {
      copies.set(tensor, input(source.name, shape, { dtype, batched: true }))
    } else if (!source) {
      const inputs = tensor.inputs.map(operand => copies.get(operand) ?? operand)
      const copy = new Tensor({ op, inputs, attributes, shape, dtype, ...(label !== undefined && { label }) })
      copies.set(tensor, copy)
    }
  }
  return roots.map(root => copies.get(root) ?? root)
}

/** Fails unless two arrays have the same type and the same bits. */
export function expectSameBits(actual: TypedArray | undefined, expected: TypedArray, label: string): void {
  expect(actual?.constructor, `${label}, type`).toBe(expected.constructor)
  const bytes = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength)
  if (Buffer.compare(bytes(actual!), bytes(expected)) === 0) return
  // Only a failure takes the long way, for its message.
  expect(Array.from(actual!), label).toEqual(Array.from(expected))
  expect.fail(`${label}: equal numbers of different bits`)
}
