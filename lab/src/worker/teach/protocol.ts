/** What the screen Teach asks its two workers, which are of one script. */
import type { InputShape } from '../../../../src/data/prepare.ts'

/** A trunk that is open. */
export interface OpenedTrunk {
  readonly name: string
  /** `[height, width, channels]` of the pictures that it takes. */
  readonly shape: InputShape
  /** Numbers that it says of a picture. */
  readonly features: number
  /** The beginning of the SHA-256 of its file: the features of one trunk mean nothing to another. */
  readonly fingerprint: string
  /** Names of the classes that it was trained on. */
  readonly classes: readonly string[]
  /** Where it came from, as its file says. */
  readonly origin: Readonly<Record<string, string | number>>
  /** Pictures that go through it at once. */
  readonly batch: number
}

/** Side of the small picture that is kept, in pixels RGB. */
export const thumbSide = 40

/** Views of a picture by which it is augmented, and how many of them, the first, are not mirrored. */
export const [viewCount, movedViews] = [4, 2] as const

/** What is kept of a picture. */
export interface SeenPicture {
  readonly features: Float32Array<ArrayBuffer>
  /** `[viewCount, features]`, where they were asked for. */
  readonly views?: Float32Array<ArrayBuffer>
  /** `[thumbSide, thumbSide, 3]` */
  readonly thumb: Uint8Array<ArrayBuffer>
}

/** A picture, or a sentence that says why it is none. */
export type Sight = SeenPicture | { readonly failure: string }

/** A last layer that was trained. */
export interface TrainedHead {
  /** `[classes, features]` */
  readonly weights: Float32Array<ArrayBuffer>
  /** `[classes]` */
  readonly bias: Float32Array<ArrayBuffer>
}

/** Answers of the worker of the trunk. */
export type TrunkQuestions = {
  /** Opens a trunk: the address of its file, or the file. */
  open(trunk: string | File): OpenedTrunk
  /** Files, or frames of a camera: up to `batch` of them. */
  see(pictures: readonly (File | ImageBitmap)[], withViews: boolean): readonly Sight[]
  /** Takes a head. */
  setHead(head: TrainedHead): void
  /** The probabilities `[pictures, classes]` that trunk and head give to features `[pictures, features]`. */
  judge(features: Float32Array): Float32Array<ArrayBuffer>
  /** The file of the classifier that trunk and head are. */
  artifact(info: ArtifactInfo): Uint8Array<ArrayBuffer>
}

/** What the file of a classifier says of it. */
export interface ArtifactInfo {
  readonly name: string
  readonly classes: readonly string[]
  readonly origin: Readonly<Record<string, string | number>>
}

/** Answers of the worker of the head. */
export type HeadQuestions = {
  /** The best head for features `[rows, features]` of these classes, each with its share in the loss. */
  fit(features: Float32Array, labels: Uint8Array, shares: Float32Array): TrainedHead
}
