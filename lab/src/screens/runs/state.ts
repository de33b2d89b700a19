/** Runs as the page knows them: signals, and what follows from them. It touches no document, so that it runs in Node as well. */
import { batch, computed, effect, signal, untracked } from '@preact/signals'
import {
  mostChosen,
  type NetworkReply,
  type RunSummary,
  type RunsNews,
  type ScalarChoice,
  type StepReply,
} from '../../../../src/runs/live/protocol.ts'
import type { NextFrame } from '../../state/told.ts'
import { looksOf, type RunLook } from './colors.ts'
import { ComparedRecipes } from './comparedRecipes.ts'
import { filtered, firstChoice, type Order, sorted } from './list.ts'
import { askedBuckets, RunCurve } from './runCurve.ts'
import type { RunsView } from './runsLink.ts'
import { Searches } from './searches.ts'
import { type Axis, placeOf, type Quantity, type Shape, type Span, shapeOf, stepAt, stepsBetween } from './shape.ts'
import { placesOf, type RunsSource } from './source.ts'

/** A run that is drawn. */
export interface DrawnRun {
  readonly row: RunSummary
  readonly look: RunLook
  readonly curve: RunCurve
}

/** A run at the crosshair, or at its end. */
export interface Reading {
  readonly row: RunSummary
  readonly look: RunLook
  readonly step: number
  /** What the log says of that step, when it is known. */
  readonly exact: StepReply | undefined
  readonly curve: RunCurve
}

/** A part of what is shown beyond its ends, for the means there. */
const margin = 0.15

/** The runs. */
export class Runs {
  readonly rows = signal<ReadonlyMap<number, RunSummary>>(new Map())
  readonly searches = new Searches(this.rows)
  /** Whether the list has come, and whether it still does. */
  readonly connection = signal<'opening' | 'open' | 'lost'>('opening')
  readonly problem = signal<string | undefined>(undefined)
  readonly order = signal<Order>({ column: 'began', isDown: true })
  readonly filter = signal('')
  /** Names of the runs that are drawn; undefined until somebody has chosen, or there was something to choose from. */
  readonly chosen = signal<readonly string[] | undefined>(undefined)
  readonly isChosenByHand = signal(false)
  readonly axis = signal<Axis>('steps')
  readonly isLog = signal(true)
  /** Tags that stand for the loss and the accuracy of runs of scalars. */
  readonly tags = signal<ScalarChoice>({})
  /** Width of the window of means, as a share of what is shown. */
  readonly smoothing = signal(0.02)
  /** What is shown of the axis; all of it without. */
  readonly zoom = signal<Span | undefined>(undefined)
  readonly cursor = signal<number | undefined>(undefined)
  readonly differences: ComparedRecipes
  readonly #exact = signal<ReadonlyMap<number, StepReply>>(new Map())
  /** Curves by keys; whoever changes them counts it. */
  readonly #curves = new Map<number, RunCurve>()
  readonly #version = signal(0)
  readonly #source: RunsSource
  readonly #nextFrame: NextFrame
  readonly #loading = new Set<number>()
  /** Curves that are no longer those of their logs, and that did not come; news of a run are a reason to try again. */
  readonly #stale = new Set<number>()
  readonly #failed = new Set<number>()
  #places = ''
  #followed = ''
  #stop: (() => void) | undefined
  #isFrameAsked = false
  #isAsking = false
  readonly #ends: (() => void)[]

  /** @param nextFrame calls back when the page is next drawn; by default at once */
  constructor(source: RunsSource, view?: RunsView, nextFrame: NextFrame = draw => draw()) {
    this.#source = source
    this.#nextFrame = nextFrame
    this.differences = new ComparedRecipes(source)
    if (view) this.show(view)
    this.#ends = [
      effect(() => this.#askDetails()),
      effect(() => this.#askExact()),
      // Others' runs have no recipes.
      effect(() => this.differences.ask(this.compared.value.map(({ row }) => row.key))),
    ]
    this.#connect()
  }

  /** Ends all that goes on. */
  close(): void {
    this.#stop?.()
    for (const end of this.#ends) end()
  }

  /** Rows of the list, as it is sorted and filtered. */
  readonly list = computed(() =>
    sorted(this.searches.listed(filtered([...this.rows.value.values()], this.filter.value)), this.order.value),
  )
  readonly looks = computed(() => looksOf(this.chosen.value ?? []))
  /** Runs that are drawn and there, in the order in which they were chosen. */
  readonly drawn = computed<readonly DrawnRun[]>(() => {
    this.#version.value
    const byName = new Map(Array.from(this.rows.value.values(), row => [row.name, row]))
    return (this.chosen.value ?? []).flatMap(name => {
      const row = byName.get(name)
      const curve = row && this.#curves.get(row.key)
      return row && curve ? [{ row, curve, look: this.looks.value.get(name)! }] : []
    })
  })
  /** Those of them that have recipes. */
  readonly compared = computed(() => this.drawn.value.filter(({ row }) => !row.isScalars))
  /** All of the axis. */
  readonly whole = computed<Span>(() => {
    const ends = this.drawn.value.map(({ curve: { story } }) =>
      placeOf(this.axis.value, story.step, story.clock.seconds, story),
    )
    return [0, Math.max(this.axis.value === 'epochs' ? 0.1 : 1, ...ends)]
  })
  /** What is shown of the axis. */
  readonly span = computed<Span>(() => this.zoom.value ?? this.whole.value)
  /** Width of the window of means, in units of the axis. */
  readonly window = computed(() => this.smoothing.value * (this.span.value[1] - this.span.value[0]))
  readonly losses = computed(() => this.#shapes('loss'))
  readonly accuracies = computed(() => this.#shapes('accuracy'))
  /** The runs that are drawn, each at its step at the crosshair, or at its last. */
  readonly readings = computed<readonly Reading[]>(() =>
    this.drawn.value.map(({ row, look, curve }) => {
      const step = this.#stepOf(curve)
      const exact = this.#exact.value.get(row.key)
      const isSame = exact !== undefined && exact.step === step
      const { last } = curve
      return {
        row,
        look,
        step,
        curve,
        exact: isSame ? exact : last?.step === step ? { key: row.key, ...last } : undefined,
      }
    }),
  )

  view(): RunsView {
    const chosen = this.isChosenByHand.value ? this.chosen.value : undefined
    return { chosen, axis: this.axis.value, isLog: this.isLog.value, tags: this.tags.value }
  }

  show({ chosen, axis, isLog, tags }: RunsView): void {
    batch(() => {
      this.axis.value = axis
      this.isLog.value = isLog
      this.tags.value = tags
      this.isChosenByHand.value = chosen !== undefined
      if (chosen) this.chosen.value = chosen.slice(0, mostChosen)
    })
    this.#sync()
  }

  /** Draws a run, or draws it no longer. */
  toggle(name: string): void {
    const chosen = this.chosen.value ?? []
    if (chosen.includes(name)) this.choose(chosen.filter(other => other !== name))
    else if (chosen.length < mostChosen) this.choose([...chosen, name])
  }

  /** Draws these runs, as many as can be. */
  choose(names: readonly string[]): void {
    batch(() => {
      this.chosen.value = names.slice(0, mostChosen)
      this.isChosenByHand.value = true
    })
    this.#sync()
  }

  /** Another axis shows all of it. */
  setAxis(axis: Axis): void {
    batch(() => {
      this.axis.value = axis
      this.zoom.value = this.cursor.value = undefined
    })
  }

  /** Shows another tag of the runs of scalars; undefined is what is known by its name. */
  showTag(quantity: Quantity, tag: string | undefined): void {
    this.tags.value = { ...this.tags.value, [quantity]: tag }
    this.#exact.value = new Map()
    for (const [key, { scalars }] of this.#curves) if (scalars) this.#stale.add(key)
    this.#sync()
  }

  /** The network of a run, and its checkpoints, as they are now. */
  network(key: number): Promise<NetworkReply> {
    return this.#source.network(key)
  }

  /** Shows a part of the axis, or all of it. */
  zoomTo(span: Span | undefined): void {
    if (!span) {
      this.zoom.value = undefined
      return
    }
    const [least, most] = this.whole.value
    const [from, to] = [Math.max(least, Math.min(...span)), Math.min(most, Math.max(...span))]
    // Two steps are the least that has a width.
    const tiny = this.axis.value === 'steps' ? 2 : (most - least) * 1e-6
    if (to - from >= tiny) this.zoom.value = [from, to]
  }

  /** Shows more or less around the crosshair. @param times how many times as much */
  zoomBy(times: number): void {
    const [from, to] = this.span.value
    const at = this.cursor.value ?? (from + to) / 2
    const [least, most] = this.whole.value
    const [left, right] = [at - (at - from) * times, at + (to - at) * times]
    if (left <= least && right >= most) this.zoomTo(undefined)
    else this.zoomTo([left, right])
  }

  /** Moves the crosshair by a share of what is shown, and what is shown with it. */
  moveCursor(share: number): void {
    const [from, to] = this.span.value
    const width = to - from
    const whole = this.whole.value
    const wanted = (this.cursor.value ?? (share < 0 ? to : from)) + share * width
    const rounded = this.axis.value === 'steps' ? (share < 0 ? Math.floor(wanted) : Math.ceil(wanted)) : wanted
    const at = Math.max(whole[0], Math.min(whole[1], rounded))
    batch(() => {
      this.cursor.value = at
      if (at < from) this.zoomTo([at, at + width])
      else if (at > to) this.zoomTo([at - width, at])
    })
  }

  #stepOf(curve: RunCurve): number {
    const { story } = curve
    const cursor = this.cursor.value
    if (cursor === undefined) return story.step
    const [from, to] = stepsBetween(this.axis.value, this.span.value, curve.whole, story)
    return stepAt(this.axis.value, cursor, curve.curveOf(from, to), story)
  }

  #shapes(quantity: Quantity): readonly Shape[] {
    const [axis, span, window] = [this.axis.value, this.span.value, this.window.value]
    return this.drawn.value.map(({ curve }) => {
      const { story } = curve
      const [from, to] = stepsBetween(axis, span, curve.whole, story)
      return shapeOf(curve.curveOf(from, Math.min(to, Math.max(from, story.step))), quantity, axis, window, story)
    })
  }

  /** The curves have changed. */
  #touch(): void {
    if (this.#isFrameAsked) return
    this.#isFrameAsked = true
    this.#nextFrame(() => {
      this.#isFrameAsked = false
      this.#version.value++
    })
  }

  #connect(): void {
    this.#stop?.()
    this.#stop = this.#source.follow(this.#places, {
      onNews: news => this.#hear(news),
      onLog: (key, lines, places) => {
        this.#places = places
        this.#curves.get(key)?.take(lines)
        this.#touch()
      },
      onCut: key => {
        this.#stale.add(key)
        this.#sync()
      },
      onConnection: isOpen => {
        this.connection.value = isOpen ? 'open' : 'lost'
      },
    })
  }

  #hear({ runs, gone, searches }: RunsNews): void {
    const rows = new Map(this.rows.value)
    for (const run of runs) {
      rows.set(run.key, run)
      this.#failed.delete(run.key)
    }
    for (const key of gone) rows.delete(key)
    batch(() => {
      this.rows.value = rows
      if (searches) this.searches.all.value = searches
      this.connection.value = 'open'
      if (this.chosen.value === undefined && rows.size > 0) this.chosen.value = firstChoice([...rows.values()])
    })
    this.#sync()
  }

  /** Loads curves that are wanted and not there, and follows the logs of those that are. */
  #sync(): void {
    const rows = untracked(() => [...this.rows.value.values()])
    const chosen = untracked(() => this.chosen.value ?? [])
    const wanted = new Set(rows.filter(({ name }) => chosen.includes(name)).map(({ key }) => key))
    for (const key of this.#curves.keys()) {
      if (wanted.has(key)) continue
      this.#curves.delete(key)
      this.#stale.delete(key)
      this.#touch()
    }
    for (const key of wanted) {
      if (!this.#failed.has(key) && (!this.#curves.has(key) || this.#stale.has(key))) void this.#load(key)
    }
    if (this.#loading.size > 0) return
    const followed = [...this.#curves.keys()].join(',')
    if (followed === this.#followed) return
    this.#followed = followed
    this.#places = placesOf(this.#places)
      .filter(([key]) => this.#curves.has(key))
      .map(([, place]) => place)
      .join(',')
    this.#connect()
  }

  async #load(key: number): Promise<void> {
    if (this.#loading.has(key)) return
    this.#loading.add(key)
    try {
      const choice = untracked(() => this.tags.value)
      const reply = await this.#source.curve(key, 1, undefined, askedBuckets, choice)
      this.#curves.set(key, new RunCurve(reply))
      // Another tag may be wanted by now.
      if (choice === untracked(() => this.tags.value)) this.#stale.delete(key)
      const others = placesOf(this.#places).filter(([other]) => other !== key)
      this.#places = [...others.map(([, place]) => place), `${key}:${reply.place}`].join(',')
      // It is followed anew, from where it was read.
      this.#followed = ''
      this.problem.value = undefined
      this.#touch()
    } catch (error) {
      this.#stale.delete(key)
      this.#failed.add(key)
      this.problem.value = `A curve did not come: ${(error as Error).message}`
    } finally {
      this.#loading.delete(key)
    }
    this.#sync()
  }

  /** Asks for finer curves of what is shown. */
  #askDetails(): void {
    const [zoom, axis] = [this.zoom.value, this.axis.value]
    for (const { row, curve } of this.drawn.value) {
      if (!zoom) curve.dropDetail()
      else if (curve.whole.data.size > 1) void this.#askDetail(row.key, curve, zoom, axis)
    }
  }

  async #askDetail(key: number, curve: RunCurve, [from, to]: Span, axis: Axis): Promise<void> {
    const { story } = curve
    const more = margin * (to - from)
    const [first, last] = stepsBetween(axis, [from - more, to + more], curve.whole, story)
    if (!curve.expectDetail(first, last)) return
    const choice = untracked(() => this.tags.value)
    const reply = await this.#source.curve(key, first, last, askedBuckets, choice).catch(() => undefined)
    if (!reply) curve.dropDetail()
    // Another may be wanted by now, or none.
    else if (curve.setDetail(reply, first, last)) this.#touch()
  }

  /** Asks what the logs say of the steps that are read, again and again while they change. */
  #askExact(): void {
    const missing = this.readings.value.filter(({ exact, step }) => exact === undefined && step > 0)
    if (missing.length === 0 || this.#isAsking) return
    this.#isAsking = true
    this.#source
      .steps(
        missing.map(({ row, step }) => [row.key, step]),
        this.tags.value,
      )
      .then(
        replies => {
          this.#isAsking = false
          const exact = new Map(this.#exact.value)
          // A step that its log has not is answered by the one before it.
          for (const [k, reply] of replies.entries()) exact.set(reply.key, { ...reply, step: missing[k]!.step })
          this.#exact.value = exact
        },
        () => {
          this.#isAsking = false
        },
      )
  }
}
