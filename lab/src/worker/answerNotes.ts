/**
 * What was answered for every training image in the batches it was in, as the training went: which images are learned late, and which
 * are forgotten (Toneva, Sordoni, Tachet des Combes, Trischler, Bengio and Gordon, "An empirical study of example forgetting during
 * deep neural network learning", 2019). A line of training has a byte for each place of its stream of images, so that any moment of it
 * has its own history, and steps that are taken again note the same.
 */
import { passOrder, type ShardSource } from './imageStream.ts'
import type { History } from './protocol.ts'

/** Lines whose notes are kept; those of the one that was left first go first. */
const mostLines = 4
const [wrong, right] = [1, 2]

interface Line {
  /** By place in the stream: 0 where nothing was noted. */
  noted: Uint8Array
  /** Places up to the last noted one. */
  length: number
}

/** The notes of a training and its forks. */
export class AnswerNotes {
  readonly #lines = new Map<string, Line>()

  /** Notes a step. @param line its name @param isRight 1 for each right answer */
  note(line: string, places: Int32Array, isRight: Uint8Array): void {
    const own = this.#line(line)
    const end = places.at(-1)! + 1
    if (end > own.noted.length) {
      const longer = new Uint8Array(Math.max(end, 2 * own.noted.length))
      longer.set(own.noted)
      own.noted = longer
    }
    places.forEach((place, k) => {
      own.noted[place] = isRight[k] ? right : wrong
    })
    own.length = Math.max(own.length, end)
  }

  /** Another line leaves one after `seen` places of the stream; one that goes on no longer takes its notes along. */
  fork(from: string, to: string, seen: number): void {
    if (from === to) return
    const old = this.#line(from)
    this.#lines.set(to, { noted: old.noted.slice(0, seen), length: Math.min(seen, old.length) })
    if (old.length <= seen) this.#lines.delete(from)
  }

  /** What is known of each image at a moment of a line. @param seen places of the stream by then */
  history(
    line: string,
    seen: number,
    { count, shardSize }: Pick<ShardSource, 'count' | 'shardSize'>,
    seed: number,
  ): History {
    const { noted } = this.#line(line)
    const history = {
      presented: new Uint16Array(count),
      forgotten: new Uint16Array(count),
      learned: new Int16Array(count).fill(-1),
    }
    const { presented, forgotten, learned } = history
    for (let pass = 0; pass * count < seen; pass++) {
      const order = passOrder(count, shardSize, seed, pass)
      for (let k = 0; k < count && pass * count + k < seen; k++) {
        const answer = noted[pass * count + k]
        if (!answer) continue
        const image = order[k]!
        presented[image]!++
        if (answer === wrong) {
          if (learned[image]! > 0) forgotten[image]!++
          learned[image] = 0
        } else if (learned[image]! <= 0) learned[image] = pass + 1
      }
    }
    return history
  }

  #line(name: string): Line {
    const known = this.#lines.get(name) ?? { noted: new Uint8Array(0), length: 0 }
    // The one that was used last is the last to go.
    this.#lines.delete(name)
    this.#lines.set(name, known)
    const [first] = this.#lines.keys()
    if (this.#lines.size > mostLines) this.#lines.delete(first!)
    return known
  }
}
