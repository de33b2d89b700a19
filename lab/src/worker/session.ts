/**
 * A training with all that is shown of it. It takes one command or one step at a time; between two it listens. While it trains, looks
 * and statistics have a small share of the time; where it rests, they are made at once.
 */
import { Inspector } from '../../../src/inspect/index.ts'
import { type Change, editsAt, historyKey, type Intervention, withIntervention } from '../state/recipe.ts'
import { AnswerNotes } from './answerNotes.ts'
import { Excitement } from './excitement.ts'
import type { Shard } from './imageStream.ts'
import { JudgeDesk, type Moment } from './judging.ts'
import { Pace } from './pace.ts'
import type { Answer, Command, Look, Mode, ProbePicture, UnitPlace, WeightTrial } from './protocol.ts'
import { reasonsFor } from './reasons.ts'
import type { LabRun } from './run.ts'
import { Snapshots } from './snapshots.ts'
import type { Watch, Weights } from './watch.ts'

/** Most bytes of stored moments: 130 of LeNet-5 with momentum. */
const snapshotBytes = 64 * 2 ** 20
/** Milliseconds between two reports of losses, where no look brings one; each costs the page a frame, so fewer on crowded cores. */
const [reportEvery, crowdedReportEvery] = [250, 500]
/** Milliseconds of a step that is not soon taken again. */
const slowStep = 50
/** What looks and statistics may take of the training: together less than 3 %, above which one would rather not watch. */
const lookPace = { share: 0.018, advance: 250, longest: 1000 } as const
const statisticsPace = { share: 0.008, advance: 700, shortest: 700, longest: 5000 } as const
/** Of so many drawings of the page the quickest says what drawing takes: others were waiting for a core as well. */
const drawingsKept = 8
/** What a frame takes in all, for what it takes of the page's thread: the browser's own threads lay it together and show it. */
const wholeFrame = 2
/** What somebody waits for: the search for what excites a unit, or all images judged. And milliseconds of the search without listening. */
const askedPace = { share: 0.25, advance: 0, longest: 1000 } as const
const excitementPiece = 12
/** Milliseconds between two reports of what was found. */
const excitementEvery = 50
/** Test images in statistics while training, and when it rests. */
const [fewImages, manyImages] = [500, 1000]

/** What a session is told of its surroundings. */
export interface Surroundings {
  /** Sends an answer; arrays of these buffers are given away with it. */
  readonly say: (answer: Answer, given?: ArrayBuffer[]) => void
  /** Whether one has been asked for meanwhile that makes going to a moment useless. */
  readonly isGoingElsewhere: () => boolean
  /** Whether nothing has been asked for meanwhile but another look. */
  readonly isUndisturbed: () => Promise<boolean>
  /** Whether the page draws on the cores that train: what drawing takes is then taken from the training. */
  readonly isCrowded: boolean
  /** Waits while the page draws, where it does so on the cores that train. */
  readonly rest?: (() => void) | undefined
  /** Of a network that is looked at and not trained: the picture that it is shown first. */
  readonly still?: ProbePicture | undefined
  /** Milliseconds. */
  readonly now?: () => number
}

/** The weights at a step, and those before it where they are known. */
interface StepWeights {
  readonly step: number
  readonly now: Weights
  readonly before?: Weights
}

/** Commands that a network which is only looked at does not follow. */
const steering: ReadonlySet<Command['type']> = new Set(['play', 'pause', 'goto', 'set', 'interventions'])

/** A training that a page watches. */
export class Session {
  readonly #run: LabRun
  readonly #watch: Watch
  readonly #test: Shard
  #inspector: Inspector | undefined
  readonly #around: Surroundings
  readonly #now: () => number
  readonly #snapshots = new Snapshots(snapshotBytes)
  readonly #looks = new Pace(lookPace)
  readonly #counts = new Pace(statisticsPace)
  readonly #asked = new Pace(askedPace)
  readonly #notes = new AnswerNotes()
  readonly #desk: JudgeDesk
  #interventions: readonly Intervention[] = []
  #named: { readonly all: readonly Intervention[]; readonly name: string } | undefined
  #mode: Mode = 'values'
  #probe: ProbePicture
  #trial: WeightTrial | undefined
  /** Counts what the page has asked to see otherwise: pictures, trials, modes. */
  #wishes = 0
  #lookedWishes = 0
  #playing: { readonly until: number; readonly pause: number } | undefined
  #losses: number[] = []
  #reportedAt = 0
  #stepTook = 0
  /** Those that were read last. */
  #weights: StepWeights | undefined
  #isTaken = true
  /** Milliseconds of the page's last drawings. */
  #drawn: readonly number[] = []
  /** What the last look was of. */
  #looked: string | undefined
  #statisticsOf: string | undefined
  #excitement: Excitement | undefined
  #excitementToldAt = 0
  /** Whether anything was asked for. */
  #isTold = false

  constructor(run: LabRun, watch: Watch, test: Shard, around: Surroundings) {
    this.#run = run
    this.#watch = watch
    this.#test = test
    this.#around = around
    this.#now = around.now ?? (() => performance.now())
    this.#desk = new JudgeDesk(run, test, this.#notes, watch.work, around.say)
    this.#probe = around.still ?? {
      pixels: test.images.subarray(0, test.images.length / test.labels.length),
      label: test.labels[0]!,
    }
  }

  /** Stores the beginning, which every moment can be reached from. */
  async begin(): Promise<void> {
    if (!this.#around.still) this.#snapshots.add(await this.#run.snapshot(), [])
  }

  /** What alone is shown and looked at, while it trains or where weights may be many. */
  get #only(): Mode | undefined {
    return this.#playing || this.#around.still ? this.#mode : undefined
  }

  get isPlaying(): boolean {
    return this.#playing !== undefined
  }

  /** Whether there is something to do without being told. Of a training that has opened the page says at once what it wants of it. */
  get isIdle(): boolean {
    if (!this.#isTold && !this.#around.still) return true
    const isLooked = !this.#isTaken || this.#looked === this.#key
    return (
      !this.#playing &&
      !this.#excitement &&
      !this.#desk.isBusy &&
      isLooked &&
      this.#statisticsOf === this.#statisticsKey
    )
  }

  async obey(command: Command): Promise<void> {
    this.#isTold = true
    if (this.#around.still && steering.has(command.type)) return
    if (command.type === 'play') {
      const { until, stepsPerSecond } = command
      this.#playing = { until, pause: stepsPerSecond ? 1000 / stepsPerSecond : 0 }
      this.#sayState()
    } else if (command.type === 'pause') await this.#stop()
    else if (command.type === 'goto') await this.#goTo(command.step)
    else if (command.type === 'set') this.#set(command.change)
    else if (command.type === 'interventions') this.#interventions = command.interventions
    else if (command.type === 'probe') {
      this.#probe = command.probe
      this.#wishes++
    } else if (command.type === 'try') {
      this.#trial = command.trial
      this.#wishes++
    } else if (command.type === 'show') {
      this.#mode = command.mode
      if (this.#only) this.#wishes++
    } else if (command.type === 'why') await this.#giveReasons(command.target)
    else if (command.type === 'excite') this.#excite(command.place)
    else if (command.type === 'judge') await this.#desk.ask(command.wish, this.#judgedMoment)
    else if (command.type === 'taken') this.#take(command.drawn)
    else if (command.type === 'hash')
      this.#around.say({ type: 'hash', step: this.#run.step, hash: await this.#run.hash() })
  }

  /** A step, if it plays; then what is to be shown. */
  async work(): Promise<void> {
    if (this.#playing) {
      await this.#train(this.#playing)
      if ((this.#excitement || this.#desk.isBusy) && this.#asked.allows(this.#now())) await this.#answerOn()
    } else {
      if (this.#isTaken && this.#looked !== this.#key) await this.#look()
      await this.#answerOn()
      if (this.#statisticsOf !== this.#statisticsKey) await this.#count(manyImages)
    }
  }

  /** Stops where it is, after an error. */
  halt(): void {
    this.#pause()
    this.#excite(undefined)
    this.#desk.halt()
    this.#looked = this.#key
    this.#statisticsOf = this.#statisticsKey
  }

  /** A step, and a look at it where the page has taken the last one and there is time for another. */
  async #train({ until, pause }: { readonly until: number; readonly pause: number }): Promise<void> {
    this.#around.rest?.()
    const isWished = this.#wishes !== this.#lookedWishes
    const looks = this.#isTaken && (isWished || pause > 0 || this.#looks.allows(this.#now()))
    const isLast = this.#run.step + 1 >= until
    await this.#advance(looks || isLast || pause > 0)
    if (isLast) this.#pause()
    if (this.#now() - this.#reportedAt >= this.#reportEvery) this.#report()
    if (!this.#playing) return
    if (looks) await this.#look()
    // Not while the page draws the look.
    else if (this.#isTaken && this.#counts.allows(this.#now())) await this.#count(fewImages)
    if (pause > 0) await sleep(pause)
  }

  /**
   * One step, with its loss and, now and then, a stored moment.
   * @param isSeen whether what the step changes will be shown: it takes the weights before it and after it
   */
  async #advance(isSeen: boolean): Promise<void> {
    // Where a step takes long, the last ones are kept as well: a step back is then not many steps on from an earlier moment.
    const before = isSeen || this.#stepTook > slowStep ? (await this.#weightsNow()).now : undefined
    const began = this.#now()
    const { loss, places, right } = await this.#run.advance(this.#interventions)
    this.#notes.note(this.#line, places, right)
    this.#stepTook = this.#now() - began
    this.#losses.push(loss)
    if (before) this.#weights = { step: this.#run.step, now: await this.#run.weights(), before }
    const { step } = this.#run
    if (this.#stepTook > slowStep || this.#snapshots.wants(step, this.#interventions)) {
      this.#snapshots.add(await this.#run.snapshot(), this.#interventions)
    }
    if (!Number.isFinite(loss)) this.#pause()
  }

  /** The weights, read once a step. */
  async #weightsNow(): Promise<StepWeights> {
    const { step } = this.#run
    if (this.#weights?.step !== step) this.#weights = { step, now: await this.#run.weights() }
    return this.#weights
  }

  /** Stops after a step whose change is known: where none was looked at, after one more. */
  async #stop(): Promise<void> {
    if (this.#playing && this.#run.step > 0 && this.#weights?.step !== this.#run.step) await this.#advance(true)
    this.#pause()
  }

  /** Goes to a moment: to the last stored one before it, and on from there by the steps themselves. */
  async #goTo(step: number): Promise<void> {
    this.#pause()
    const from = this.#snapshots.before(Math.max(0, step - 1), this.#interventions)!
    this.#report()
    if (this.#run.step !== step - 1) {
      await this.#run.restore(from)
      this.#weights = undefined
    }
    while (this.#run.step < step) {
      await this.#advance(this.#run.step + 1 === step)
      if (this.#around.isGoingElsewhere()) return
    }
    this.#looked = this.#statisticsOf = undefined
    this.#report()
    this.#sayState()
  }

  /** A change takes effect with the next step. What was changed later, on the line that is left, does not count here. */
  #set(change: Change): void {
    const at = this.#run.step
    const left = this.#line
    const earlier = this.#interventions.filter(one => one.at <= at)
    this.#interventions = withIntervention(earlier, { at, ...change } as Intervention)
    this.#notes.fork(left, this.#line, this.#run.seen)
    this.#report()
    this.#around.say({ type: 'changed', at, interventions: this.#interventions })
  }

  #pause(): void {
    this.#report()
    if (!this.#playing) return
    this.#playing = undefined
    this.#sayState()
  }

  #sayState(): void {
    this.#around.say({ type: 'state', step: this.#run.step, playing: this.isPlaying })
  }

  get #reportEvery(): number {
    return this.#around.isCrowded ? crowdedReportEvery : reportEvery
  }

  #report(): void {
    this.#reportedAt = this.#now()
    if (this.#losses.length === 0) return
    const losses = Float32Array.from(this.#losses)
    this.#losses = []
    this.#around.say({ type: 'steps', from: this.#run.step - losses.length, losses, step: this.#run.step })
  }

  /** The name of this line of training, made when it changes: it may be long. */
  get #line(): string {
    const all = this.#interventions
    if (this.#named?.all !== all) this.#named = { all, name: historyKey(all, Number.POSITIVE_INFINITY) }
    return this.#named.name
  }

  get #judgedMoment(): Moment {
    const [all, { step }] = [this.#interventions, this.#run]
    // What the last step was trained with; a change at this very moment counts from the next one on.
    return { line: historyKey(all, step), edits: editsAt(all, step - 1), notesOf: this.#line }
  }

  /** A moment of this line of training. */
  get #moment(): string {
    return `${this.#run.step} ${this.#interventions.length}`
  }

  /** All that a look depends on; at rest it has everything, whatever is shown. */
  get #key(): string {
    return `${this.#moment} ${this.#wishes} ${this.#only ?? 'all'}`
  }

  get #statisticsKey(): string {
    return `${this.#moment} ${this.#playing ? fewImages : manyImages}`
  }

  /** The page has drawn the last look. */
  #take(drawn: number): void {
    this.#isTaken = true
    this.#drawn = [...this.#drawn.slice(1 - drawingsKept), drawn]
    if (this.#playing && this.#around.isCrowded) this.#looks.spend(wholeFrame * Math.min(...this.#drawn), this.#now())
  }

  async #look(): Promise<void> {
    await this.#watch.prepare('look', this.#only)
    const began = this.#now()
    const [key, wishes] = [this.#key, this.#wishes]
    const { now, before } = await this.#weightsNow()
    const only = this.#only
    const tried = this.#trial && triedWeights(now, this.#trial)
    if (tried) await this.#run.setWeights(tried)
    const look = await this.#watch.look(this.#run.step, this.#probe, tried ?? now, {
      before: tried ? now : before,
      only,
    })
    if (tried) await this.#run.setWeights(now)
    this.#looked = key
    this.#lookedWishes = wishes
    this.#isTaken = false
    this.#report()
    this.#around.say({ type: 'look', look }, buffersOf(look))
    const ended = this.#now()
    if (this.#playing) this.#looks.spend(ended - began, ended)
  }

  async #giveReasons(target: number | undefined): Promise<void> {
    const last = this.#watch.layers.findLast(({ kind }) => kind === 'conv')
    const reasons = await reasonsFor(this.#inspect(), this.#probe.pixels, target, last?.shape[1] ?? 1)
    this.#around.say({ type: 'why', reasons: { step: this.#run.step, ...reasons } })
  }

  #inspect(): Inspector {
    const { engine, model, facts } = this.#run
    this.#inspector ??= new Inspector(engine, model, facts.shape)
    return this.#inspector
  }

  /** Begins another search; the one before ends. */
  #excite(place: UnitPlace | undefined): void {
    this.#excitement?.cancel()
    this.#excitement = place && new Excitement(this.#inspect(), place, this.#test, this.#run.step)
  }

  /** Goes on for a moment with what was asked for. */
  async #answerOn(): Promise<void> {
    const began = this.#now()
    if (this.#excitement) await this.#searchOn(this.#excitement)
    if (this.#desk.isBusy) await this.#desk.advance(this.#now)
    const ended = this.#now()
    this.#asked.spend(ended - began, ended)
  }

  /** Goes on with the search, and tells what was found. */
  async #searchOn(excitement: Excitement): Promise<void> {
    const began = this.#now()
    do await excitement.advance(this.#run.step)
    while (!excitement.isDone && this.#now() - began < excitementPiece)
    const ended = this.#now()
    if (excitement.isDone) this.#excitement = undefined
    else if (ended - this.#excitementToldAt < excitementEvery) return
    this.#excitementToldAt = ended
    this.#around.say({ type: 'excited', excitation: excitement.found() })
  }

  /** Statistics of so many test images, or of fewer where that would take too long. */
  async #count(most: number): Promise<void> {
    const key = this.#statisticsKey
    const { images, labels } = this.#test
    if (labels.length === 0) {
      this.#statisticsOf = key
      return
    }
    await this.#watch.prepare('statistics')
    const began = this.#now()
    const count = this.#watch.statisticsCount(Math.min(labels.length, most))
    const statistics = await this.#watch.statistics(this.#run.step, images, labels, count, this.#around.isUndisturbed)
    // What was asked for meanwhile comes first; large networks take their time for many images.
    if (!statistics) return
    this.#statisticsOf = key
    this.#around.say({ type: 'statistics', statistics })
    const ended = this.#now()
    if (this.#playing) this.#counts.spend(ended - began, ended)
  }
}

/** The buffers of all arrays of a look, which belong to it alone. */
function buffersOf({ volumes, volumeGradients = [], layers, logits, probabilities }: Look): ArrayBuffer[] {
  const arrays = [...volumes, ...volumeGradients, logits, probabilities]
  for (const { values, gradients, weights, bias, change } of layers) {
    arrays.push(values, weights, bias, ...(gradients ? [gradients] : []), ...(change ? [change] : []))
  }
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))]
}

/** Weights with one of them changed; none where there is no such weight. */
function triedWeights(weights: Weights, { path, index, value }: WeightTrial): Weights | undefined {
  const own = weights.get(path)?.slice()
  if (!own || index >= own.length) return undefined
  own[index] = value
  return new Map([...weights, [path, own]])
}

const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))
