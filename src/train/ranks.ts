/** Several processes that train one model: who they are, and how they share an evaluation. */

/** The processes that train one model together. */
export interface Ranks {
  readonly count: number
  /** The host of each. */
  readonly hosts: readonly string[]
  /** Parts of a batch; every process computes some of them. */
  readonly parts: number
  /** How gradients are exchanged: `tree`, `allReduce` or `oneBit`. */
  readonly exchange: string
  /** What carries them: `Open MPI 4.1.4`, or `one process`. */
  readonly by: string
}

/** Evaluation by several processes: each takes every `size`-th batch. */
export interface EvaluationShare {
  readonly rank: number
  readonly size: number
  /** Fills in the numbers of the other processes: the sum over all, where each has zeros in the places of the others. */
  merge(values: Int32Array): Promise<void>
}
