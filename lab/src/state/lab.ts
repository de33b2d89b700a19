/**
 * The state of the page as signals, and what people do to it. It talks to the worker through a `Worker`'s two ends and touches no
 * document, so that it runs in Node as well.
 */
import { batch, computed, signal } from '@preact/signals'
import { Convolve } from '../screens/convolve/state.ts'
import type {
  Answer,
  Command,
  Excitation,
  Look,
  Mode,
  Opened,
  OwnPictures,
  Reasons,
  Statistics,
  UnitPlace,
  WeightTrial,
} from '../worker/protocol.ts'
import { type Line, Lines } from './lines.ts'
import { formatLink, type Link, type Place, type Screen } from './link.ts'
import { failureProblem, lossProblem, type Problem } from './problems.ts'
import {
  type Change,
  type Controls,
  controlsAt,
  dataNames,
  isPointSet,
  networks,
  type Recipe,
  usualRates,
} from './recipe.ts'

/** The other end: a worker, or what stands for it in a test. */
export interface Trainer {
  postMessage(command: Command): void
  onmessage: ((event: MessageEvent<Answer>) => void) | null
}

/** The picture that is looked at. */
export interface Probe {
  readonly pixels: Uint8Array
  readonly label: number | undefined
  /** `test image 12`, `your picture` */
  readonly name: string
  /** Number among the test images; none once it was changed, and of pictures of one's own. */
  readonly index?: number
}

/** Pictures of one's own, and by what a link knows them again. */
export interface Own {
  readonly pictures: OwnPictures
  readonly fingerprint: string
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
}

/** The test image to begin with. */
const firstProbe = 0

/** Calls back when the page is next drawn. */
export type NextFrame = (draw: () => void) => void

/** The Lab's state. */
export class Lab {
  readonly recipe = signal<Recipe>(undefined as unknown as Recipe)
  readonly screen = signal<Screen>('train')
  readonly place = signal<Place | undefined>(undefined)
  /** What the columns of Train show. */
  readonly mode = signal<Mode>('values')
  readonly opened = signal<Opened | undefined>(undefined)
  readonly look = signal<Look | undefined>(undefined)
  readonly reasons = signal<Reasons | undefined>(undefined)
  /** The class whose reasons are asked for; the predicted one without. */
  readonly whyClass = signal<number | undefined>(undefined)
  /** What excites the unit that was asked for last. */
  readonly excitation = signal<Excitation | undefined>(undefined)
  readonly statistics = signal<Statistics | undefined>(undefined)
  readonly probe = signal<Probe | undefined>(undefined)
  readonly step = signal(0)
  readonly playing = signal(false)
  readonly speed = signal(Number.POSITIVE_INFINITY)
  /** Images read, while they are read. */
  readonly reading = signal<{ readonly done: number; readonly total: number } | undefined>(undefined)
  readonly problem = signal<Problem | undefined>(undefined)
  /** Hash of the weights, and the moment that it is of. */
  readonly hash = signal<{ readonly step: number; readonly hash: string } | undefined>(undefined)
  readonly convolve = new Convolve()
  /** What the pointer does on the probe. */
  readonly brush = signal<'draw' | 'erase'>('draw')
  /** Pictures of one's own that were opened, and a link that waits for others. */
  own: Own | undefined
  awaited: Link | undefined
  /** A place over which the pointer is, outlined on the probe. */
  readonly hovered = signal<Place | undefined>(undefined)

  readonly #lines = new Lines()
  /** Counts changes of the lines. */
  readonly #version = signal(0)
  #trainer: Trainer | undefined
  /** The moment that was asked for last, until it is reached. */
  #wanted: number | undefined
  #waiting: Link | undefined
  readonly #nextFrame: NextFrame
  /** What the worker said since the last frame, and whether a look was shown since. */
  #heard: Answer[] = []
  #isLookNew = false
  /** Whose excitation was asked for last. */
  #excited: UnitPlace | undefined

  /** @param nextFrame calls back when the page is next drawn; by default at once */
  constructor(nextFrame: NextFrame = draw => draw()) {
    this.#nextFrame = nextFrame
  }

  /** The lines of training, as they are now. */
  readonly lines = computed(() => ({
    version: this.#version.value,
    base: this.#lines.base,
    fork: this.#lines.fork,
    isOnFork: this.#lines.isOnFork,
    current: this.#lines.current as Line,
    head: this.#lines.head,
  }))
  readonly interventions = computed(() => this.lines.value.current.interventions)
  /** The controls of the next step. */
  readonly controls = computed(() =>
    this.#sameControls(controlsAt(this.recipe.value, this.interventions.value, this.step.value)),
  )
  /** Steps after which training stops by itself. */
  readonly planned = computed(() => this.epochs * (this.opened.value?.stepsPerEpoch ?? 1))
  /** The loss at the moment that is shown: the mean of the last 20 steps before it. */
  readonly loss = computed(() => {
    const last = this.lines.value.current.losses.slice(Math.max(0, this.step.value - 20), this.step.value)
    return last.length > 0 ? last.reduce((a, b) => a + b, 0) / last.length : undefined
  })

  /** Passes through the training images after which training stops by itself. */
  get epochs(): number {
    return networks[this.recipe.value.model].epochs
  }

  /** What the probe is called, and one of one's own: a picture or a point. */
  get kind(): 'image' | 'point' {
    return isPointSet(this.recipe.value.data) ? 'point' : 'image'
  }

  /** Begins a training, or goes to the moment of a link. */
  open(trainer: Trainer, link: Link, options: OpenOptions): void {
    batch(() => {
      this.recipe.value = link.recipe
      this.screen.value = link.screen
      this.place.value = link.place
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
    this.#waiting = link
    this.#wanted = undefined
    this.#lines.begin(link.interventions)
    this.#version.value++
    this.#heard = []
    trainer.onmessage = ({ data }) => this.#hear(data)
    const { folder, own, threads } = options
    this.#send({
      type: 'open',
      recipe: link.recipe,
      data: `${folder}${link.recipe.data}/`,
      ...(own && { own }),
      ...(threads && { threads }),
    })
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
    })
  }

  /** Trains on; in the past, through what is known up to now. */
  play(): void {
    const rounds = Math.floor(this.step.value / this.planned.value) + 1
    const speed = this.speed.value
    if (this.problem.value?.stops) this.problem.value = undefined
    this.#wanted = undefined
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
    const wanted = Math.max(0, Math.min(Math.round(step), this.lines.value.head + 1))
    this.playing.value = false
    // The playhead is there at once; what the worker says of moments before it is no longer asked for.
    this.step.value = this.#wanted = wanted
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
    if (change.name !== 'restart' && this.controls.value[change.name] === change.value) return
    this.#send({ type: 'set', change })
    if (change.name === 'optimizer')
      this.#send({ type: 'set', change: { name: 'rate', value: usualRates[change.value] } })
  }

  /** Looks at the other line of training, at the moment where they part or later. */
  switchLine(): void {
    const { isOnFork, fork } = this.lines.value
    if (!fork) return
    if (isOnFork) this.#lines.leaveFork()
    else this.#lines.enterFork()
    this.#version.value++
    this.#send({ type: 'interventions', interventions: this.interventions.value })
    this.goTo(Math.min(Math.max(this.step.value, fork.from), this.lines.value.head))
  }

  /** The test image that was shown last. */
  lastIndex = firstProbe

  /** Shows a test image. */
  showTest(index: number): void {
    const { testImages, testLabels } = this.opened.value!
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

  /** Test images that are taken for another class, by the last statistics. */
  readonly mistakes = computed(() => {
    const { statistics, opened } = { statistics: this.statistics.value, opened: this.opened.value }
    if (!statistics || !opened) return []
    const classes = opened.classes.length
    return Array.from({ length: statistics.count }, (_, k) => k).filter(k => {
      const own = statistics.probabilities.subarray(k * classes, (k + 1) * classes)
      return own.indexOf(Math.max(...own)) !== opened.testLabels[k]
    })
  })

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

  /** Asks for the hash of the weights. */
  askHash(): void {
    this.#send({ type: 'hash' })
  }

  /** The page was drawn, in so many milliseconds. If a look was new, the worker may make another. */
  drawn(took: number): void {
    if (!this.#isLookNew) return
    this.#isLookNew = false
    this.#send({ type: 'taken', drawn: took })
  }

  /** Chooses what the columns show. */
  show(mode: Mode): void {
    this.mode.value = mode
    this.#send({ type: 'show', mode })
  }

  #send(command: Command): void {
    this.#trainer?.postMessage(command)
  }

  /** While it trains, what is heard between two frames is shown with the next one; else nothing waits. */
  #hear(answer: Answer): void {
    this.#heard.push(answer)
    if (!this.playing.value || answer.type === 'failed') {
      this.#showHeard()
      if (answer.type === 'look') this.#nextFrame(() => undefined)
    } else if (this.#heard.length === 1) this.#nextFrame(() => this.#showHeard())
  }

  #showHeard(): void {
    const heard = this.#heard
    this.#heard = []
    batch(() => {
      for (const answer of heard) this.#take(answer)
    })
  }

  #take(answer: Answer): void {
    if (answer.type === 'opened') this.#begin(answer)
    else if (answer.type === 'steps') {
      this.#lines.record(answer.from, answer.losses)
      this.#version.value++
      this.#reach(answer.step)
      this.#checkLoss(answer.losses.at(-1)!)
    } else if (answer.type === 'state') {
      this.#reach(answer.step)
      if (this.#wanted === undefined) this.playing.value = answer.playing
    } else if (answer.type === 'changed') {
      this.#lines.change(answer.at, answer.interventions)
      this.#version.value++
    } else if (answer.type === 'look') {
      this.look.value = answer.look
      this.#isLookNew = true
    } else if (answer.type === 'why') this.reasons.value = answer.reasons
    else if (answer.type === 'excited') this.excitation.value = answer.excitation
    else if (answer.type === 'statistics') this.statistics.value = answer.statistics
    else if (answer.type === 'hash') this.hash.value = answer
    else if (answer.type === 'reading') this.reading.value = answer.done < answer.total ? answer : undefined
    else this.#fail(answer)
  }

  /** Controls that have not changed stay one object, so that what shows them is not shown again at every step. */
  #controls: Controls | undefined
  #sameControls(controls: Controls): Controls {
    const known = this.#controls
    const isSame = known && (Object.keys(controls) as (keyof Controls)[]).every(name => known[name] === controls[name])
    if (!isSame) this.#controls = controls
    return this.#controls!
  }

  #begin(opened: Opened): void {
    this.opened.value = opened
    this.recipe.value = opened.recipe
    const link = this.#waiting!
    if (link.recipe.data !== 'own' && link.recipe.images > opened.recipe.images && link.step !== undefined) {
      this.problem.value = {
        message: `This link was trained on ${link.recipe.images} images of ${dataNames[opened.recipe.data]}; only ${opened.recipe.images} are here, so its weights cannot come back. Open it with \`fovea lab\`, which has all of them.`,
      }
    }
    if (link.interventions.length > 0) this.#send({ type: 'interventions', interventions: link.interventions })
    if (this.mode.value !== 'values') this.#send({ type: 'show', mode: this.mode.value })
    this.showTest(link.probe ?? firstProbe)
    if (link.step === undefined) this.play()
    else if (link.step > 0) {
      this.#send({ type: 'play', until: link.step })
      this.playing.value = true
    }
  }

  #reach(step: number): void {
    if (this.#wanted === undefined || step === this.#wanted) this.step.value = step
    if (step === this.#wanted) this.#wanted = undefined
  }

  #checkLoss(loss: number): void {
    if (Number.isFinite(loss)) return
    this.playing.value = false
    this.problem.value = lossProblem(loss, this.step.value, this.controls.value.rate, to => {
      this.problem.value = undefined
      this.goTo(to)
    })
  }

  #fail(failure: Extract<Answer, { type: 'failed' }>): void {
    this.#wanted = undefined
    this.playing.value = false
    this.problem.value = failureProblem(failure, this.opened.value !== undefined, () => this.play())
  }
}
