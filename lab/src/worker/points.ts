/**
 * Points of a plane in two classes, after the data sets of ConvNetJS and TensorFlow Playground: circles, moons, XOR and spirals, a
 * little blurred. Their coordinates are bytes, so that they are the same everywhere, whatever a browser's sine is in its last bit.
 */
import { RandomSequence } from '../../../src/random/philox.ts'
import type { PointSet } from '../state/recipe.ts'
import type { Shard } from './imageStream.ts'

/** A point, coordinates from −1 to 1, the edges of the plane; the network reads them doubled. */
type Place = readonly [x: number, y: number]

/** The way from 0 to 1 along a class, without blur. */
type Curve = (at: number, label: number, random: RandomSequence) => Place

const turn = 2 * Math.PI

const curves: Readonly<Record<PointSet, Curve>> = {
  /** Class 1 is a disk, class 0 the ring around it. */
  circles: (at, label, random) => {
    const radius = label === 1 ? 0.35 * Math.sqrt(random.uniform()) : 0.6 + 0.25 * random.uniform()
    return [radius * Math.cos(turn * at), radius * Math.sin(turn * at)]
  },
  /** Two half circles, each of which reaches into the other. */
  moons: (at, label) => {
    const angle = (turn / 2) * at
    return label === 1
      ? [0.55 * Math.cos(angle) - 0.25, 0.55 * Math.sin(angle) - 0.15]
      : [0.25 - 0.55 * Math.cos(angle), 0.15 - 0.55 * Math.sin(angle)]
  },
  /** Class 1 has coordinates of one sign. */
  xor: (at, label, random) => {
    const x = 0.05 + 0.8 * at
    const y = 0.05 + 0.8 * random.uniform()
    const side = random.integer(2) === 0 ? 1 : -1
    return label === 1 ? [side * x, side * y] : [side * x, -side * y]
  },
  /** Two arms of a turn each. */
  spirals: (at, label) => {
    const angle = turn * at + (label === 1 ? turn / 2 : 0)
    const radius = 0.08 + 0.8 * at
    return [radius * Math.sin(angle), radius * Math.cos(angle)]
  },
}

/** Standard deviation of the blur. */
const blurs: Readonly<Record<PointSet, number>> = { circles: 0.03, moons: 0.06, xor: 0.02, spirals: 0.025 }

/** The byte of a coordinate from −1 to 1; x to the right, y up. */
export const byteOf = (coordinate: number): number =>
  Math.max(0, Math.min(255, Math.round(((coordinate + 1) / 2) * 255)))

/**
 * Points, the classes in turn.
 * @param split `train` or `test`: other points of the same kind
 * @returns bytes `[count, 1, 1, 2]`: x and y
 */
export function pointsOf(data: PointSet, split: 'train' | 'test', count: number): Shard {
  const random = new RandomSequence(0, `${data} ${split}`)
  const images = new Uint8Array(2 * count)
  const labels = new Uint8Array(count)
  for (let k = 0; k < count; k++) {
    const label = k % 2
    const [x, y] = curves[data](random.uniform(), label, random)
    images[2 * k] = byteOf(x + blurs[data] * random.normal())
    images[2 * k + 1] = byteOf(y + blurs[data] * random.normal())
    labels[k] = label
  }
  return { images, labels }
}

/** All places of the plane, `side` by `side`, as a picture of bytes `[side, side, 2]`: the upper left is the least x and the largest y. */
export function plane(side: number): Uint8Array {
  const byteAt = (cell: number): number => Math.round(((cell + 0.5) / side) * 255)
  const bytes = new Uint8Array(side * side * 2)
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      bytes[2 * (row * side + column)] = byteAt(column)
      bytes[2 * (row * side + column) + 1] = byteAt(side - 1 - row)
    }
  }
  return bytes
}
