/** Training events as an event file of TensorBoard, for `tensorboard --logdir runs`. */
import { closeSync, openSync, readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { writeAllSync, writingSync } from '../data/fileError.node.ts'
import type { TrainEvent } from '../train/events.ts'
import { encodeRecord, type TensorBoardEvent } from './tensorboardEvents.ts'

/**
 * Writes the events of a training run as scalars:
 *
 * | tag | |
 * |---|---|
 * | `loss/train`, `accuracy/train` | of every mini-batch |
 * | `learning_rate`, `images_per_second` | of every step |
 * | `loss/epoch`, `accuracy/epoch`, `wait_share` | means over an epoch's steps |
 * | `loss/validation`, `accuracy/validation` | after every epoch |
 *
 * Every log is a separate file. The `start` event of a resumed run voids later steps in earlier files of the folder, so
 * that TensorBoard shows each step once. Records are written immediately; a crash loses none.
 *
 * @example
 * const log = new TensorBoardLog('runs/mine')
 * for await (const event of trainer.run()) log.append(event)
 * log.close()
 */
export class TensorBoardLog {
  /** The event file. */
  readonly path: string
  readonly #file: number
  /** Whether the folder had event files before. */
  readonly #hasPredecessors: boolean

  /**
   * Makes a new event file in a folder that exists.
   * @throws FileError when the file cannot be made; all methods throw it when the file can no longer be written.
   */
  constructor(folder: string) {
    // TensorBoard reads the files of a folder in order of name.
    const last = eventFiles(folder)
      .map(secondsOf)
      .reduce((a, b) => Math.max(a, b), 0)
    const seconds = Math.max(Math.floor(Date.now() / 1000), last + 1)
    this.#hasPredecessors = last > 0
    this.path = join(folder, `${prefix}${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}.0`)
    this.#file = writingSync(this.path, () => openSync(this.path, 'ax'))
    this.#write({ fileVersion: 'brain.Event:2' })
  }

  /** Writes the scalars of an event; events without scalars are skipped. */
  append(event: TrainEvent): void {
    if (event.type === 'start') {
      // Step 0 would void all of a new run, which has nothing yet.
      if (event.step > 0 || this.#hasPredecessors) this.#write({ step: event.step + 1, isStart: true })
      return
    }
    const scalars = scalarsOf(event)
    if (scalars) this.scalars(event.step, scalars)
  }

  /**
   * Writes your own numbers, by tag.
   * @param step counted from 1, as in training events
   */
  scalars(step: number, scalars: Readonly<Record<string, number>>): void {
    this.#write({ step, scalars })
  }

  /** Closes the file; nothing can be written after that. */
  close(): void {
    closeSync(this.#file)
  }

  #write(event: Omit<TensorBoardEvent, 'wallTime'>): void {
    const record = encodeRecord({ wallTime: Date.now() / 1000, ...event })
    writingSync(this.path, () => writeAllSync(this.#file, record))
  }
}

/** Whether a folder has event files: resuming such a run continues its log. False when there is no folder. */
export const hasTensorBoardLog = (folder: string): boolean => eventFiles(folder).length > 0

const prefix = 'events.out.tfevents.'

function eventFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => name.startsWith(prefix))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** When a file was begun, according to its name; 0 when the name does not say. */
const secondsOf = (name: string): number => Number.parseInt(name.slice(prefix.length), 10) || 0

function scalarsOf(event: TrainEvent): Record<string, number> | undefined {
  switch (event.type) {
    case 'step':
      return {
        'loss/train': event.loss,
        'accuracy/train': event.accuracy,
        learning_rate: event.learningRate,
        images_per_second: event.imagesPerSecond,
      }
    case 'epoch': {
      const { loss, accuracy, waitShare, exchangeShare } = event
      return {
        'loss/epoch': loss,
        'accuracy/epoch': accuracy,
        ...(waitShare !== undefined && { wait_share: waitShare }),
        ...(exchangeShare !== undefined && { exchange_share: exchangeShare }),
      }
    }
    case 'validation':
      return { 'loss/validation': event.loss, 'accuracy/validation': event.accuracy }
    default:
      return undefined
  }
}
