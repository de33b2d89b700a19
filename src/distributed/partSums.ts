/** The sums of a step's gradients over its parts, on every process: three ways to exchange what processes have computed. */
import type { Region } from '../backends/engine.ts'
import type { Communicator } from './communicator.ts'
import { addInto, childrenOf, isPart, nodesWithin, partsOf, type Span, sumOfNodes } from './tree.ts'

/**
 * Computes a part into the region of its gradient, and shows it.
 * @param use called with the region's values, valid during the call
 */
export type ComputePart = (part: number, use: (values: Float32Array) => void) => Promise<void>

/** What is summed. */
export interface SumTask {
  /** Parts of this step that there are; the last step of an epoch may have fewer. */
  readonly present: number
  readonly compute: ComputePart
  /** Steps done before. */
  readonly step: number
}

/** A way to sum over all parts. */
export interface PartSums {
  /**
   * Leaves the sum over all parts in the region, on every process.
   * @returns milliseconds spent exchanging, waiting for others included
   */
  sum(task: SumTask): Promise<number>
}

/** The parts of a step, and who computes which. */
export class Division {
  readonly communicator: Communicator
  readonly whole: Span
  /** The parts of this process. */
  readonly own: Span
  /** The process that computes each part, the first part of each process, and the most that one has. */
  readonly owners: readonly number[]
  readonly starts: readonly number[]
  readonly mostParts: number
  /** The largest nodes of the tree that each process computes alone. */
  readonly nodes: readonly (readonly Span[])[]

  /** @throws RangeError when there are fewer parts than processes */
  constructor(communicator: Communicator, parts: number) {
    const { rank, size } = communicator
    if (size > parts) {
      throw new RangeError(`${size} processes cannot share ${parts} parts: a batch must be cut into at least as many`)
    }
    const spans = Array.from({ length: size }, (_, other) => partsOf(other, size, parts))
    this.communicator = communicator
    this.whole = { from: 0, to: parts }
    this.own = spans[rank]!
    this.owners = spans.flatMap(({ from, to }, other) => new Array<number>(to - from).fill(other))
    this.starts = spans.map(({ from }) => from)
    this.mostParts = Math.max(...spans.map(({ from, to }) => to - from))
    this.nodes = spans.map(span => nodesWithin(span, this.whole))
  }
}

/** Sums of nodes that one process computes alone, in the order of the tree. */
export class OwnSums {
  readonly nodes: readonly Span[]
  /** A sum for each node. */
  readonly values: readonly Float32Array[]
  readonly #spare: Float32Array[] = []
  readonly #length: number

  /** @param length numbers of a sum */
  constructor(nodes: readonly Span[], length: number) {
    this.nodes = nodes
    this.values = nodes.map(() => new Float32Array(length))
    this.#length = length
  }

  async compute({ present, compute }: SumTask): Promise<void> {
    for (const [k, node] of this.nodes.entries()) {
      if (node.from < present) await this.#sum(node, present, compute, this.values[k]!)
    }
  }

  async #sum(node: Span, present: number, compute: ComputePart, into: Float32Array): Promise<void> {
    if (isPart(node)) return compute(node.from, values => into.set(values))
    const [left, right] = childrenOf(node)
    await this.#sum(left, present, compute, into)
    if (right.from >= present) return
    if (isPart(right)) return compute(right.from, values => addInto(into, values))
    const other = this.#spare.pop() ?? new Float32Array(this.#length)
    await this.#sum(right, present, compute, other)
    addInto(into, other)
    this.#spare.push(other)
  }
}

/**
 * Sums whose bits do not depend on the number of processes. Every process gets a stripe of all nodes (all-to-all), adds
 * them in the order of the tree, and gives its stripe of the sum to the others (all-gather): as many bytes as the usual
 * algorithms of a sum.
 */
export class TreeSums implements PartSums {
  readonly #division: Division
  readonly #region: Region
  readonly #own: OwnSums
  readonly #stripe: number
  /** Nodes that a message has room for. */
  readonly #room: number
  readonly #send: Float32Array
  readonly #received: Float32Array

  /** @param region its length is a multiple of the number of processes */
  constructor(division: Division, region: Region) {
    const { size } = division.communicator
    this.#division = division
    this.#region = region
    this.#own = new OwnSums(division.nodes[division.communicator.rank]!, region.length)
    this.#stripe = region.length / size
    this.#room = Math.max(...division.nodes.map(({ length }) => length))
    const length = size === 1 ? 0 : size * this.#room * this.#stripe
    // With one node each, its sum is sent as it is.
    this.#send = this.#room === 1 ? this.#own.values[0]! : new Float32Array(length)
    this.#received = new Float32Array(length)
  }

  async sum(task: SumTask): Promise<number> {
    const { communicator } = this.#division
    await this.#own.compute(task)
    const started = performance.now()
    await this.#region.change(async values => {
      if (communicator.size === 1) {
        values.set(this.#own.values[0]!)
        return
      }
      this.#pack()
      await communicator.allToAll(this.#send, this.#received)
      await communicator.allGather(this.#sumOfStripes(task.present), values)
    })
    return performance.now() - started
  }

  #pack(): void {
    const stripe = this.#stripe
    if (this.#room === 1) return
    for (let to = 0; to < this.#division.communicator.size; to++) {
      for (const [k, node] of this.#own.values.entries()) {
        this.#send.set(node.subarray(to * stripe, (to + 1) * stripe), (to * this.#room + k) * stripe)
      }
    }
  }

  /** This process's stripe of the sum. */
  #sumOfStripes(present: number): Float32Array {
    const { nodes, whole } = this.#division
    const stripes = new Map<string, Float32Array>()
    for (const [from, theirs] of nodes.entries()) {
      for (const [k, node] of theirs.entries()) {
        const start = (from * this.#room + k) * this.#stripe
        stripes.set(keyOf(node), this.#received.subarray(start, start + this.#stripe))
      }
    }
    return sumOfNodes(whole, present, node => stripes.get(keyOf(node)))!
  }
}

const keyOf = ({ from, to }: Span): string => `${from} ${to}`

/** Sums by MPI's own `MPI_Allreduce`: their last bits depend on the library and on the number of processes. */
export class LibrarySums implements PartSums {
  readonly #communicator: Communicator
  readonly #region: Region
  readonly #own: OwnSums

  constructor(division: Division, region: Region) {
    this.#communicator = division.communicator
    this.#region = region
    this.#own = new OwnSums(division.nodes[division.communicator.rank]!, region.length)
  }

  async sum(task: SumTask): Promise<number> {
    await this.#own.compute(task)
    const started = performance.now()
    await this.#region.change(async values => {
      values.fill(0)
      for (const [k, node] of this.#own.nodes.entries()) {
        if (node.from < task.present) addInto(values, this.#own.values[k]!)
      }
      await this.#communicator.allReduce(values)
    })
    return performance.now() - started
  }
}
