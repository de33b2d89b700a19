/**
 * The worker that trains. It takes one command or one step at a time; between two it listens. What it shows costs no step: looks
 * are made when the page has taken the last one, statistics now and then.
 */

import { yieldToEvents } from '../../../src/async/yieldToEvents.ts'
import { createEngine, MemoryError, type WasmEngine } from '../../../src/index.ts'
import { Inspector } from '../../../src/inspect/index.ts'
import { type Change, type Intervention, isPointSet, withIntervention } from '../state/recipe.ts'
import { Excitement } from './excitement.ts'
import type { Shard } from './imageStream.ts'
import { planeSide } from './networks.ts'
import { openData } from './openData.ts'
import type { Answer, Command, ProbePicture, UnitPlace, WeightTrial } from './protocol.ts'
import { reasonsFor } from './reasons.ts'
import { LabRun } from './run.ts'
import { DataError } from './shards.ts'
import { Snapshots } from './snapshots.ts'
import { Watch, type Weights } from './watch.ts'

/** Most bytes of stored moments: 130 of LeNet-5 with momentum. */
const snapshotBytes = 64 * 2 ** 20
/** Milliseconds between two reports of losses. */
const reportEvery = 50
/** Milliseconds of a step that is not soon taken again. */
const slowStep = 50
/** Statistics take at most this share of the time, and while it trains, the search for what excites a unit this one. */
const [statisticsShare, excitementShare] = [0.08, 0.25]
/** Milliseconds of that search without listening. */
const excitementPiece = 12
/** Test images in statistics while training, and when it rests. */
const [fewImages, manyImages] = [500, 1000]

const say = (answer: Answer): void => self.postMessage(answer)

/** A training with all that is shown of it. */
class Session {
  readonly #run: LabRun
  readonly #watch: Watch
  readonly #test: Shard
  readonly #inspector: Inspector
  readonly #snapshots = new Snapshots(snapshotBytes)
  #interventions: readonly Intervention[] = []
  #probe: ProbePicture
  #trial: WeightTrial | undefined
  /** Counts pictures and trials. */
  #wishes = 0
  #playing: { readonly until: number; readonly pause: number } | undefined
  #losses: number[] = []
  #reportedAt = 0
  /** The weights now, and before the last step; unknown after going to another moment. */
  #weights: Weights | undefined
  #before: Weights | undefined
  #isTaken = true
  /** What the last look was of. */
  #looked: string | undefined
  #statisticsOf: string | undefined
  #statisticsAt = 0
  #excitement: Excitement | undefined
  /** When it is next worked on, and when it was last told. */
  #excitementAt = 0
  #excitementToldAt = 0

  constructor(run: LabRun, watch: Watch, test: Shard) {
    this.#run = run
    this.#watch = watch
    this.#test = test
    this.#inspector = new Inspector(run.engine, run.model, run.facts.shape)
    this.#probe = { pixels: test.images.subarray(0, test.images.length / test.labels.length), label: test.labels[0]! }
  }

  async begin(): Promise<void> {
    this.#weights = await this.#run.weights()
    this.#snapshots.add(await this.#run.snapshot(), [])
  }

  get isPlaying(): boolean {
    return this.#playing !== undefined
  }

  /** Whether there is something to do without being told. */
  get isIdle(): boolean {
    return (
      !this.#playing &&
      !this.#excitement &&
      !(this.#isTaken && this.#looked !== this.#key) &&
      this.#statisticsOf === `${this.#moment} all`
    )
  }

  async obey(command: Command): Promise<void> {
    if (command.type === 'play') {
      const { until, stepsPerSecond } = command
      this.#playing = { until, pause: stepsPerSecond ? 1000 / stepsPerSecond : 0 }
      this.#sayState()
    } else if (command.type === 'pause') this.#pause()
    else if (command.type === 'goto') await this.#goTo(command.step)
    else if (command.type === 'set') this.#set(command.change)
    else if (command.type === 'interventions') this.#interventions = command.interventions
    else if (command.type === 'probe') {
      this.#probe = command.probe
      this.#wishes++
    } else if (command.type === 'try') {
      this.#trial = command.trial
      this.#wishes++
    } else if (command.type === 'why') await this.#giveReasons(command.target)
    else if (command.type === 'excite') this.#excite(command.place)
    else if (command.type === 'taken') this.#isTaken = true
    else if (command.type === 'hash') say({ type: 'hash', step: this.#run.step, hash: await this.#run.hash() })
  }

  /** A step, if it plays; then what is to be shown. */
  async work(): Promise<void> {
    if (this.#playing) {
      await this.#advance()
      if (this.#run.step >= this.#playing.until) this.#pause()
      else if (this.#playing.pause > 0) await sleep(this.#playing.pause)
    }
    if (this.#isTaken && this.#looked !== this.#key) await this.#look()
    if (this.#excitement) await this.#searchOn(this.#excitement)
    await this.#showStatistics()
    if (performance.now() - this.#reportedAt > reportEvery || !this.#playing) this.#report()
  }

  /** One step, with its loss and, now and then, a stored moment. */
  async #advance(): Promise<void> {
    const began = performance.now()
    const { loss } = await this.#run.advance(this.#interventions)
    const took = performance.now() - began
    this.#losses.push(loss)
    this.#before = this.#weights
    this.#weights = await this.#run.weights()
    // Where a step takes long, the last ones are kept as well: a step back is then not many steps on from an earlier moment.
    const isSlow = took > slowStep
    if (isSlow || this.#snapshots.wants(this.#run.step, this.#interventions)) {
      this.#snapshots.add(await this.#run.snapshot(), this.#interventions)
    }
    if (!Number.isFinite(loss)) this.#pause()
  }

  /** Stops where it is, after an error. */
  halt(): void {
    this.#pause()
    this.#excite(undefined)
    this.#looked = this.#key
    this.#statisticsOf = `${this.#moment} all`
  }

  /** Goes to a moment: to the last stored one before it, and on from there by the steps themselves. */
  async #goTo(step: number): Promise<void> {
    this.#pause()
    const from = this.#snapshots.before(Math.max(0, step - 1), this.#interventions)!
    this.#report()
    if (this.#run.step !== step - 1) {
      await this.#run.restore(from)
      this.#weights = await this.#run.weights()
      this.#before = undefined
    }
    while (this.#run.step < step) {
      await this.#advance()
      if (inbox.has('goto')) return
    }
    this.#looked = this.#statisticsOf = undefined
    this.#report()
    this.#sayState()
  }

  /** A change takes effect with the next step. What was changed later, on the line that is left, does not count here. */
  #set(change: Change): void {
    const at = this.#run.step
    const earlier = this.#interventions.filter(one => one.at <= at)
    this.#interventions = withIntervention(earlier, { at, ...change } as Intervention)
    this.#report()
    say({ type: 'changed', at, interventions: this.#interventions })
  }

  #pause(): void {
    this.#report()
    if (!this.#playing) return
    this.#playing = undefined
    this.#sayState()
  }

  #sayState(): void {
    say({ type: 'state', step: this.#run.step, playing: this.isPlaying })
  }

  #report(): void {
    this.#reportedAt = performance.now()
    if (this.#losses.length === 0) return
    const losses = Float32Array.from(this.#losses)
    this.#losses = []
    say({ type: 'steps', from: this.#run.step - losses.length, losses, step: this.#run.step })
  }

  /** A moment of this line of training. */
  get #moment(): string {
    return `${this.#run.step} ${this.#interventions.length}`
  }

  get #key(): string {
    return `${this.#moment} ${this.#wishes}`
  }

  async #look(): Promise<void> {
    const key = this.#key
    const weights = this.#weights!
    const tried = this.#trial && triedWeights(weights, this.#trial)
    if (tried) await this.#run.setWeights(tried)
    const look = await this.#watch.look(this.#run.step, this.#probe, tried ?? weights, tried ? weights : this.#before)
    if (tried) await this.#run.setWeights(weights)
    this.#looked = key
    this.#isTaken = false
    say({ type: 'look', look })
  }

  async #giveReasons(target: number | undefined): Promise<void> {
    const last = this.#watch.layers.findLast(({ kind }) => kind === 'conv')
    const reasons = await reasonsFor(this.#inspector, this.#probe.pixels, target, last?.shape[1] ?? 1)
    say({ type: 'why', reasons: { step: this.#run.step, ...reasons } })
  }

  /** Begins another search; the one before ends. */
  #excite(place: UnitPlace | undefined): void {
    this.#excitement?.cancel()
    this.#excitement = place && new Excitement(this.#inspector, place, this.#test, this.#run.step)
    this.#excitementAt = 0
  }

  /** Goes on with the search for a moment, and tells what was found. */
  async #searchOn(excitement: Excitement): Promise<void> {
    const began = performance.now()
    if (this.#playing && began < this.#excitementAt) return
    do await excitement.advance(this.#run.step)
    while (!excitement.isDone && performance.now() - began < excitementPiece)
    const ended = performance.now()
    this.#excitementAt = ended + (ended - began) * (1 / excitementShare - 1)
    if (excitement.isDone) this.#excitement = undefined
    else if (ended - this.#excitementToldAt < reportEvery) return
    this.#excitementToldAt = ended
    say({ type: 'excited', excitation: excitement.found() })
  }

  async #showStatistics(): Promise<void> {
    const all = !this.#playing
    const key = `${this.#moment} ${all ? 'all' : 'few'}`
    if (this.#statisticsOf === key) return
    const began = performance.now()
    if (!all && began < this.#statisticsAt) return
    const { images, labels } = this.#test
    const count = this.#watch.statisticsCount(Math.min(labels.length, all ? manyImages : fewImages))
    const statistics = await this.#watch.statistics(this.#run.step, images, labels, count, isUndisturbed)
    // What was asked for meanwhile comes first; large networks take their time for many images.
    if (!statistics) return
    const ended = performance.now()
    this.#statisticsAt = ended + (ended - began) / statisticsShare
    this.#statisticsOf = key
    say({ type: 'statistics', statistics })
  }
}

/** Weights with one of them changed; none where there is no such weight. */
function triedWeights(weights: Weights, { path, index, value }: WeightTrial): Weights | undefined {
  const own = weights.get(path)?.slice()
  if (!own || index >= own.length) return undefined
  own[index] = value
  return new Map([...weights, [path, own]])
}

const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))

/** What the page has asked for: of each kind the last. */
const inbox = new Map<string, Command>()
let wake: (() => void) | undefined
let session: Session | undefined
let engine: WasmEngine | undefined

/** Whether nothing was asked for but another look. */
async function isUndisturbed(): Promise<boolean> {
  await yieldToEvents()
  return [...inbox.keys()].every(kind => kind === 'taken')
}

/** Every unit that begins again is a wish of its own. */
const kindOf = ({ name, value }: Change): string => (name === 'restart' ? `restart ${value}` : `set ${name}`)

self.onmessage = ({ data }: MessageEvent<Command>) => {
  const kind = data.type === 'set' ? kindOf(data.change) : data.type
  inbox.delete(kind)
  inbox.set(kind, data)
  wake?.()
}

async function open({ recipe, data, own, threads }: Extract<Command, { type: 'open' }>): Promise<Session> {
  if (typeof WebAssembly === 'undefined') {
    throw new Error(
      'This browser has no WebAssembly, or forbids it here, and the Lab computes with it. Open the page in a current Chrome, Edge, Firefox or Safari, or allow it.',
    )
  }
  await engine?.close()
  const onRead = (done: number, total: number): void => say({ type: 'reading', done, total })
  const { facts, subject, source, test } = await openData(recipe, { address: data, own, onRead })
  engine = createEngine({ precise: true, ...(threads && { threads }) })
  const known = { ...recipe, images: source.count }
  const run = new LabRun(known, source, engine, facts)
  const side = isPointSet(recipe.data) ? planeSide : undefined
  const watch = await Watch.create(engine, run.model, facts.shape, { planeSide: side, samples: test.labels.length })
  const { threads: found, alone } = engine.description
  const opened = new Session(run, watch, test)
  await opened.begin()
  const points = side === undefined ? undefined : await source.shard(0)
  say({
    type: 'opened',
    recipe: known,
    classes: facts.classes,
    shape: facts.shape,
    ...(subject && { subject }),
    ...(points && { plane: { side: planeSide, points: points.images, labels: points.labels } }),
    layers: watch.layers,
    testImages: test.images,
    testLabels: test.labels,
    stepsPerEpoch: Math.ceil(source.count / recipe.batch),
    threads: found,
    ...(alone !== undefined && { alone }),
  })
  return opened
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  const kind = isMemoryFull(error) ? 'memory' : error instanceof DataError ? 'data' : 'engine'
  // What was learned stays; images that did not come are asked for again by playing on.
  session?.halt()
  say({ type: 'failed', kind, message })
}

/** Browsers say in words of their own that they have no memory for an array or an engine. */
const isMemoryFull = (error: unknown): boolean =>
  error instanceof MemoryError || (error instanceof RangeError && /alloc|memory/i.test(error.message))

async function listen(): Promise<never> {
  for (;;) {
    try {
      const [next] = inbox
      if (next) {
        const [kind, command] = next
        inbox.delete(kind)
        if (command.type === 'open') session = await open(command)
        else await session?.obey(command)
      } else if (session && !session.isIdle) await session.work()
      else await new Promise<void>(resolve => (wake = resolve))
    } catch (error) {
      fail(error)
    }
    await yieldToEvents()
  }
}

void listen()
