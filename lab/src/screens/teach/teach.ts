/**
 * The screen Teach without a document: a trunk, classes of pictures, a head that follows them. Files wait in a queue as they lie on
 * the disk; of pictures a few at a time are in memory, and of each its features and a small picture stay.
 */
import { batch, signal } from '@preact/signals'
import { whole } from '../../draw/format.ts'
import { type FoundFile, picturesOf } from '../../frame/upload.ts'
import { Calls, type WorkerEnd } from '../../worker/teach/calls.ts'
import type { HeadQuestions, OpenedTrunk, SeenPicture, Sight, TrunkQuestions } from '../../worker/teach/protocol.ts'
import { Classes, mostClasses, type TaughtClass } from './classes.ts'
import { Learning } from './learning.ts'
import { PictureStore } from './pictureStore.ts'

/** The two workers. */
export interface TeachWorkers {
  readonly trunk: WorkerEnd
  readonly head: WorkerEnd
}

/** Files on their way. */
export interface Reading {
  readonly done: number
  readonly total: number
}

/** A picture that was tried: no class has it. */
export interface Tried {
  readonly thumb: Uint8Array
  readonly name: string
  /** What the head says, in the order of `classes`; none before there is a head. */
  readonly probabilities: Float32Array | undefined
  readonly classes: readonly TaughtClass[]
}

/** What was said wrong of files. */
export interface Failures {
  readonly sentences: readonly string[]
  /** Files beyond those that are named. */
  readonly more: number
}

const noPictures = 'There is no picture among these files: choose PNG, JPEG or WebP files, or folders of them.'

/** 0 for a file in no folder. */
const depthOf = ({ path }: FoundFile): number => (path.includes('/') ? 1 : 0)

/** Files that are named when they cannot be read. */
const mostNamed = 5

/** All that belongs to a trunk. */
export interface Lesson {
  readonly trunk: OpenedTrunk
  /** The file of a trunk of one's own. */
  readonly own: File | undefined
  readonly store: PictureStore
  readonly classes: Classes
  readonly learning: Learning
}

interface QueuedFile {
  readonly file: File
  readonly to: TaughtClass
}

/** Files that the worker has. */
interface Batch {
  readonly files: readonly QueuedFile[]
  readonly sights: Promise<readonly Sight[]>
}

/** The screen. */
export class Teach {
  /** Undefined until the trunk is open. */
  readonly lesson = signal<Lesson | undefined>(undefined)
  readonly reading = signal<Reading | undefined>(undefined)
  readonly failures = signal<Failures | undefined>(undefined)
  readonly problem = signal<string | undefined>(undefined)
  readonly tried = signal<Tried | undefined>(undefined)
  readonly #trunk: Calls<TrunkQuestions>
  readonly #head: Calls<HeadQuestions>
  readonly #queue: QueuedFile[] = []
  #isReading = false
  /** Counts how often the queue was forgotten: what was asked for before is no longer wanted. */
  #round = 0
  /** What was tried last. */
  #last: { readonly seen: SeenPicture; readonly name: string } | undefined

  constructor({ trunk, head }: TeachWorkers) {
    this.#trunk = new Calls(trunk)
    this.#head = new Calls(head)
  }

  /** Opens a trunk: what was taught with another one is gone, since its features mean nothing to this one. */
  async open(file: string | File): Promise<void> {
    const trunk = await this.#trunk.ask('open', [file])
    this.cancel()
    this.lesson.peek()?.learning.close()
    const store = new PictureStore(trunk.features)
    const classes = new Classes(store)
    this.#last = undefined
    batch(() => {
      this.tried.value = this.problem.value = this.failures.value = undefined
      const learning = new Learning(classes, store, this.#trunk, this.#head)
      this.lesson.value = { trunk, own: file instanceof File ? file : undefined, store, classes, learning }
    })
  }

  /** Adds the pictures among files to a class. */
  addFiles(to: TaughtClass, files: readonly FoundFile[]): void {
    const pictures = picturesOf(files)
    for (const { file } of pictures) this.#queue.push({ file, to })
    if (pictures.length === 0) {
      this.problem.value = noPictures
      return
    }
    this.#count(0, pictures.length)
    void this.#read()
  }

  /** Adds files to the classes that their folders are called; those in no folder to a new class. */
  addFolders(files: readonly FoundFile[]): void {
    const { classes } = this.lesson.peek()!
    const folders = new Map<string | undefined, FoundFile[]>()
    // Those in no folder come last: they take a class that nobody wants by its name.
    for (const found of picturesOf(files).sort((a, b) => depthOf(b) - depthOf(a))) {
      const folder = found.path.split('/').at(-2)
      const known = folders.get(folder)
      if (known) known.push(found)
      else folders.set(folder, [found])
    }
    if (folders.size === 0) this.problem.value = noPictures
    let leftOut = 0
    for (const [folder, own] of folders) {
      const to = classes.named(folder)
      if (to) this.addFiles(to, own)
      else leftOut++
    }
    if (leftOut > 0) this.problem.value = `${leftOut} folders were left out: there can be ${mostClasses} classes.`
  }

  /** Forgets the files that wait. */
  cancel(): void {
    this.#round++
    this.#queue.length = 0
    this.reading.value = undefined
  }

  #count(done: number, more: number): void {
    const { done: before, total } = this.reading.value ?? { done: 0, total: 0 }
    this.reading.value = { done: before + done, total: total + more }
  }

  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    const round = this.#round
    const lesson = this.lesson.peek()!
    const { classes, learning } = lesson
    learning.isReading.value = true
    this.failures.value = undefined
    const under: Batch[] = []
    try {
      for (;;) {
        // Two are under way, so that the worker never waits for the page.
        while (under.length < 2 && this.#queue.length > 0) under.push(this.#askSights(lesson))
        const next = under.shift()
        if (!next) break
        const sights = await next.sights
        if (round !== this.#round) break
        batch(() => this.#take(classes, next.files, sights))
      }
    } catch (error) {
      if (round === this.#round) {
        this.problem.value = `Reading has stopped: ${(error as Error).message}`
        this.cancel()
      }
    }
    this.#isReading = false
    learning.isReading.value = false
    // Others may have been asked for since these were forgotten.
    if (this.#queue.length > 0) void this.#read()
    else this.reading.value = undefined
  }

  #askSights({ trunk, classes, store }: Lesson): Batch {
    const files = this.#queue.splice(0, trunk.batch)
    // Which of them are held back is known when they are read: the views of those are not kept.
    const withViews = classes.augmentation.peek() !== 'off' && store.viewed < store.mostViewed
    const sights = this.#trunk.ask('see', [files.map(({ file }) => file), withViews])
    // Who waits for an earlier one hears of a failure when it is this one's turn.
    sights.catch(() => undefined)
    return { files, sights }
  }

  #take(classes: Classes, files: readonly QueuedFile[], sights: readonly Sight[]): void {
    for (const [k, sight] of sights.entries()) {
      if ('failure' in sight) this.#fail(sight.failure)
      else if (!classes.addPicture(files[k]!.to, sight)) {
        this.#tellFull()
        this.cancel()
        return
      }
    }
    this.#count(files.length, 0)
  }

  #fail(sentence: string): void {
    const { sentences, more } = this.failures.value ?? { sentences: [], more: 0 }
    this.failures.value =
      sentences.length < mostNamed ? { sentences: [...sentences, sentence], more } : { sentences, more: more + 1 }
  }

  #tellFull(): void {
    const { capacity } = this.lesson.peek()!.store
    const { done = 0, total = 0 } = this.reading.peek() ?? {}
    const leftOut = total - done
    this.problem.value = `There is room for ${whole(capacity)} pictures with this trunk${leftOut > 0 ? `; of the last ${whole(leftOut)} files some or all were left out` : ''}. Remove some, or train a network on all of them with \`fovea train --data folder:PATH\`.`
  }

  /** Looks at a picture that no class has. @throws Error saying why it cannot be read */
  async try(picture: File | ImageBitmap, name: string): Promise<void> {
    const [sight] = await this.#trunk.ask('see', [[picture], false], picture instanceof ImageBitmap ? [picture] : [])
    if (!sight || 'failure' in sight) throw new Error(sight?.failure ?? 'The picture was not read.')
    await this.#show(sight, name)
  }

  /** A frame of the camera: judged, and while a take goes on kept. */
  async takeFrame(frame: ImageBitmap, to: TaughtClass | undefined): Promise<void> {
    const { classes } = this.lesson.peek()!
    const [sight] = await this.#trunk.ask('see', [[frame], false], [frame])
    if (!sight || 'failure' in sight) return
    if (to && !classes.addFrame(to, sight)) this.#tellFull()
    await this.#show(sight, 'camera')
  }

  /** Judges again what was tried, by the head of now. */
  async tryAgain(): Promise<void> {
    if (this.#last) await this.#show(this.#last.seen, this.#last.name)
  }

  async #show(seen: SeenPicture, name: string): Promise<void> {
    this.#last = { seen, name }
    const classes = this.lesson.peek()!.learning.current
    const probabilities = classes.length > 0 ? await this.#trunk.ask('judge', [seen.features]) : undefined
    // A later one may have been shown meanwhile.
    if (this.#last.seen === seen) this.tried.value = { thumb: seen.thumb, name, probabilities, classes }
  }

  /**
   * The file of the classifier.
   * @throws Error when there is no head, or its classes have no names of their own
   */
  async artifact(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { trunk, learning, classes } = this.lesson.peek()!
    const learned = learning.learned.peek()
    if (!learned) throw new Error('There is nothing to save yet: two classes need pictures.')
    const problem = classes.nameProblem.peek()
    if (problem !== undefined) throw new Error(problem)
    const { right, count } = learned.score
    return this.#trunk.ask('artifact', [
      {
        name,
        classes: learned.classes.map(({ name }) => name.peek().trim()),
        origin: {
          trunk: trunk.name,
          'trunk file': trunk.fingerprint,
          pictures: learned.trained,
          ...(learned.views > 0 && { 'views of them': learned.views }),
          'held back': count,
          'held back, right': right,
        },
      },
    ])
  }
}
