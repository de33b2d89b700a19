/**
 * Judging all images of a kind, with the weights of one moment: piece by piece, so that the network can be trained, looked at and asked
 * for something else meanwhile.
 */
import type { ImageEdits } from '../state/edits.ts'
import type { AnswerNotes } from './answerNotes.ts'
import { FrozenNetwork } from './frozenNetwork.ts'
import type { Shard } from './imageStream.ts'
import type { Answer, History, Judged, JudgeWish } from './protocol.ts'
import type { LabRun } from './run.ts'

/** Multiply-adds of a piece, about, and its images at most. */
const [pieceWork, mostImages] = [4e8, 128]
/** Images whose features are told: the first ones. */
export const mostFeatures = 2000
/** Milliseconds of judging without listening, and between two reports. */
const [pieceTime, reportEvery] = [12, 100]

/** The moment that is judged. */
export interface Moment {
  /** What decides its weights; see `historyKey`. */
  readonly line: string
  readonly edits: ImageEdits
  /** The line whose notes tell of earlier answers. */
  readonly notesOf: string
}

type Say = (answer: Answer, given?: ArrayBuffer[]) => void

/** Takes wishes and tells what was found. */
export class JudgeDesk {
  readonly #run: LabRun
  readonly #test: Shard
  readonly #notes: AnswerNotes
  readonly #say: Say
  readonly #work: number
  #network: FrozenNetwork | undefined
  #judging: Judging | undefined
  /** Shards that the page has. */
  readonly #told = new Set<number>()
  #toldAt = Number.NEGATIVE_INFINITY

  /** @param work multiply-adds for an image */
  constructor(run: LabRun, test: Shard, notes: AnswerNotes, work: number, say: Say) {
    this.#run = run
    this.#test = test
    this.#notes = notes
    this.#work = work
    this.#say = say
  }

  get isBusy(): boolean {
    return this.#judging !== undefined
  }

  /** Begins with a moment; what was judged before ends. */
  async ask(wish: JudgeWish | undefined, moment: Moment): Promise<void> {
    this.#judging = undefined
    if (!wish) return
    const { engine, model, facts } = this.#run
    const batch = Math.max(1, Math.min(mostImages, Math.floor(pieceWork / Math.max(1, this.#work))))
    this.#network ??= new FrozenNetwork(engine, model, facts.shape, batch)
    await this.#network.freeze()
    this.#judging = new Judging(this.#run, this.#network, this.#test, wish, moment, this.#notes)
  }

  /** Goes on for a moment, and tells how far it is, or what was found. @param now milliseconds */
  async advance(now: () => number): Promise<void> {
    const judging = this.#judging!
    const began = now()
    do {
      const shard = await judging.advance()
      if (shard && !this.#told.has(shard.first)) {
        this.#told.add(shard.first)
        this.#say({ type: 'shard', ...shard })
      }
    } while (!judging.isDone && now() - began < pieceTime)
    const { wish, step, done, total } = judging
    if (judging.isDone) {
      this.#judging = undefined
      const judged = judging.result()
      this.#say({ type: 'judged', judged }, buffersOf(judged))
    } else if (now() - this.#toldAt >= reportEvery) {
      this.#toldAt = now()
      this.#say({ type: 'judging', split: wish.split, step, done, total })
    }
  }

  /** Ends what is judged, after an error. */
  halt(): void {
    this.#judging = undefined
  }
}

/** Training images as the page is told them. */
interface ToldShard extends Shard {
  /** The number of its first image. */
  readonly first: number
}

/** One pass over all images of a kind, and over the first of them again for their features. */
class Judging {
  readonly wish: JudgeWish
  readonly step: number
  readonly #run: LabRun
  readonly #network: FrozenNetwork
  readonly #test: Shard
  readonly #moment: Moment
  /** As it is when it begins: the line may be left meanwhile. */
  readonly #history: History | undefined
  readonly #count: number
  readonly #found: Pick<Judged, 'labels' | 'out' | 'predicted' | 'probability' | 'losses' | 'probabilities'>
  /** Whose input the features are. */
  readonly #layer: ReturnType<FrozenNetwork['layerOf']>
  #features: Float32Array | undefined
  #scored = 0
  #featured = 0

  constructor(run: LabRun, network: FrozenNetwork, test: Shard, wish: JudgeWish, moment: Moment, notes: AnswerNotes) {
    this.wish = wish
    this.step = run.step
    this.#run = run
    this.#network = network
    this.#layer = network.layerOf(wish.layer)
    this.#test = test
    this.#moment = moment
    const isTrain = wish.split === 'train'
    this.#history = isTrain ? notes.history(moment.notesOf, run.seen, run.source, run.recipe.seed) : undefined
    this.#count = wish.split === 'test' ? test.labels.length : run.source.count
    this.#found = {
      labels: new Uint8Array(this.#count),
      out: new Uint8Array(this.#count),
      predicted: new Uint8Array(this.#count),
      probability: new Float32Array(this.#count),
      losses: new Float32Array(this.#count),
      probabilities: new Float32Array(this.#count * run.facts.classes.length),
    }
  }

  get isDone(): boolean {
    return this.done === this.total
  }

  get done(): number {
    return this.#scored + this.#featured
  }

  get total(): number {
    return this.#count + this.#wished
  }

  /** Images whose features are wanted. */
  get #wished(): number {
    return this.wish.features ? Math.min(mostFeatures, this.#count) : 0
  }

  /** The next images. @returns the training images that they are of */
  async advance(): Promise<ToldShard | undefined> {
    const first = this.#scored < this.#count ? this.#scored : this.#featured
    const shard = await this.#shardOf(first)
    const from = first - shard.first
    const most = this.#scored < this.#count ? this.#count : this.#wished
    const count = Math.min(this.#network.batch, shard.labels.length - from, most - first)
    const bytes = shard.images.length / shard.labels.length
    const images = shard.images.subarray(from * bytes, (from + count) * bytes)
    if (this.#scored < this.#count) await this.#score(first, images, shard.labels.subarray(from, from + count))
    else {
      const rows = await this.#network.features(images, count, this.#layer.path)
      this.#features ??= new Float32Array((rows.length / count) * this.#wished)
      this.#features.set(rows, (rows.length / count) * first)
      this.#featured += count
    }
    return this.wish.split === 'train' ? shard : undefined
  }

  result(): Judged {
    const { split } = this.wish
    return {
      split,
      step: this.step,
      line: this.#moment.line,
      ...this.#found,
      ...(this.#history && { history: this.#history }),
      ...(this.#features && {
        features: {
          layer: this.#layer.path,
          isMean: this.#layer.isMean,
          count: this.#wished,
          values: this.#features,
        },
      }),
    }
  }

  async #score(first: number, images: Uint8Array, given: Uint8Array): Promise<void> {
    const labels = this.wish.split === 'train' ? given.map((label, k) => this.#labelOf(first + k, label)) : given
    const { probabilities, predicted, probability, losses } = await this.#network.scores(images, labels)
    const found = this.#found
    found.labels.set(labels, first)
    found.predicted.set(predicted, first)
    found.probability.set(probability, first)
    found.losses.set(losses, first)
    found.probabilities.set(probabilities, (probabilities.length / labels.length) * first)
    this.#scored += labels.length
  }

  /** The label that an image is trained with; one that is left out keeps its own. */
  #labelOf(image: number, label: number): number {
    const edit = this.#moment.edits.get(image)
    if (edit === 'out') this.#found.out[image] = 1
    return typeof edit === 'number' ? edit : label
  }

  /** The images among which one is. */
  async #shardOf(image: number): Promise<ToldShard> {
    if (this.wish.split === 'test') return { first: 0, ...this.#test }
    const { source } = this.#run
    const index = Math.floor(image / source.shardSize)
    return { first: index * source.shardSize, ...(await source.shard(index)) }
  }
}

/** The buffers of what was found, which belong to it alone. */
function buffersOf({
  labels,
  out,
  predicted,
  probability,
  losses,
  probabilities,
  history,
  features,
}: Judged): ArrayBuffer[] {
  const arrays = [labels, out, predicted, probability, losses, probabilities]
  const { presented, forgotten, learned } = history ?? {}
  return [...arrays, presented, forgotten, learned, features?.values].flatMap(array =>
    array ? [array.buffer as ArrayBuffer] : [],
  )
}
