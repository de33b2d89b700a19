/**
 * The IDX file format, in which MNIST and its relatives (Fashion-MNIST, KMNIST, EMNIST) are published.
 *
 *     2 bytes   zero
 *     1 byte    element type; 0x08 is unsigned byte
 *     1 byte    number of axes
 *     4 bytes   per axis: its size, big-endian
 *     the rest  the elements, row-major
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"
 */
import { imageDataset } from './arrays.ts'
import { checkLabels, type ImageDataset } from './dataset.ts'
import { DatasetError } from './errors.ts'

/** A parsed file of unsigned bytes. */
export interface IdxFile {
  /** Sizes of the axes, outermost first: `[60000, 28, 28]` for MNIST's training images. */
  readonly shape: readonly number[]
  /** The elements: a view of the file, not a copy. */
  readonly values: Uint8Array
}

/** An IDX file's bytes, and what to call it in error messages. */
export interface NamedBytes {
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * Parses an IDX file of unsigned bytes without copying its elements.
 *
 * @throws DatasetError for a wrong magic number, another element type, or a file shorter or longer than it says.
 */
export function parseIdx({ name, bytes }: NamedBytes): IdxFile {
  if (bytes.length < 4)
    throw new DatasetError(`${name}: truncated, expected at least 4 bytes of header, got ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = view.getUint32(0)
  if (magic >>> 16 !== 0) throw new DatasetError(`${name}: not an IDX file (${formatHex(magic)}${hint(magic)})`)
  const type = (magic >>> 8) & 255
  if (type !== unsignedByte) {
    const known = elementTypes[type]
    throw new DatasetError(
      known === undefined
        ? `${name}: not an IDX file (${formatHex(magic)}: ${formatHex(type, 2)} is not an element type)`
        : `${name}: IDX elements of type ${known} are not supported, expected unsigned bytes (0x08)`,
    )
  }
  const rank = magic & 255
  if (rank === 0) throw new DatasetError(`${name}: IDX file with no axes`)
  const header = 4 + 4 * rank
  if (bytes.length < header) {
    throw new DatasetError(
      `${name}: truncated, expected ${header} bytes of header for ${rank} axes, got ${bytes.length}`,
    )
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const expected = header + shape.reduce((size, extent) => size * extent, 1)
  if (bytes.length !== expected) {
    const what = bytes.length < expected ? 'truncated' : 'too long'
    throw new DatasetError(
      `${name}: ${what}, expected ${expected} bytes for shape [${shape.join(', ')}], got ${bytes.length}`,
    )
  }
  return { shape, values: bytes.subarray(header) }
}

/**
 * A data set from a file of images `[count, height, width]` (or `[count, height, width, channels]`) and a file of
 * labels `[count]`. The pixels stay where they are in the images' file.
 *
 * @param options.name name of the data set
 * @param options.classes names of the classes, in label order
 * @throws DatasetError when a file is broken, the counts differ, or a label has no class.
 */
export function idxDataset(options: {
  readonly name: string
  readonly images: NamedBytes
  readonly labels: NamedBytes
  readonly classes: readonly string[]
}): ImageDataset {
  const { name, classes } = options
  const images = parseIdx(options.images)
  const labels = parseIdx(options.labels)
  const [count = 0, height = 0, width = 0, channels = 1] = images.shape
  if (images.shape.length !== 3 && images.shape.length !== 4) {
    throw new DatasetError(
      `${options.images.name}: expected images of shape [count, height, width], got [${images.shape.join(', ')}]`,
    )
  }
  if (labels.shape.length !== 1) {
    throw new DatasetError(`${options.labels.name}: expected labels of shape [count], got [${labels.shape.join(', ')}]`)
  }
  if (labels.values.length !== count) {
    throw new DatasetError(
      `${options.labels.name}: ${labels.values.length} labels for the ${count} images of ${options.images.name}`,
    )
  }
  checkLabels({ labels: labels.values, classes }, options.labels.name)
  return imageDataset({ name, images: images.values, labels: labels.values, shape: [height, width, channels], classes })
}

const unsignedByte = 0x08

/** The format's other element types. */
const elementTypes: Record<number, string> = {
  9: 'signed byte (0x09)',
  11: '16-bit integer (0x0b)',
  12: '32-bit integer (0x0c)',
  13: '32-bit float (0x0d)',
  14: '64-bit float (0x0e)',
}

const formatHex = (value: number, digits = 8) => `0x${value.toString(16).padStart(digits, '0')}`

/** The format that a file with these first four bytes may have instead. */
function hint(magic: number): string {
  if (magic >>> 16 === 0x1f8b) return ': gzip, decompress it first'
  if (magic >>> 16 === 0x3c21 || magic >>> 16 === 0x3c68) return ': looks like a web page'
  return ', expected 0x000008…'
}
