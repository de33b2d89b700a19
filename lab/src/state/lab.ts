/**
 * What people ask for. The Lab talks to the worker through a `Worker`'s two ends and touches no document, so that it runs in Node as
 * well; what it knows is in `known.ts`, and what the worker tells it in `told.ts`.
 */
import { batch } from '@preact/signals'
import type {
  Answer,
  Command,
  JudgeWish,
  Mode,
  OwnPictures,
  StillNetwork,
  UnitPlace,
  WeightTrial,
} from '../worker/protocol.ts'
import { formatEdits, type ImageEdits, noEdits } from './edits.ts'
import { Known, type Probe } from './known.ts'
import { formatLink, type Link, type Place, parseLink } from './link.ts'
import { type Change, usualRates } from './recipe.ts'
import { firstProbe, type NextFrame, Told } from './told.ts'

/** The other end: a worker, or what stands for it in a test. */
export interface Trainer {
  postMessage(command: Command, given?: ArrayBuffer[]): void
  onmessage: ((event: MessageEvent<Answer>) => void) | null
}

/** Steps in a second; Infinity for as many as there can be. */
export const speeds: readonly number[] = [Number.POSITIVE_INFINITY, 100, 10, 1]

/** Steps in a second of a network that would be done before it was seen. */
const gentleSpeed = 100

/** Options of {@link Lab.open}. */
export interface OpenOptions {
  /** Address of the data sets, with a slash at its end. */
  readonly folder: string
  /** Pictures of one's own, of a recipe that is trained on them. */
  readonly own?: OwnPictures | undefined
  readonly threads?: number | undefined
  /** 1 while the page draws, in memory that it shares: a training on the same cores then rests. */
  readonly drawing?: Int32Array<SharedArrayBuffer> | undefined
  /** A checkpoint to look at; nothing is trained then. */
  readonly still?: StillNetwork | undefined
}

/** The Lab. */
export class Lab extends Known {
  #trainer: Trainer | undefined
  readonly #told: Told
  /** What was opened last. */
  #link: Link | undefined
  #options: OpenOptions | undefined
  /** Whose excitation was asked for last. */
  #excited: UnitPlace | undefined

  /** @param nextFrame calls back when the page is next drawn; by default at once */
  constructor(nextFrame: NextFrame = draw => draw()) {
    super()
    this.#told = new Told(
      this,
      {
        send: command => this.#send(command),
        play: () => this.play(),
        goTo: step => this.goTo(step),
        showTest: index => this.showTest(index),
        renew: backend => this.#renew(backend),
      },
      nextFrame,
    )
  }

  /** Begins a training, or goes to the moment of a link. */
  open(trainer: Trainer, link: Link, options: OpenOptions): void {
    batch(() => {
      this.recipe.value = link.recipe
      this.screen.value = link.screen
      this.place.value = link.place
      this.edits.value = link.edits ?? noEdits
      this.opened.value = this.look.value = this.statistics.value = this.probe.value = this.reasons.value = undefined
      this.excitation.value =
        this.hovered.value =
        this.whyClass.value =
        this.hash.value =
        this.reading.value =
          undefined
      this.step.value = 0
      this.speed.value = this.kind === 'point' ? gentleSpeed : Number.POSITIVE_INFINITY
      this.playing.value = false
      this.problem.value = undefined
    })
    this.#trainer = trainer
    this.#link = link
    this.#options = options
    this.#told.begin(link)
    this.trained.begin(link.interventions)
    this.version.value++
    trainer.onmessage = ({ data }) => this.#told.hear(data)
    const { folder, own, threads, drawing, still } = options
    if (!still) this.still.value = undefined
    this.#send({
      type: 'open',
      recipe: link.recipe,
      data: still ? folder : `${folder}${link.recipe.data}/`,
      ...(own && { own }),
      ...(still && { still }),
      ...(threads && { threads }),
      ...(drawing && { drawing }),
    })
  }

  /** Trains up to the moment that is shown, or that of the link, on a new engine. */
  #renew(backend: 'webgpu' | 'wasm'): void {
    const link = this.opened.value ? parseLink(this.link()) : this.#link!
    const { backend: _, ...recipe } = link.recipe
    this.open(
      this.#trainer!,
      { ...link, recipe: { ...recipe, ...(backend === 'webgpu' && { backend }) } },
      this.#options!,
    )
  }

  /** The link to what is shown. */
  link(): string {
    const { index } = this.probe.value ?? {}
    const place = this.place.value
    return formatLink({
      recipe: this.recipe.value,
      interventions: this.interventions.value,
      step: this.step.value,
      screen: this.screen.value,
      ...(index && { probe: index }),
      ...(place && { place }),
      ...(this.edits.value.size > 0 && { edits: this.edits.value }),
    })
  }

  /** Trains on; in the past, through what is known up to now. */
  play(): void {
    if (this.still.value) return
    const rounds = Math.floor(this.step.value / this.planned.value) + 1
    const speed = this.speed.value
    if (this.problem.value?.stops) this.problem.value = undefined
    this.#told.want(undefined)
    this.#send({
      type: 'play',
      until: rounds * this.planned.value,
      ...(Number.isFinite(speed) && { stepsPerSecond: speed }),
    })
    this.playing.value = true
  }

  pause(): void {
    this.playing.value = false
    this.#send({ type: 'pause' })
  }

  toggle(): void {
    if (this.playing.value) this.pause()
    else this.play()
  }

  /** Goes to a moment; one that was not trained for yet is trained for. */
  goTo(step: number): void {
    if (this.still.value) return
    const wanted = Math.max(0, Math.min(Math.round(step), this.lines.value.head + 1))
    this.playing.value = false
    // The playhead is there at once; what the worker says of moments before it is no longer asked for.
    this.step.value = wanted
    this.#told.want(wanted)
    this.#send({ type: 'goto', step: wanted })
  }

  /** One step on or back. */
  stepBy(steps: number): void {
    this.goTo(this.step.value + steps)
  }

  /** The next slower speed, or the fastest again. */
  changeSpeed(): void {
    const at = speeds.indexOf(this.speed.value)
    this.speed.value = speeds[(at + 1) % speeds.length]!
    if (this.playing.value) this.play()
  }

  /** Changes a control; it takes effect with the next step. */
  set(change: Change): void {
    if (this.still.value) return
    const { name, value } = change
    if (name !== 'restart' && name !== 'images' && this.controls.value[name] === value) return
    this.#send({ type: 'set', change })
    if (change.name === 'optimizer')
      this.#send({ type: 'set', change: { name: 'rate', value: usualRates[change.value] } })
  }

  /** Trains with these training images changed from now on; what waited for it is done. */
  changeImages(edits: ImageEdits): void {
    this.set({ name: 'images', value: formatEdits(edits) })
    this.edits.value = noEdits
  }

  /** Looks at the other line of training, at the moment where they part or later. */
  switchLine(): void {
    const { isOnFork, fork } = this.lines.value
    if (!fork) return
    if (isOnFork) this.trained.leaveFork()
    else this.trained.enterFork()
    this.version.value++
    this.#send({ type: 'interventions', interventions: this.interventions.value })
    this.goTo(Math.min(Math.max(this.step.value, fork.from), this.lines.value.head))
  }

  /** The test image that was shown last. */
  lastIndex = firstProbe

  /** Shows a test image. */
  showTest(index: number): void {
    const { testImages, testLabels, shape } = this.opened.value!
    if (testLabels.length === 0) {
      const pixels = new Uint8Array(shape[0] * shape[1] * shape[2]).fill(128)
      this.showPicture({ pixels, label: undefined, name: 'an even gray' })
      return
    }
    const bytes = testImages.length / testLabels.length
    const at = ((index % testLabels.length) + testLabels.length) % testLabels.length
    this.lastIndex = at
    const pixels = testImages.slice(at * bytes, (at + 1) * bytes)
    this.showPicture({ pixels, label: testLabels[at], name: `test ${this.kind} ${at}`, index: at })
  }

  showPicture(probe: Probe): void {
    this.probe.value = probe
    const { pixels, label } = probe
    this.#send({ type: 'probe', probe: { pixels, ...(label !== undefined && { label }) } })
  }

  /** The next test image, or the next that the network takes for something else. */
  next(kind: 'any' | 'mistake'): void {
    const from = this.lastIndex
    const found = kind === 'any' ? from + 1 : this.#mistakeAfter(from)
    if (found !== undefined) this.showTest(found)
  }

  #mistakeAfter(index: number): number | undefined {
    const all = this.mistakes.value
    return all.find(k => k > index) ?? all[0]
  }

  /** Opens a place of the network in Look. */
  showPlace(place: Place): void {
    batch(() => {
      this.place.value = place
      this.screen.value = 'look'
    })
  }

  /** Opens a cell of a convolution in Convolve. */
  openCell(place: Place): void {
    const { opened, look } = { opened: this.opened.value, look: this.look.value }
    if (!opened || !look) return
    batch(() => {
      this.place.value = place
      this.convolve.openCell(opened.layers, look, place)
      this.screen.value = 'convolve'
    })
  }

  /** Shows what another weight would do; none: the network as it is. */
  tryWeight(trial: WeightTrial | undefined): void {
    if (trial && this.playing.value) this.pause()
    this.#send({ type: 'try', trial })
  }

  /** Asks why the network says a class. */
  askWhy(): void {
    this.#send({ type: 'why', target: this.whyClass.value })
  }

  /** Asks what excites a unit. */
  askExcitement(place: UnitPlace): void {
    this.#excited = place
    this.#send({ type: 'excite', place })
  }

  /** Ends the search for what excites a unit, unless another was asked for since. @param place the one that was asked for */
  endExcitement(place: UnitPlace): void {
    if (this.#excited !== place) return
    this.#excited = undefined
    this.#send({ type: 'excite', place: undefined })
  }

  /** Asks for all images of a kind to be judged; none: no more of it. */
  askJudge(wish: JudgeWish | undefined): void {
    this.#send({ type: 'judge', wish })
  }

  /** Asks for the hash of the weights. */
  askHash(): void {
    this.#send({ type: 'hash' })
  }

  /** The page was drawn, in so many milliseconds. If a look was new, the worker may make another. */
  drawn(took: number): void {
    if (this.#told.takeLookNew()) this.#send({ type: 'taken', drawn: took })
  }

  /** Chooses what the columns show. */
  show(mode: Mode): void {
    this.mode.value = mode
    this.#send({ type: 'show', mode })
  }

  #send(command: Command): void {
    // Weights are given away, not copied.
    const given = command.type === 'open' && command.still ? [command.still.weights] : []
    this.#trainer?.postMessage(command, given)
  }
}
