/** Messages between the threads of `workerLoader`. */
import type { AugmentationSpec } from '../augment/compose.ts'
import type { BatchTask } from './produce.ts'

/** The first message to a worker. */
export interface WorkerSetup {
  readonly augment: AugmentationSpec | undefined
  readonly seed: number
  /** `[height, width, channels]` of the pictures in a batch. */
  readonly shape: readonly [number, number, number]
  readonly classes: number
  /** How to decode files; absent for pictures that come as bytes. */
  readonly decoding: { readonly channels: number; readonly shorterSide: number } | undefined
  /** Shape of pictures that come as bytes. */
  readonly rawShape: readonly [number, number, number]
}

/** A batch to be made; its memory is shared. */
export interface WorkerTask {
  readonly id: number
  readonly task: BatchTask
  /** The files to read. */
  readonly paths?: readonly string[]
  /** The pictures as bytes, concatenated. */
  readonly raw?: Uint8Array
}

/** A batch is made, or not. */
export interface WorkerReply {
  readonly id: number
  /** Pictures that could not be read: position and reason. */
  readonly failures: readonly (readonly [position: number, reason: string])[]
  readonly error?: { readonly name: string; readonly message: string }
}
