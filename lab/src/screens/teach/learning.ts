/** When a head is trained, and what is known of the last one: it follows the pictures, and is trained again when they change. */
import { computed, effect, signal } from '@preact/signals'
import type { Calls } from '../../worker/teach/calls.ts'
import type { HeadQuestions, TrunkQuestions } from '../../worker/teach/protocol.ts'
import type { Classes, TaughtClass, TaughtPicture } from './classes.ts'
import type { PictureStore } from './pictureStore.ts'
import { type Score, scoreOf } from './score.ts'
import { trainingRows } from './trainingRows.ts'

/** A held-back picture, with the class it belongs to. */
export interface HeldPicture {
  readonly picture: TaughtPicture
  readonly class: TaughtClass
}

/** A head that was trained. */
export interface Learned {
  /** The classes that it knows, in the order of its outputs. */
  readonly classes: readonly TaughtClass[]
  /** Pictures that it was trained on. */
  readonly trained: number
  /** Views of them that it was trained on as well. */
  readonly views: number
  readonly score: Score
  readonly held: readonly HeldPicture[]
  /** Milliseconds that training took. */
  readonly took: number
}

/** While many pictures come, it is trained again when there are so many times as many. */
const growth = 1.3

/** Training of heads. */
export class Learning {
  readonly learned = signal<Learned | undefined>(undefined)
  readonly isBusy = signal(false)
  readonly problem = signal<string | undefined>(undefined)
  readonly #classes: Classes
  readonly #store: PictureStore
  readonly #trunk: Pick<Calls<TrunkQuestions>, 'ask'>
  readonly #head: Pick<Calls<HeadQuestions>, 'ask'>
  /** The classes of the head that the trunk's worker has, or will have before it answers what is asked next. */
  current: readonly TaughtClass[] = []
  readonly #end: () => void
  /** The version of the classes that was trained last, and that are wanted. */
  #trainedVersion = 0
  #trainedCount = 0
  /** True while pictures come in great numbers. */
  readonly isReading = signal(false)

  constructor(
    classes: Classes,
    store: PictureStore,
    trunk: Pick<Calls<TrunkQuestions>, 'ask'>,
    head: Pick<Calls<HeadQuestions>, 'ask'>,
  ) {
    this.#classes = classes
    this.#store = store
    this.#trunk = trunk
    this.#head = head
    this.#end = effect(() => {
      classes.version.value
      this.isReading.value
      if (!this.isBusy.value) queueMicrotask(() => this.#follow())
    })
  }

  close(): void {
    this.#end()
  }

  /** Classes that can be told apart: those with a picture to train on. */
  readonly ready = computed(() => {
    this.#classes.version.value
    return this.#classes.all.value.filter(({ pictures }) => pictures.some(({ isHeld }) => !isHeld))
  })

  async #follow(): Promise<void> {
    const version = this.#classes.version.peek()
    if (this.isBusy.peek() || version === this.#trainedVersion) return
    if (this.isReading.peek() && this.#classes.count.peek() < growth * this.#trainedCount) return
    const ready = this.ready.peek()
    this.#trainedVersion = version
    this.#trainedCount = this.#classes.count.peek()
    if (ready.length < 2) {
      this.learned.value = undefined
      this.current = []
      return
    }
    this.isBusy.value = true
    try {
      this.learned.value = await this.#train(ready)
      this.problem.value = undefined
    } catch (error) {
      this.problem.value = (error as Error).message
    } finally {
      this.isBusy.value = false
    }
  }

  async #train(classes: readonly TaughtClass[]): Promise<Learned> {
    const began = performance.now()
    const pictures: { readonly row: number; readonly label: number }[] = []
    const held: HeldPicture[] = []
    const heldLabels: number[] = []
    for (const [label, one] of classes.entries()) {
      for (const picture of one.pictures) {
        if (picture.isHeld) {
          held.push({ picture, class: one })
          heldLabels.push(label)
        } else {
          pictures.push({ row: picture.row, label })
        }
      }
    }
    const { features, labels, shares, views } = trainingRows(this.#store, pictures, this.#classes.augmentation.peek())
    const judged = this.#store.gather(held.map(({ picture }) => picture.row))
    const head = await this.#head.ask('fit', [features, labels, shares], [features.buffer])
    this.current = classes
    await this.#trunk.ask('setHead', [head])
    const probabilities = await this.#trunk.ask('judge', [judged], [judged.buffer])
    const score = scoreOf(heldLabels, probabilities, classes.length)
    return { classes, trained: pictures.length, views, held, score, took: performance.now() - began }
  }
}
