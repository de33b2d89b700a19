/**
 * Which pictures are held back. A picture is never trained on and judged by; what it is, is decided once, when it comes. Frames of a
 * camera are near copies of their neighbors, so a take is split into two stretches, with a gap between them.
 */

/** Of so many pictures one is held back. */
const heldEvery = 5

/** Pictures of a class, and how many of them are held back. */
export interface Counts {
  readonly count: number
  readonly held: number
}

/** Whether the next picture of a class is held back: the second one, and then every fifth. */
export const isNextHeld = ({ count, held }: Counts): boolean => count > 0 && held < Math.ceil((count + 1) / heldEvery)

/** Frames that a take needs to be split. */
const splitFrames = 10

/** Frames between the two stretches of a take, which are near copies of both: neither trained on nor judged by. */
const gapFrames = 2

/** What becomes of frames. */
export type Lot = 'trained' | 'held' | 'left out'

/**
 * What becomes of the frames of a take: its last fifth is held back. A short take is all of one kind.
 * @param before the other pictures of the class
 */
export function lotsOfTake(frames: number, before: Counts): Lot[] {
  if (frames < splitFrames) {
    const isHeld = before.count > 0 && before.held < Math.floor((before.count + frames) / heldEvery)
    return Array.from({ length: frames }, () => (isHeld ? 'held' : 'trained'))
  }
  const held = Math.round(frames / heldEvery)
  const trained = frames - held - gapFrames
  return Array.from({ length: frames }, (_, k) => (k < trained ? 'trained' : k < frames - held ? 'left out' : 'held'))
}
