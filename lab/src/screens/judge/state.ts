/** What Judge knows: the images that were judged, which of them are shown, and changes of training images. */
import { batch, computed, effect, signal } from '@preact/signals'
import { type ImageEdits, mostEdits, noEdits } from '../../state/edits.ts'
import type { Lab } from '../../state/lab.ts'
import { editsAt, historyKey } from '../../state/recipe.ts'
import type { JudgeAnswer, Judged, Opened, Split } from '../../worker/protocol.ts'
import { largestFile, readChanges } from './changesFile.ts'
import { confusionOf } from './confusion.ts'
import { type Chosen, chosenImages, type SortKey, sorted, sorts } from './order.ts'
import { TrainImages } from './trainImages.ts'

/** What is shown on the left. */
export const views = ['confusion', 'features', 'calibration'] as const
export type View = (typeof views)[number]

/** Why no test image is changed. */
export const testStays =
  'Test images stay as they are: they measure, and a measure that is changed until it fits measures nothing.'

/** How far the judging is. */
export type Progress = Pick<Extract<JudgeAnswer, { type: 'judging' }>, 'split' | 'done' | 'total'>

/** The screen's state; one a Lab. */
export class Judge {
  readonly lab: Lab
  readonly split = signal<Split>('test')
  readonly view = signal<View>('confusion')
  readonly progress = signal<Progress | undefined>(undefined)
  readonly chosen = signal<Chosen>({ kind: 'mistakes' })
  readonly sort = signal<SortKey>('loss')
  /** Whether it is sorted the other way round. */
  readonly isReversed = signal(false)
  /** Place of the picture that is chosen among those that are shown. */
  readonly place = signal(0)
  /** Where a fork begins. */
  readonly forkFrom = signal<'here' | 'start'>('here')
  /** Whether the next key is the class to relabel the picture as. */
  readonly isRelabeling = signal(false)
  /** What was just done or refused, to be read aloud. */
  readonly said = signal('')
  /** The layer whose input is laid out as features; undefined is the last one. */
  readonly layer = signal<string | undefined>(undefined)
  readonly train = new TrainImages()
  readonly #results = signal<Readonly<Partial<Record<Split, Judged>>>>({})
  #past: ImageEdits[] = []

  constructor(lab: Lab) {
    this.lab = lab
    lab.hearJudge = answer => this.#hear(answer)
    effect(() => {
      if (lab.opened.value) batch(() => this.#begin())
    })
    // Whatever went wrong may have ended the judging: it is asked for again.
    effect(() => {
      if (lab.problem.value) this.progress.value = undefined
    })
    // What was said of one picture is not said of the next.
    effect(() => {
      void this.image.value
      this.said.value = ''
      this.isRelabeling.value = false
    })
  }

  /** What was judged last of the images that are shown. */
  readonly judged = computed(() => this.#results.value[this.split.value])
  readonly confusion = computed(() => {
    const classes = this.lab.opened.value?.classes
    return this.judged.value && classes && confusionOf(this.judged.value, classes)
  })
  /** Whether it is of another moment than the one that is shown. */
  readonly isStale = computed(() => {
    const { step, line } = this.judged.value ?? {}
    const now = this.lab.step.value
    return step !== undefined && (step !== now || line !== historyKey(this.lab.interventions.value, now))
  })
  /** The key that pictures are sorted by: of test images nothing is known from training. */
  readonly sortKey = computed(() =>
    sorts[this.sort.value].isOfTraining && this.split.value === 'test' ? 'loss' : this.sort.value,
  )
  /** Numbers of the pictures that are shown, in their order. */
  readonly images = computed(() => {
    const judged = this.judged.value
    if (!judged) return new Int32Array(0)
    const key = this.sortKey.value
    return sorted(judged, chosenImages(judged, this.chosen.value), key, sorts[key].isDown !== this.isReversed.value)
  })
  /** Number of the picture that is chosen. */
  readonly image = computed<number | undefined>(() => {
    const { length } = this.images.value
    return this.images.value[Math.min(this.place.value, length - 1)]
  })
  /** Changes that are in force at the moment that is shown. */
  readonly inForce = computed(() => editsAt(this.lab.interventions.value, this.lab.step.value))

  /** The pictures' bytes; undefined before they are there. */
  pixelsOf(image: number): Uint8Array | undefined {
    if (this.split.value === 'train') return this.train.pixels(image)
    const { testImages, testLabels } = this.lab.opened.value!
    const bytes = testImages.length / testLabels.length
    return testImages.subarray(image * bytes, (image + 1) * bytes)
  }

  /** The change of a training image that waits for a fork. */
  editOf(image: number): number | 'out' | undefined {
    return this.split.value === 'train' ? this.lab.edits.value.get(image) : undefined
  }

  /** Whether there is nothing to judge with: a checkpoint of data that the Lab does not have. */
  readonly isEmpty = computed(() => this.lab.opened.value?.testLabels.length === 0)

  /** Asks for the images to be judged at the moment that is shown. */
  ask(): void {
    if (this.isEmpty.peek()) return
    const [split, features] = [this.split.peek(), this.view.peek() === 'features']
    const { testLabels } = this.lab.opened.peek()!
    const total = split === 'test' ? testLabels.length : this.lab.recipe.peek().images
    this.progress.value = { split, done: 0, total }
    this.lab.askJudge({ split, features, layer: this.layer.peek() })
  }

  /** Lays out what another layer reads. */
  showLayer(layer: string): void {
    this.layer.value = layer
    this.ask()
  }

  /** Asks for no more. */
  end(): void {
    this.progress.value = undefined
    this.lab.askJudge(undefined)
  }

  /** Shows the images of a kind; training images are judged when they are first asked for. */
  showSplit(split: Split): void {
    batch(() => {
      this.split.value = split
      if (this.chosen.value.kind === 'some') this.chosen.value = { kind: 'mistakes' }
      this.place.value = 0
    })
    if (split === 'train' && !this.judged.value) this.ask()
  }

  /** Chooses which pictures are shown. */
  choose(chosen: Chosen): void {
    batch(() => {
      this.chosen.value = chosen
      this.place.value = 0
    })
  }

  /** Looks at a picture on the probe. */
  toProbe(image: number): void {
    if (this.split.value === 'test') {
      this.lab.showTest(image)
      return
    }
    const pixels = this.train.pixels(image)
    if (pixels)
      this.lab.showPicture({
        pixels: pixels.slice(),
        label: this.judged.value!.labels[image],
        name: `training image ${image}`,
      })
  }

  /** The next key is a class to relabel the picture as. */
  startRelabeling(): void {
    if (this.split.value === 'test') this.said.value = testStays
    else {
      this.isRelabeling.value = true
      this.said.value = 'Relabel as which class? Press its number.'
    }
  }

  /** Gives a training image another label, or leaves it out. */
  edit(image: number, edit: number | 'out'): void {
    this.isRelabeling.value = false
    if (this.split.value === 'test') {
      this.said.value = testStays
      return
    }
    const { edits } = this.lab
    const changed = new Map(edits.value)
    changed.delete(image)
    changed.set(image, edit)
    if (new Map([...this.inForce.value, ...changed]).size > mostEdits) {
      this.said.value = `At most ${mostEdits} training images can be changed, so that a link still holds them.`
      return
    }
    this.#past.push(edits.value)
    edits.value = changed
    this.said.value = `training image ${image} ${this.wordsOf(edit)}`
  }

  /** Takes changes from a file, in addition to those that are there. What is wrong with it is told. */
  async readFile(file: File): Promise<void> {
    try {
      if (file.size > largestFile) throw new Error(`it has ${file.size} bytes, more than any that Judge writes`)
      const { edits } = this.lab
      const found = readChanges(await file.text(), this)
      const changed = new Map([...edits.value, ...found])
      if (new Map([...this.inForce.value, ...changed]).size > mostEdits)
        throw new Error(`with its changes there would be more than ${mostEdits}, and a link could not hold them`)
      this.#past.push(edits.value)
      edits.value = changed
      this.said.value = `${found.size} changes read from ${file.name}`
    } catch (error) {
      this.lab.problem.value = {
        message: `${file.name} cannot be taken as changes of training images: ${(error as Error).message}.`,
      }
    }
  }

  /** Leaves a training image out, or takes that back. */
  leaveOut(image: number): void {
    if (this.editOf(image) === 'out') this.undo(image)
    else this.edit(image, 'out')
  }

  /** A change in words. */
  wordsOf(edit: number | 'out'): string {
    return edit === 'out' ? 'left out' : `relabeled as ${this.lab.opened.value!.classes[edit]}`
  }

  /** Takes back the last change, or that of an image. */
  undo(image?: number): void {
    const { edits } = this.lab
    if (edits.value.size === 0) return
    const before = new Map(edits.value)
    before.delete(image ?? [...before.keys()].at(-1)!)
    const last = image === undefined ? this.#past.pop() : undefined
    if (image !== undefined) this.#past.push(edits.value)
    edits.value = last ?? before
    this.said.value = `${edits.value.size} changes`
  }

  /** Takes back all changes. */
  clear(): void {
    this.#past.push(this.lab.edits.value)
    this.lab.edits.value = noEdits
  }

  /** Trains with the changes, from the moment that is shown or from the start. */
  fork(): void {
    const all = new Map([...this.inForce.value, ...this.lab.edits.value])
    // An image with its own label is as it came.
    for (const [image, edit] of all) if (edit === this.train.label(image)) all.delete(image)
    if (this.forkFrom.value === 'start') this.lab.goTo(0)
    this.lab.changeImages(all)
    this.#past = []
    this.lab.play()
  }

  #hear(answer: JudgeAnswer): void {
    if (answer.type === 'shard') this.train.add(answer)
    else if (answer.type === 'judging') this.progress.value = answer
    else {
      this.#results.value = { ...this.#results.value, [answer.judged.split]: answer.judged }
      if (this.progress.value?.split === answer.judged.split) this.progress.value = undefined
    }
  }

  #opened: Opened | undefined
  #begin(): void {
    if (this.#opened === this.lab.opened.value) return
    this.#opened = this.lab.opened.value
    this.#results.value = {}
    this.#past = []
    this.train.clear()
    this.layer.value = undefined
    const { recipe, edits, opened } = this.lab
    const { classes } = opened.peek()!
    // A link may have changes of images or to classes that there are not.
    const here = [...edits.peek()].filter(
      ([image, edit]) => image < recipe.peek().images && (edit === 'out' || edit < classes.length),
    )
    if (here.length < edits.peek().size) edits.value = new Map(here)
    this.split.value = 'test'
    this.choose({ kind: 'mistakes' })
  }
}

const known = new WeakMap<Lab, Judge>()

/** The state of a Lab's screen. */
export function judgeOf(lab: Lab): Judge {
  const judge = known.get(lab) ?? new Judge(lab)
  known.set(lab, judge)
  return judge
}
