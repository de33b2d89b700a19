/**
 * What the run report is made from. The fields have the shapes of what the trainer, the evaluation and the summary give,
 * so that a command only puts them together.
 */
import type { EngineDescription } from '../backends/engine.ts'
import type { ReceptiveField } from '../inspect/receptiveField.ts'
import type { SummaryRow } from '../inspect/summary.ts'
import type { ImageShape } from '../plot/png.ts'

/** One row of the layer table: what it shows of a row of `summarize(model, shape)` with a batch of 1. */
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
  /** Probability the model gave to its prediction, 0 … 1. */
  readonly probability: number
  readonly loss: number
  /** Position in the test set. */
  readonly index: number
}

/** Everything the report shows. What is missing leaves its section out. */
export interface ReportData {
  readonly title: string
  readonly model: string
  readonly dataset: string
  /** Names of the classes, in the order of their indices. */
  readonly classes: readonly string[]
  /** The recipe with every default filled in; shown as JSON. */
  readonly recipe: unknown
  readonly engine: EngineDescription
  /** When the run began: anything `new Date()` reads. */
  readonly startedAt: string | number | Date
  /** Training time, of all steps. */
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
  /** In any order; the report sorts them by loss and shows at most the first 48, fewer if they are large. */
  readonly mistakes?: readonly ReportMistake[]
  /** Numbers that were trained at any time of the run, when not all that `layers` count were. */
  readonly trainable?: number
  readonly layers?: readonly ReportLayer[]
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
