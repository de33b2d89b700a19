/**
 * The data of the run report. The fields match the results of the trainer, the evaluation and the summary, so that a
 * command only has to combine them.
 */
import type { EngineDescription } from '../backends/engine.ts'
import type { NetworkGraph } from '../inspect/graphNodes.ts'
import type { ReceptiveField } from '../inspect/imageWindow.ts'
import type { SummaryRow } from '../inspect/summary.ts'
import type { ImageShape } from '../plot/png.ts'

/** One row of the layer table: the fields it shows of a row of `summarize(model, shape)` with a batch of 1. */
export interface ReportLayer
  extends Pick<
    SummaryRow,
    'path' | 'type' | 'window' | 'output' | 'parameters' | 'arithmetic' | 'multiplyAdds' | 'activationBytes'
  > {
  readonly receptiveField?: Pick<ReceptiveField, 'size' | 'stride'>
}

/** A test image that was classified wrongly. */
export interface ReportMistake {
  /** `[H, W, C]` bytes. */
  readonly image: Uint8Array
  readonly shape: ImageShape
  /** Index of the true class. */
  readonly label: number
  /** Index of the predicted class. */
  readonly predicted: number
  /** Probability that the model assigned to its prediction, 0 … 1. */
  readonly probability: number
  readonly loss: number
  /** Position in the test set. */
  readonly index: number
}

/** Everything the report shows. A section without data is omitted. */
export interface ReportData {
  readonly title: string
  readonly model: string
  readonly dataset: string
  /** Names of the classes, in the order of their indices. */
  readonly classes: readonly string[]
  /** The recipe with every default filled in; shown as JSON. */
  readonly recipe: unknown
  readonly engine: EngineDescription
  /** The processes that trained together, and the share of the time in which they exchanged gradients, 0 … 1. */
  readonly ranks?: {
    readonly count: number
    readonly hosts: readonly string[]
    readonly parts: number
    readonly exchange: string
    readonly by: string
    readonly exchangeShare: number
  }
  /** When the run began: anything `new Date()` reads. */
  readonly startedAt: string | number | Date
  /** Training time of all steps. */
  readonly seconds: number
  readonly steps: readonly {
    readonly step: number
    readonly epoch: number
    readonly loss: number
    readonly accuracy: number
    readonly learningRate: number
  }[]
  readonly epochs: readonly ReportScore[]
  readonly validation: readonly ReportScore[]
  readonly test?: {
    readonly loss: number
    readonly accuracy: number
    readonly samples: number
    /** `[true class][predicted class]`, counts. */
    readonly confusion: readonly (readonly number[])[]
  }
  /** Weights of the first convolution, `[O, C, H, W]`. */
  readonly filters?: { readonly shape: readonly [number, number, number, number]; readonly values: Float32Array }
  /** In any order; the report sorts them by loss and shows at most 48, fewer if the images are large. */
  readonly mistakes?: readonly ReportMistake[]
  /** Number of parameters trained at any time in the run; given if it is not the total of `layers`. */
  readonly trainable?: number
  readonly layers?: readonly ReportLayer[]
  /** The network, drawn as a graph beneath the table of its layers. */
  readonly graph?: NetworkGraph
  /** The command line that repeats the run. */
  readonly command: string
  /** Version of Fovea. */
  readonly version: string
}

/** Means over an epoch's steps, or a score on the validation split after it. */
export interface ReportScore {
  readonly epoch: number
  readonly step: number
  readonly loss: number
  readonly accuracy: number
}
