/** What the worker tells: it is shown with the next frame, and becomes what the page knows. */
import { batch } from '@preact/signals'
import type { Answer, Command, Opened } from '../worker/protocol.ts'
import type { Known } from './known.ts'
import type { Link } from './link.ts'
import { failureProblem, lossProblem } from './problems.ts'
import { dataNames } from './recipe.ts'

/** Calls back when the page is next drawn. */
export type NextFrame = (draw: () => void) => void

/** What is done because of what was told. */
export interface Acts {
  send(command: Command): void
  play(): void
  goTo(step: number): void
  showTest(index: number): void
  renew(backend: 'webgpu' | 'wasm'): void
}

/** The test image to begin with. */
export const firstProbe = 0

/** How many answers a frame shows: looks or statistics, each of which changes most of the page, but not both. */
function endOfFrame(heard: readonly Answer[]): number {
  const wide = heard.filter(({ type }) => type === 'look' || type === 'statistics')
  const other = wide.find(({ type }) => type !== wide[0]!.type)
  return other ? heard.indexOf(other) : heard.length
}

/** What was told. */
export class Told {
  readonly #known: Known
  readonly #acts: Acts
  readonly #nextFrame: NextFrame
  /** What the worker said since the last frame, and whether a look was shown since. */
  #heard: Answer[] = []
  #isLookNew = false
  /** The moment that was asked for last, until it is reached. */
  #wanted: number | undefined
  #link: Link | undefined

  constructor(known: Known, acts: Acts, nextFrame: NextFrame) {
    this.#known = known
    this.#acts = acts
    this.#nextFrame = nextFrame
  }

  /** Another training begins, by a link. */
  begin(link: Link): void {
    this.#link = link
    this.#wanted = undefined
    this.#heard = []
  }

  /** A moment was asked for: what is told of moments before it is not shown. None: whatever comes is. */
  want(step: number | undefined): void {
    this.#wanted = step
  }

  /** Whether a look was shown since this was asked last. */
  takeLookNew(): boolean {
    const isNew = this.#isLookNew
    this.#isLookNew = false
    return isNew
  }

  /**
   * While it trains, what is heard between two frames is shown with the next one, but looks and statistics
   * not with the same; else nothing waits.
   */
  hear(answer: Answer): void {
    this.#heard.push(answer)
    if (!this.#known.playing.value || answer.type === 'failed') {
      this.#showHeard()
      if (answer.type === 'look') this.#nextFrame(() => undefined)
    } else if (this.#heard.length === 1) this.#nextFrame(() => this.#showHeard())
  }

  #showHeard(): void {
    const heard = this.#heard
    const end = this.#known.playing.value ? endOfFrame(heard) : heard.length
    this.#heard = heard.slice(end)
    batch(() => {
      for (const answer of heard.slice(0, end)) this.#take(answer)
    })
    if (this.#heard.length > 0) this.#nextFrame(() => this.#showHeard())
  }

  #take(answer: Answer): void {
    if (answer.type === 'opened') this.#begin(answer)
    else if (answer.type === 'steps') {
      this.#known.trained.record(answer.from, answer.losses)
      this.#known.version.value++
      this.#reach(answer.step)
      this.#checkLoss(answer.losses.at(-1)!)
    } else if (answer.type === 'state') {
      this.#reach(answer.step)
      if (this.#wanted === undefined) this.#known.playing.value = answer.playing
    } else if (answer.type === 'changed') {
      this.#known.trained.change(answer.at, answer.interventions)
      this.#known.version.value++
    } else if (answer.type === 'look') {
      this.#known.look.value = answer.look
      this.#isLookNew = true
    } else if (answer.type === 'why') this.#known.reasons.value = answer.reasons
    else if (answer.type === 'excited') this.#known.excitation.value = answer.excitation
    else if (answer.type === 'statistics') this.#known.statistics.value = answer.statistics
    else if (answer.type === 'hash') this.#known.hash.value = answer
    else if (answer.type === 'reading') this.#known.reading.value = answer.done < answer.total ? answer : undefined
    else if (answer.type === 'failed') this.#fail(answer)
    else this.#known.hearJudge?.(answer)
  }

  #begin(opened: Opened): void {
    this.#known.opened.value = opened
    this.#known.recipe.value = opened.recipe
    const link = this.#link!
    if (opened.still) {
      if (this.#known.mode.value !== 'values') this.#acts.send({ type: 'show', mode: this.#known.mode.value })
      this.#acts.showTest(link.probe ?? firstProbe)
      return
    }
    if (link.recipe.data !== 'own' && link.recipe.images > opened.recipe.images && link.step !== undefined) {
      this.#known.problem.value = {
        message: `This link was trained on ${link.recipe.images} images of ${dataNames[opened.recipe.data]}; only ${opened.recipe.images} are here, so its weights cannot come back. Open it with \`fovea lab\`, which has all of them.`,
      }
    }
    if (link.interventions.length > 0) this.#acts.send({ type: 'interventions', interventions: link.interventions })
    if (this.#known.mode.value !== 'values') this.#acts.send({ type: 'show', mode: this.#known.mode.value })
    // What is to be done comes first: a training that rests would look at all there is of the picture.
    if (link.step === undefined) this.#acts.play()
    else if (link.step > 0) {
      this.#acts.send({ type: 'play', until: link.step })
      this.#known.playing.value = true
    }
    this.#acts.showTest(link.probe ?? firstProbe)
  }

  #reach(step: number): void {
    if (this.#wanted === undefined || step === this.#wanted) this.#known.step.value = step
    if (step === this.#wanted) this.#wanted = undefined
  }

  #checkLoss(loss: number): void {
    if (Number.isFinite(loss)) return
    this.#known.playing.value = false
    this.#known.problem.value = lossProblem(loss, this.#known.step.value, this.#known.controls.value.rate, to => {
      this.#known.problem.value = undefined
      this.#acts.goTo(to)
    })
  }

  #fail(failure: Extract<Answer, { type: 'failed' }>): void {
    this.#wanted = undefined
    this.#known.playing.value = false
    const isOpen = this.#known.opened.value !== undefined
    this.#known.problem.value = failureProblem(failure, isOpen, {
      again: () => this.#acts.play(),
      renew: backend => this.#acts.renew(backend),
    })
  }
}
