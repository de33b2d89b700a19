/**
 * CIFAR-10 and CIFAR-100 in their binary form: 32 × 32 color photographs, one record an image.
 *
 * Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009. A record is the label (for
 * CIFAR-100 the coarse, then the fine label), then 1,024 red, 1,024 green and 1,024 blue bytes, row by row.
 */
import type { ImageDataset } from './dataset.ts'
import { DatasetError } from './errors.ts'

const side = 32
const plane = side * side
const imageBytes = 3 * plane

/** The classes of CIFAR-10, in label order. */
export const cifar10Classes = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const

/** The fine classes of CIFAR-100, in label order. */
export const cifar100Classes: readonly string[] = (
  'apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can ' +
  'castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin ' +
  'elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster ' +
  'man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck ' +
  'pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk ' +
  'skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger ' +
  'tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm'
).split(' ')

/** A file of records. */
export interface CifarFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** Contents of the files. */
export interface CifarOptions {
  readonly name: string
  /** Names of the classes, in label order. */
  readonly classes: readonly string[]
  /** Label bytes before an image: 1 for CIFAR-10; 2 for CIFAR-100, the second being the fine label. */
  readonly labelBytes: 1 | 2
}

/**
 * One data set of the records of all files, in order; images `[32, 32, 3]`.
 * @throws DatasetError for a file that does not hold whole records, is empty, or has a label out of range.
 */
export function cifarDataset(files: readonly CifarFile[], { name, classes, labelBytes }: CifarOptions): ImageDataset {
  const recordBytes = labelBytes + imageBytes
  const counts = files.map(({ name: file, bytes }) => {
    if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
      throw new DatasetError(`${file}: ${bytes.length} bytes are not a whole number of records of ${recordBytes} bytes`)
    }
    return bytes.length / recordBytes
  })
  const total = counts.reduce((sum, count) => sum + count, 0)
  const images = new Uint8Array(total * imageBytes)
  const labels = new Int32Array(total)
  let at = 0
  files.forEach(({ name: file, bytes }, k) => {
    for (let record = 0; record < counts[k]; record++, at++) {
      const start = record * recordBytes
      const label = bytes[start + labelBytes - 1]
      if (label >= classes.length) {
        throw new DatasetError(`${file}: record ${record} has label ${label}, expected 0 … ${classes.length - 1}`)
      }
      labels[at] = label
      interleave(bytes, start + labelBytes, images, at * imageBytes)
    }
  })
  return { name, images, labels, shape: [side, side, 3], classes }
}

/**
 * Records from a picture whose rows are images, each `[32, 32, 3]` bytes: the form in which an npm mirror stores
 * CIFAR-10.
 * @throws DatasetError when there is not one label for each row.
 */
export function cifarRecords(rows: Uint8Array, labels: readonly number[], name: string): Uint8Array {
  if (rows.length !== labels.length * imageBytes) {
    throw new DatasetError(
      `${name}: ${rows.length} bytes for ${labels.length} labels, expected ${labels.length * imageBytes}`,
    )
  }
  const records = new Uint8Array(labels.length * (1 + imageBytes))
  labels.forEach((label, record) => {
    const start = record * (1 + imageBytes)
    records[start] = label
    for (let pixel = 0; pixel < plane; pixel++) {
      for (let c = 0; c < 3; c++) records[start + 1 + c * plane + pixel] = rows[record * imageBytes + pixel * 3 + c]
    }
  })
  return records
}

/** Three planes of one image → pixels of three bytes. */
function interleave(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let pixel = 0; pixel < plane; pixel++) {
    target[to + 3 * pixel] = source[from + pixel]
    target[to + 3 * pixel + 1] = source[from + plane + pixel]
    target[to + 3 * pixel + 2] = source[from + 2 * plane + pixel]
  }
}
