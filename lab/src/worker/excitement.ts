/**
 * What excites a unit: the test images that make it largest (Girshick et al. 2014), and a picture that is grown from noise (Erhan
 * et al. 2009). It is found piece by piece, so that the network can be trained, looked at and asked for something else meanwhile.
 */
import { type Inspector, toBytes, topPatches, visualize, windowSeenBy } from '../../../src/inspect/index.ts'
import type { Shard } from './imageStream.ts'
import type { Excitation, ExcitingPatch, GrownPicture, UnitPlace } from './protocol.ts'

/** Patches that are kept. */
const mostPatches = 9
/** Test images of a piece, and the most values of the layer that a piece may leave behind. */
const [imagesAtOnce, mostValues] = [50, 1e6]
/** Steps of ascent, and those after which the picture is kept; the last is shown as it grows. */
const [ascentSteps, keptAfter] = [128, [0, 4, 16]]

/** The search for what excites one unit. */
export class Excitement {
  readonly place: UnitPlace
  readonly #inspector: Inspector
  readonly #test: Shard
  readonly #ascent: Ascent
  readonly #cell: readonly [row: number, column: number]
  readonly #batch: number
  #step: number
  #searched = 0
  #patches: readonly ExcitingPatch[] = []

  /**
   * @param test the images that are searched
   * @param step of the training, whose weights these are
   * @throws PointError for a layer that there is not; RangeError for a unit that there is not.
   */
  constructor(inspector: Inspector, place: UnitPlace, test: Shard, step: number) {
    const { shape, receptiveField } = inspector.point(place.layer)
    const [units = 0, rows = 1, columns = 1] = shape
    if (place.unit >= units)
      throw new RangeError(`excite: ${place.layer} has ${units} units, none is unit ${place.unit}`)
    this.place = place
    this.#inspector = inspector
    this.#test = test
    this.#step = step
    this.#cell = [Math.floor(rows / 2), Math.floor(columns / 2)]
    this.#batch = Math.max(1, Math.min(imagesAtOnce, Math.floor(mostValues / (units * rows * columns))))
    const seen = receptiveField && windowSeenBy(receptiveField, this.#cell, inspector.shape)
    const side = seen ? Math.max(seen.bottom - seen.top, seen.right - seen.left) : inspector.shape[0]
    this.#ascent = new Ascent(inspector, place, this.#cell, side)
  }

  get isDone(): boolean {
    return this.#searched === this.#count && this.#ascent.isDone
  }

  get #count(): number {
    return this.#test.labels.length
  }

  /** The next piece: some images, or a step of ascent. @param step of the training by now */
  async advance(step: number): Promise<void> {
    this.#step = step
    if (this.#searched < this.#count) await this.#search()
    else await this.#ascent.next()
  }

  /** Ends the search; what was found stays. */
  cancel(): void {
    this.#ascent.cancel()
  }

  /** What is known by now. */
  found(): Excitation {
    return {
      ...this.place,
      step: this.#step,
      searched: this.#searched,
      images: this.#count,
      patches: this.#patches,
      cell: this.#cell,
      grown: this.#ascent.pictures,
      steps: ascentSteps,
    }
  }

  async #search(): Promise<void> {
    const { images } = this.#test
    const bytes = images.length / this.#count
    const first = this.#searched
    const end = Math.min(first + this.#batch, this.#count)
    const some = images.subarray(first * bytes, end * bytes)
    const { layer, unit } = this.place
    const patches = (await topPatches(this.#inspector, some, layer, { count: mostPatches }))[unit]!
    const found = patches.map(({ image, row, column, value }) => ({ image: first + image, row, column, value }))
    this.#patches = [...this.#patches, ...found].sort((a, b) => b.value - a.value).slice(0, mostPatches)
    this.#searched = end
  }
}

/** Gradient ascent, one step at a time. */
class Ascent {
  isDone = false
  readonly #kept: GrownPicture[] = []
  #last: GrownPicture | undefined
  readonly #cancel = new AbortController()
  readonly #begin: () => Promise<void>
  #running: Promise<void> | undefined
  /** Lets the ascent take its next step. */
  #goOn: (() => void) | undefined
  /** Tells that it has taken one. */
  #arrived: (() => void) | undefined

  /** @param side of the part of the picture that the unit sees */
  constructor(inspector: Inspector, { layer, unit }: UnitPlace, cell: readonly [number, number], side: number) {
    const share = side / Math.max(inspector.shape[0], inspector.shape[1])
    const options = {
      steps: ascentSteps,
      // Views of a small field vary less: in those of a large one it would see something else each time.
      jitter: Math.round(side / 16),
      scale: 0.1 * share,
      rotation: 5 * share,
      signal: this.#cancel.signal,
    }
    this.#begin = async () => {
      const onStep: NonNullable<Parameters<typeof visualize>[2]>['onStep'] = async ({ step, images, scores }) => {
        this.#show({ after: step - 1, value: scores[0]!, pixels: Uint8Array.from(toBytes(images)) })
        const turn = new Promise<void>(resolve => (this.#goOn = resolve))
        this.#arrived?.()
        await turn
      }
      const of = { layer, channel: unit, cell }
      const { images, scores } = await visualize(inspector, of, { ...options, onStep })
      this.#show({ after: ascentSteps, value: scores[0]!, pixels: Uint8Array.from(toBytes(images)) })
      this.isDone = true
    }
  }

  /** Those that are kept, and the last. */
  get pictures(): readonly GrownPicture[] {
    return this.#last && !this.#kept.includes(this.#last) ? [...this.#kept, this.#last] : [...this.#kept]
  }

  /** Takes a step; the first time, the program is compiled as well. */
  async next(): Promise<void> {
    const arrival = new Promise<void>(resolve => (this.#arrived = resolve))
    this.#goOn?.()
    this.#running ??= this.#begin()
    await Promise.race([arrival, this.#running])
  }

  cancel(): void {
    this.#cancel.abort()
    this.#running?.catch(() => undefined)
    this.#goOn?.()
  }

  #show(picture: GrownPicture): void {
    this.#last = picture
    if (keptAfter.includes(picture.after)) this.#kept.push(picture)
  }
}
