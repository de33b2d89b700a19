/**
 * A network traced for a batch of any size. Fovea's graphs have fixed sizes; the same network traced for two batches
 * shows which of them grow with the batch.
 */
import { formatShape } from '../../graph/shape.ts'
import { structuralKey } from '../../graph/structuralKey.ts'
import { type Tensor, topologicalOrder } from '../../graph/tensor.ts'
import { OnnxError } from '../errors.ts'

/** A size of an axis: a number, or a multiple of the batch. */
export type Size = number | { readonly timesBatch: number }

/** A graph with its ends. */
export interface Traced {
  /** By the names of the file. */
  readonly inputs: ReadonlyMap<string, Tensor>
  readonly outputs: ReadonlyMap<string, Tensor>
}

/** Two batch sizes. A size that equals the batch only by chance stays the same for both. */
const batches = [2, 3] as const

/** A graph, and what is the same in it for every batch. */
export class BatchTrace implements Traced {
  readonly inputs: ReadonlyMap<string, Tensor>
  readonly outputs: ReadonlyMap<string, Tensor>
  /** All values that the outputs depend on, inputs before users. */
  readonly order: readonly Tensor[]
  readonly #twins: ReadonlyMap<Tensor, Tensor>
  readonly #users = new Map<Tensor, number>()

  /**
   * @param make makes the network's graph for a batch
   * @param batch the only batch that the file is for; any when absent
   * @throws OnnxError when the network differs with the batch
   */
  constructor(make: (batch: number) => Traced, batch?: number) {
    const traced = make(batch ?? batches[0])
    this.inputs = traced.inputs
    this.outputs = traced.outputs
    const roots = [...traced.outputs.values()]
    this.order = topologicalOrder(roots)
    const other = batch === undefined ? topologicalOrder(make(batches[1]).outputs.values()) : this.order
    this.#twins = pair(this.order, other)
    for (const tensor of [...roots, ...this.order.flatMap(({ inputs }) => inputs)])
      this.#users.set(tensor, (this.#users.get(tensor) ?? 0) + 1)
  }

  /** The same value in the graph for another batch; in a graph for one batch, the value itself. */
  twinOf(tensor: Tensor): Tensor {
    return this.#twins.get(tensor) ?? tensor
  }

  /** True when only one value reads it, and it is not an output. */
  isPrivate(tensor: Tensor): boolean {
    return this.#users.get(tensor) === 1
  }

  /** The sizes of a value. @throws OnnxError for one that grows otherwise than the batch. */
  sizesOf(tensor: Tensor): readonly Size[] {
    const twin = this.twinOf(tensor)
    return tensor.shape.map((size, axis) => {
      if (twin.shape[axis] === size) return size
      const timesBatch = size / batches[0]
      if (timesBatch * batches[1] === twin.shape[axis]) return { timesBatch }
      throw dependsOnBatch(tensor, `axis ${axis} has ${size} elements for 2 images and ${twin.shape[axis]} for 3`)
    })
  }

  /** True when the attributes of a value do not depend on the batch, but for the named sizes. */
  isSteady(tensor: Tensor, sizes: readonly string[] = []): boolean {
    const key = ({ attributes }: Tensor): string =>
      structuralKey(
        Object.fromEntries(
          Object.entries((attributes ?? {}) as Record<string, unknown>).filter(([name]) => !sizes.includes(name)),
        ),
      )
    return key(tensor) === key(this.twinOf(tensor))
  }
}

/** The message for a value that a file cannot hold for batches of any size. */
export function dependsOnBatch({ label, op }: Tensor, how: string): OnnxError {
  return new OnnxError(
    `${label ?? op}: depends on the number of images in more than its sizes (${how}): export it for one number, with 'batch' (--batch on the command line)`,
  )
}

function pair(order: readonly Tensor[], other: readonly Tensor[]): Map<Tensor, Tensor> {
  const places = (list: readonly Tensor[]): Map<Tensor, number> => new Map(list.map((tensor, k) => [tensor, k]))
  const [own, others] = [places(order), places(other)]
  const line = ({ op, dtype, inputs, shape }: Tensor, at: ReadonlyMap<Tensor, number>): string =>
    [op, dtype, shape.length, ...inputs.map(input => at.get(input))].join()
  order.forEach((tensor, k) => {
    const twin = other[k]
    if (other.length === order.length && twin && line(tensor, own) === line(twin, others)) return
    throw dependsOnBatch(tensor, `${order.length} operations for 2 images and ${other.length} for 3`)
  })
  return new Map(order.map((tensor, k) => [tensor, other[k] as Tensor]))
}

/** `[batch, 64, 7, 7]`: sizes as they are written into a file. */
export const nameOfSize = (size: Size, batch: string): number | string =>
  typeof size === 'number' ? size : size.timesBatch === 1 ? batch : `${size.timesBatch}*${batch}`

/** A shape in a message. */
export const formatSizes = (sizes: readonly Size[]): string =>
  formatShape(sizes.map(size => nameOfSize(size, 'batch')) as number[])
