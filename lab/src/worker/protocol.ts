/**
 * What page and worker say to each other. The page asks for as much as it can draw: the worker sends a look only when the last one
 * has been taken, so no queue can grow; of several wishes of one kind the last counts. The arrays of a look are given away, not copied.
 */
import type { ReceptiveField } from '../../../src/inspect/index.ts'
import type { Change, Intervention, Recipe } from '../state/recipe.ts'

/** What can be shown of every layer. */
export const modes = ['values', 'gradients', 'weights', 'change'] as const
export type Mode = (typeof modes)[number]

/** A layer with weights, and what follows it up to the next one. */
export interface LayerInfo {
  /** `conv1` */
  readonly path: string
  readonly kind: 'conv' | 'linear'
  /** `[C, H, W]` or `[features]` of its output. */
  readonly shape: readonly number[]
  /** Of its input, and which of {@link Look.volumes} that is. */
  readonly input: readonly number[]
  readonly reads: number
  /** `[O, I, H, W]` or `[O, I]` */
  readonly weight: readonly number[]
  readonly parameters: number
  readonly window?: {
    readonly kernel: number
    readonly stride: number
    readonly padding: number
    readonly groups: number
  }
  readonly hasRelu: boolean
  /** Whether its values are normalized before they go on. */
  readonly isNormalized?: boolean
  /** The part of the picture that a cell sees; none where there are no rows and columns. */
  readonly field?: ReceptiveField
  /** What reaches the next layer, where that is another volume: after ReLU and pooling. */
  readonly passed?: { readonly path: string; readonly shape: readonly number[]; readonly volume: number }
}

/** A layer for the probe, at one moment. */
export interface LayerLook {
  /** What it gives, `[C, H, W]` or `[features]`; and ∂loss/∂ of the same, where they are shown or the training rests. */
  readonly values: Float32Array
  readonly gradients?: Float32Array
  readonly weights: Float32Array
  readonly bias: Float32Array
  /** What the last step has added to the weights, zeros before the first; where it is shown or the training rests. */
  readonly change?: Float32Array
  /** ‖Δw‖ / ‖w‖ over weights and biases; 0 before the first step. */
  readonly ratio: number
}

/** The network at one moment, for the probe. */
export interface Look {
  readonly step: number
  /** What layers read and pass on; the first is the normalized picture, `[C, H, W]`. And ∂loss/∂ of the same. */
  readonly volumes: readonly Float32Array[]
  readonly volumeGradients?: readonly Float32Array[]
  readonly layers: readonly LayerLook[]
  readonly logits: Float32Array
  readonly probabilities: Float32Array
  /** Of the probe, for the class that it is compared with. */
  readonly loss: number
  readonly target: number
}

/** The values of a layer for many test images. */
export interface LayerStatistics {
  /** Shares of the values in equal bins from −range to range, of which the fullest is 1. */
  readonly histogram: Float32Array
  readonly range: number
  /** Share of values ≤ 0. */
  readonly zero: number
  /** Units (maps) that were ≤ 0 on every image and everywhere. */
  readonly dead: readonly number[]
}

/** What the network does with test images at one moment. */
export interface Statistics {
  readonly step: number
  /** Test images. */
  readonly count: number
  readonly layers: readonly LayerStatistics[]
  /** `[count, classes]` */
  readonly probabilities: Float32Array
  /** Share that was classified correctly. */
  readonly accuracy: number
}

/** What the page shows of the training as it starts. */
export interface Opened {
  readonly recipe: Recipe
  readonly classes: readonly string[]
  /** `[height, width, channels]` of a picture. */
  readonly shape: readonly [number, number, number]
  /** What the pictures show; own ones may be of anything. */
  readonly subject?: 'digit' | 'clothing'
  /** Of points: the side of the plane that the layers are shown on, and what they are trained on. */
  readonly plane?: { readonly side: number; readonly points: Uint8Array; readonly labels: Uint8Array }
  readonly layers: readonly LayerInfo[]
  readonly testImages: Uint8Array
  readonly testLabels: Uint8Array
  /** Steps after which training stops by itself, with the recipe's batches. */
  readonly stepsPerEpoch: number
  /** Threads that compute, and why there is only one; none where a graphics processor computes, which has a name. */
  readonly threads?: number
  readonly alone?: string
  readonly graphics?: string
  /** Of a network that is looked at and not trained: the data set of its recipe, where it is here. */
  readonly still?: { readonly data: string; readonly hasData: boolean }
}

/** A trained network that is looked at and not trained: a checkpoint of a run. */
export interface StillNetwork {
  /** Of the run, JSON. */
  readonly recipe: unknown
  /** A safetensors file. */
  readonly weights: ArrayBuffer
  readonly step: number
}

/** The picture to look at. */
export interface ProbePicture {
  /** Bytes `[height, width, channels]` */
  readonly pixels: Uint8Array
  /** Its class; none: the class that the network takes it for. */
  readonly label?: number
}

/** Another value of a weight, to see what it would do. */
export interface WeightTrial {
  /** `conv2.weight` */
  readonly path: string
  readonly index: number
  readonly value: number
}

/** A map of reasons, `[height, width]`. */
export interface Reason {
  readonly method: 'saliency' | 'gradCam' | 'integratedGradients' | 'occlusion' | 'guidedBackprop'
  readonly values: Float32Array
  readonly height: number
  readonly width: number
  /** Of integrated gradients: their sum, and what it misses of the difference of the scores. */
  readonly sum?: number
  readonly error?: number
}

/** Why the network says a class. */
export interface Reasons {
  readonly step: number
  readonly target: number
  /** The logit of the class. */
  readonly score: number
  readonly maps: readonly Reason[]
}

/** A map of a convolution, or a unit of a fully connected layer. */
export interface UnitPlace {
  readonly layer: string
  readonly unit: number
}

/** A place of a test image where a unit is large. */
export interface ExcitingPatch {
  /** Number of the test image, and the cell of the map. */
  readonly image: number
  readonly row: number
  readonly column: number
  readonly value: number
}

/** A picture that was grown to make a unit large. */
export interface GrownPicture {
  /** Steps of ascent from noise. */
  readonly after: number
  readonly value: number
  /** Bytes `[height, width, channels]` */
  readonly pixels: Uint8Array
}

/** What excites a unit, as far as it was found. */
export interface Excitation extends UnitPlace {
  /** Of the training. */
  readonly step: number
  /** Test images searched, of how many. */
  readonly searched: number
  readonly images: number
  /** The strongest of each image, the largest first. */
  readonly patches: readonly ExcitingPatch[]
  /** Of the map: the cell that the picture is grown for. */
  readonly cell: readonly [row: number, column: number]
  /** Some on the way, and the last. */
  readonly grown: readonly GrownPicture[]
  /** Steps of ascent in all. */
  readonly steps: number
}

/** Images that are judged. */
export type Split = 'test' | 'train'

/** What is to be judged. */
export interface JudgeWish {
  readonly split: Split
  /** Whether the features of some of the images are wanted as well. */
  readonly features: boolean
  /** The layer whose input the features are; the last one by default. */
  readonly layer?: string | undefined
}

/** What was answered for each training image in the batches it was in; an image counts from the first time it was. */
export interface History {
  /** Times that it was answered for. */
  readonly presented: Uint16Array
  /** Times that a right answer was followed by a wrong one (Toneva et al. 2019). */
  readonly forgotten: Uint16Array
  /** The pass, from 1 on, since which all answers were right; 0 where the last was wrong, −1 where there was none. */
  readonly learned: Int16Array
}

/** What a layer reads, for the first images of a kind. */
export interface FeatureRows {
  readonly layer: string
  /** Whether they are the means of its maps: there are too many cells for each to be a feature. */
  readonly isMean: boolean
  readonly count: number
  /** `[count, size]` */
  readonly values: Float32Array
}

/** A network's answers to all images of a kind, at one moment. */
export interface Judged {
  readonly split: Split
  readonly step: number
  /** What decides the weights of that step; see `historyKey`. */
  readonly line: string
  /** What the answers are compared with: changed labels count from the step on that they are trained with. */
  readonly labels: Uint8Array
  /** 1 for each training image that was left out. */
  readonly out: Uint8Array
  readonly predicted: Uint8Array
  /** Of the predicted class. */
  readonly probability: Float32Array
  /** In nats. */
  readonly losses: Float32Array
  /** `[images, classes]` */
  readonly probabilities: Float32Array
  /** Of training images. */
  readonly history?: History
  readonly features?: FeatureRows
}

/** What is said of judging. */
export type JudgeAnswer =
  | {
      readonly type: 'judging'
      readonly split: Split
      readonly step: number
      readonly done: number
      readonly total: number
    }
  /** Training images, told once, when they are first judged. */
  | { readonly type: 'shard'; readonly first: number; readonly images: Uint8Array; readonly labels: Uint8Array }
  | { readonly type: 'judged'; readonly judged: Judged }

/** Pictures of one's own, by class. */
export interface OwnPictures {
  readonly classes: readonly string[]
  /** `[height, width, channels]` */
  readonly shape: readonly [number, number, number]
  /** Bytes of all pictures, one after the other, and the class of each. */
  readonly images: Uint8Array
  readonly labels: Uint8Array
}

/** From the page. */
export type Command =
  | {
      readonly type: 'open'
      readonly recipe: Recipe
      /** Address of the data set, with a slash at its end. */
      readonly data: string
      /** Pictures of one's own, in place of what is at the address. */
      readonly own?: OwnPictures
      readonly threads?: number
      /** 1 while the page draws. */
      readonly drawing?: Int32Array<SharedArrayBuffer>
      /** A network to look at, in place of one to train; `data` is then the address of all data sets. */
      readonly still?: StillNetwork
    }
  | { readonly type: 'play'; readonly until: number; readonly stepsPerSecond?: number }
  | { readonly type: 'pause' }
  | { readonly type: 'goto'; readonly step: number }
  /** A change at the moment that is reached, whichever it is by then. */
  | { readonly type: 'set'; readonly change: Change }
  /** Another line of training; to be followed by `goto`. */
  | { readonly type: 'interventions'; readonly interventions: readonly Intervention[] }
  | { readonly type: 'probe'; readonly probe: ProbePicture }
  /** A look with another weight than the network has; none: as it is. */
  | { readonly type: 'try'; readonly trial: WeightTrial | undefined }
  /** Reasons for a class; for the one that is predicted without. */
  | { readonly type: 'why'; readonly target: number | undefined }
  /** What excites a unit, told again and again until it is found; none: no more of it. */
  | { readonly type: 'excite'; readonly place: UnitPlace | undefined }
  /** All images of a kind are judged, with the weights of the moment that is reached; none: no more of it. */
  | { readonly type: 'judge'; readonly wish: JudgeWish | undefined }
  /** What is shown of the layers, so that nothing else is computed while it trains. */
  | { readonly type: 'show'; readonly mode: Mode }
  /** The last look was drawn, in so many milliseconds of the page; it may have another. */
  | { readonly type: 'taken'; readonly drawn: number }
  | { readonly type: 'hash' }

/** From the worker. */
export type Answer =
  | { readonly type: 'reading'; readonly done: number; readonly total: number }
  | ({ readonly type: 'opened' } & Opened)
  /** Losses of the steps that follow `from`, and the moment that is reached. */
  | { readonly type: 'steps'; readonly from: number; readonly losses: Float32Array; readonly step: number }
  | { readonly type: 'changed'; readonly at: number; readonly interventions: readonly Intervention[] }
  | { readonly type: 'state'; readonly step: number; readonly playing: boolean }
  | { readonly type: 'look'; readonly look: Look }
  | { readonly type: 'statistics'; readonly statistics: Statistics }
  | { readonly type: 'why'; readonly reasons: Reasons }
  | { readonly type: 'excited'; readonly excitation: Excitation }
  | { readonly type: 'hash'; readonly step: number; readonly hash: string }
  | JudgeAnswer
  | { readonly type: 'failed'; readonly kind: 'memory' | 'data' | 'graphics' | 'engine'; readonly message: string }
