/** A small trunk for tests of Teach, and pictures that it can tell apart. */
import { writeClassifier } from '../../src/classifier/index.ts'
import {
  conv2d,
  flatten,
  globalAveragePool2d,
  ImageClassifier,
  linear,
  normalize,
  relu,
  sequential,
} from '../../src/nn/index.ts'

/** Sides of its pictures, and numbers that it says of one. */
export const [tinySide, tinyFeatures] = [8, 12] as const

/** A `.fovea` file with random weights. @param features that it says of a picture */
export function tinyTrunk(features: number = tinyFeatures): Uint8Array<ArrayBuffer> {
  const network = sequential({
    conv: conv2d(3, features, 3, { padding: 1 }),
    relu: relu(),
    pool: globalAveragePool2d(),
    flatten: flatten(),
    head: linear(features, 3),
  })
  const model = new ImageClassifier(normalize({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }), network).initialize(
    0,
  )
  const shape = [tinySide, tinySide, 3] as const
  return writeClassifier(model, { name: 'tiny', classes: ['x', 'y', 'z'], shape, subject: 'picture' })
}

/** A picture of a color with noise, RGB. @param k its number: no two are alike */
export function tinyPicture(color: readonly [number, number, number], k: number): Uint8Array {
  return Uint8Array.from({ length: 3 * tinySide ** 2 }, (_, at) => {
    const noise = ((at * 7919 + k * 104_729) % 61) - 30
    return Math.max(0, Math.min(255, color[at % 3]! + noise))
  })
}
