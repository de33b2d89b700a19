/** The classes and their pictures as the page knows them, with what was done last, to be undone. It touches no document. */
import { computed, signal } from '@preact/signals'
import type { SeenPicture } from '../../worker/teach/protocol.ts'
import { type Counts, isNextHeld, lotsOfTake } from './holdOut.ts'
import type { PictureStore } from './pictureStore.ts'
import type { Augmentation } from './trainingRows.ts'

/** A picture of a class. */
export interface TaughtPicture {
  /** In the {@link PictureStore}. */
  readonly row: number
  /** Never trained on: it is judged by. */
  readonly isHeld: boolean
  /** Whether it is a frame of a camera. */
  readonly isFrame: boolean
}

/** A class. */
export class TaughtClass {
  readonly id: number
  readonly name = signal('')
  /** In the order in which they came. */
  readonly pictures: TaughtPicture[] = []
  /** Counts the changes of the pictures. */
  readonly version = signal(0)
  /** Frames of a take that goes on: neither trained on nor judged by until it ends. */
  readonly take: number[] = []

  constructor(id: number, name: string) {
    this.id = id
    this.name.value = name
  }

  readonly counts = computed<Counts>(() => {
    this.version.value
    return { count: this.pictures.length, held: this.pictures.filter(({ isHeld }) => isHeld).length }
  })
}

/** Something that was done, and can be undone. */
interface Done {
  readonly what: string
  undo(): void
  /** It can no longer be undone. */
  forget(): void
}

/** Most things that can be undone. */
const mostUndone = 30

/** Most classes, so that each still has a bar. */
export const mostClasses = 50

/** The classes. */
export class Classes {
  readonly all = signal<readonly TaughtClass[]>([])
  /** Whether views of the pictures are learned from as well. */
  readonly augmentation = signal<Augmentation>('off')
  /** Counts changes of which pictures there are, of their classes, and of what is learned from. */
  readonly version = signal(0)
  readonly #done = signal<readonly Done[]>([])
  readonly #store: PictureStore
  #nextId = 0

  constructor(store: PictureStore) {
    this.#store = store
  }

  /** What would be undone. */
  readonly undoable = computed(() => this.#done.value.at(-1)?.what)
  readonly count = computed(() => this.all.value.reduce((sum, { counts }) => sum + counts.value.count, 0))
  /** Names that two classes have, or none. */
  readonly nameProblem = computed(() => {
    const names = this.all.value.map(({ name }) => name.value.trim())
    const twice = names.find((name, k) => name !== '' && names.indexOf(name) < k)
    if (twice !== undefined) return `Two classes are called ${twice}. Give one of them another name.`
    return names.includes('') ? 'A class has no name. Give it one.' : undefined
  })

  /**
   * The class of a folder: the one of its name, or one that nobody has touched, or a new one; undefined when there are too many.
   * @param name none for files in no folder
   */
  named(name: string | undefined): TaughtClass | undefined {
    const known = this.all.value.find(one => name !== undefined && one.name.value.trim() === name)
    if (known) return known
    const free = this.all.value.find(
      ({ name, pictures, take }) => /^class \d+$/.test(name.value) && pictures.length + take.length === 0,
    )
    if (!free) return this.add(name)
    if (name !== undefined) this.rename(free, name)
    return free
  }

  /** A new class; undefined when there are too many. @param name by default `class 1`, … */
  add(name = this.#freeName()): TaughtClass | undefined {
    if (this.all.value.length >= mostClasses) return undefined
    const made = new TaughtClass(this.#nextId++, name)
    this.all.value = [...this.all.value, made]
    this.version.value++
    return made
  }

  #freeName(): string {
    const names = new Set(this.all.value.map(({ name }) => name.value.trim()))
    let number = 1
    while (names.has(`class ${number}`)) number++
    return `class ${number}`
  }

  /** Gives a class another name. */
  rename(one: TaughtClass, name: string): void {
    one.name.value = name
    this.version.value++
  }

  /** Learns from views as well, or not. */
  augment(by: Augmentation): void {
    this.augmentation.value = by
    this.version.value++
  }

  /** Adds a picture; its views are kept when it is trained on. @returns false when there is no room */
  addPicture(to: TaughtClass, seen: SeenPicture): boolean {
    const row = this.#store.add(seen)
    if (row === undefined) return false
    const isHeld = isNextHeld(to.counts.peek())
    if (seen.views && !isHeld) this.#store.addViews(row, seen.views)
    this.#change(to, () => to.pictures.push({ row, isHeld, isFrame: false }))
    return true
  }

  /** Adds a frame of a take that goes on. @returns false when there is no room */
  addFrame(to: TaughtClass, seen: SeenPicture): boolean {
    const row = this.#store.add(seen)
    if (row === undefined) return false
    to.take.push(row)
    to.version.value++
    return true
  }

  /** Ends a take: its frames become pictures to train on, and to judge by. */
  endTake(of: TaughtClass): void {
    const rows = of.take.splice(0)
    if (rows.length === 0) return
    const lots = lotsOfTake(rows.length, of.counts.peek())
    this.#change(of, () => {
      for (const [k, row] of rows.entries()) {
        if (lots[k] === 'left out') this.#store.remove(row)
        else of.pictures.push({ row, isHeld: lots[k] === 'held', isFrame: true })
      }
    })
  }

  /** Removes a picture. */
  removePicture(of: TaughtClass, picture: TaughtPicture): void {
    const at = of.pictures.indexOf(picture)
    if (at < 0) return
    this.#change(of, () => of.pictures.splice(at, 1))
    this.#remember({
      what: `a picture of ${of.name.peek()} removed`,
      undo: () => this.#change(of, () => of.pictures.splice(Math.min(at, of.pictures.length), 0, picture)),
      forget: () => this.#store.remove(picture.row),
    })
  }

  /** Removes a class with its pictures. */
  removeClass(one: TaughtClass): void {
    this.endTake(one)
    const at = this.all.value.indexOf(one)
    this.#setAll(this.all.value.filter(other => other !== one))
    this.#remember({
      what: `${one.name.peek()} removed`,
      undo: () => this.#setAll(this.all.value.toSpliced(at, 0, one)),
      forget: () => this.#forget([one]),
    })
  }

  /** Removes all of them. */
  clear(): void {
    const before = this.all.value
    for (const one of before) this.endTake(one)
    this.#setAll([])
    this.#remember({
      what: 'everything removed',
      undo: () => this.#setAll([...before, ...this.all.value]),
      forget: () => this.#forget(before),
    })
  }

  /** Undoes what was done last. */
  undo(): void {
    const last = this.#done.value.at(-1)
    this.#done.value = this.#done.value.slice(0, -1)
    last?.undo()
  }

  /** Takes the classes of a saved session. */
  restore(
    saved: readonly { readonly name: string; readonly pictures: readonly TaughtPicture[] }[],
    augmentation: Augmentation,
  ): void {
    this.augmentation.value = augmentation
    this.#setAll(
      saved.map(({ name, pictures }) => {
        const made = new TaughtClass(this.#nextId++, name)
        for (const picture of pictures) made.pictures.push(picture)
        made.version.value++
        return made
      }),
    )
  }

  #setAll(classes: readonly TaughtClass[]): void {
    this.all.value = classes
    this.version.value++
  }

  #change(one: TaughtClass, change: () => void): void {
    change()
    one.version.value++
    this.version.value++
  }

  #remember(done: Done): void {
    const all = [...this.#done.value, done]
    while (all.length > mostUndone) all.shift()!.forget()
    this.#done.value = all
  }

  #forget(classes: readonly TaughtClass[]): void {
    for (const { pictures } of classes) for (const { row } of pictures) this.#store.remove(row)
  }
}
