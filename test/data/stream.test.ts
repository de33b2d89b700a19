/** Batches from iterables: order, windows of shuffling, going on in the middle, and streams that are not what they should be. */
import { describe, expect, it } from 'vitest'
import { compose } from '../../src/augment/compose.ts'
import { horizontalFlip } from '../../src/augment/flip.ts'
import { mixup } from '../../src/augment/mix.ts'
import { raster } from '../../src/augment/raster.ts'
import type { BatchSource } from '../../src/data/batches.ts'
import { type StreamOptions, type StreamSample, streamBatches } from '../../src/data/stream.ts'

const classes = ['even', 'odd']
const sample = (k: number): StreamSample => ({ image: Uint8Array.of(k, 255 - k), label: k % 2 })

async function* numbers(): AsyncGenerator<StreamSample> {
  for (let k = 0; k < 25; k++) yield sample(k)
}

const source = (options: Partial<StreamOptions> = {}): BatchSource =>
  streamBatches({ open: numbers, samples: 23, shape: [1, 2, 1], classes, batchSize: 5, ...options })

/** The first pixels of the batches of an epoch from one on, checking labels. */
async function epochOf(stream: BatchSource, epoch: number, first = 0): Promise<number[][]> {
  stream.startEpoch(epoch, first)
  const found: number[][] = []
  for (let batch = first; batch < stream.batches; batch++) {
    const images = new Uint8Array(10)
    const labels = new Int32Array(5)
    const size = await stream.fill(batch, images, labels)
    expect(size).toBe(stream.sizeOf(batch))
    const pixels = Array.from({ length: size }, (_, k) => images[2 * k]!)
    pixels.forEach((pixel, k) => {
      expect([labels[k], images[2 * k + 1]]).toEqual([pixel % 2, 255 - pixel])
    })
    found.push(pixels)
  }
  return found
}

const inOrder = Array.from({ length: 23 }, (_, k) => k)

describe('a stream', () => {
  it('gives its images in order, every epoch anew, and no more than were said', async () => {
    const stream = source()
    expect([stream.samples, stream.batches, stream.softLabels, stream.shape]).toEqual([23, 5, false, [1, 2, 1]])
    expect((await epochOf(stream, 1)).map(batch => batch.length)).toEqual([5, 5, 5, 5, 3])
    expect((await epochOf(stream, 2)).flat()).toEqual(inOrder)
  })

  it('leaves out a last batch that is not full when it is asked to', async () => {
    const stream = source({ dropLast: true, shuffleWindow: 6, seed: 3 })
    expect([stream.samples, stream.batches]).toEqual([20, 4])
    expect(await epochOf(stream, 2)).toEqual((await epochOf(source({ shuffleWindow: 6, seed: 3 }), 2)).slice(0, 4))
    expect(() => source({ dropLast: true, batchSize: 24 })).toThrow('stream: dropLast leaves no batch: 23 images')
  })

  it('is shuffled within a window, by seed and epoch', async () => {
    const stream = source({ shuffleWindow: 6, seed: 3 })
    const first = (await epochOf(stream, 1)).flat()
    expect([...first].sort((a, b) => a - b)).toEqual(inOrder)
    expect(first).not.toEqual(inOrder)
    // Nothing comes before it can be in the window.
    first.forEach((pixel, place) => {
      expect(pixel).toBeLessThan(place + 6)
    })
    const second = (await epochOf(stream, 2)).flat()
    expect(second).not.toEqual(first)
    expect((await epochOf(stream, 1)).flat()).toEqual(first)
    expect((await epochOf(source({ shuffleWindow: 6, seed: 4 }), 1)).flat()).not.toEqual(first)
    const whole = (await epochOf(source({ shuffleWindow: 1000 }), 1)).flat()
    expect([...whole].sort((a, b) => a - b)).toEqual(inOrder)
  })

  it('goes on in the middle of an epoch', async () => {
    const whole = await epochOf(source({ shuffleWindow: 6 }), 4)
    for (const first of [1, 3, 4])
      expect(await epochOf(source({ shuffleWindow: 6 }), 4, first)).toEqual(whole.slice(first))
  })

  it('takes plain iterables, pictures of any size, and augmentation', async () => {
    const large = Array.from({ length: 5 }, (_, k) => ({
      image: raster(
        Uint8Array.from({ length: 12 }, (_, i) => 100 * k + i),
        [3, 4, 1],
      ),
      label: 0,
    }))
    const stream = source({ open: () => large, samples: 5, classes: ['all'] })
    const images = new Uint8Array(10)
    await stream.fill(0, images, new Int32Array(5))
    // Row 1, columns 1 and 2 of each.
    expect([...images]).toEqual([5, 6, 105, 106, 205, 206, 49, 50, 149, 150])
    const flipped = source({ augment: compose([horizontalFlip({ probability: 1 }), mixup({ probability: 0 })]) })
    const labels = new Float32Array(10)
    await flipped.fill(0, images, labels)
    expect([...images]).toEqual([255, 0, 254, 1, 253, 2, 252, 3, 251, 4])
    expect([...labels]).toEqual([1, 0, 0, 1, 1, 0, 0, 1, 1, 0])
  })

  it('is let go when an epoch ends before it does', async () => {
    let open = 0
    const stream = source({
      open: async function* () {
        open++
        try {
          yield* numbers()
        } finally {
          open--
        }
      },
    })
    await stream.fill(0, new Uint8Array(10), new Int32Array(5))
    expect(open).toBe(1)
    await stream.close?.()
    expect(open).toBe(0)
  })
})

describe('refuses', () => {
  const fill = (stream: BatchSource, batch = 0) => stream.fill(batch, new Uint8Array(10), new Int32Array(5))

  it.each<[string, () => unknown, RegExp]>([
    [
      'a stream that ends early',
      () => epochOf(source({ samples: 26 }), 1),
      /stream: the stream ended before its 26 images/,
    ],
    ['batches out of order', () => fill(source(), 2), /batch 2 was asked for, but the next batch of the stream is 0/],
    [
      'a label out of range',
      () => fill(source({ classes: ['all'] })),
      /label 1 of image 1 is out of range, expected 0 … 0/,
    ],
    [
      'an image of another size',
      () => fill(source({ shape: [1, 1, 1] })),
      /2 bytes given for a picture of \[1, 1, 1\], expected 1/,
    ],
    [
      'numbers that are no bytes',
      () => fill(source({ open: () => [{ image: Float32Array.of(0.5, 1) as never, label: 0 }], samples: 1 })),
      /expected 2 bytes 0 … 255 in a Uint8Array, got a Float32Array; numbers from 0 to 1 become bytes by/,
    ],
    [
      'a picture without all of its pixels',
      () => {
        const image = { height: 1, width: 2, channels: 1, pixels: new Uint8Array(1) }
        return fill(source({ open: () => [{ image, label: 0 }], samples: 1 }))
      },
      /1 bytes given for a picture of \[1, 2, 1\], expected 2/,
    ],
    [
      'a stream that throws',
      () =>
        fill(
          source({
            open: () => {
              throw new Error('no connection')
            },
          }),
        ),
      /no connection/,
    ],
    [
      'a small destination',
      () => source().fill(0, new Uint8Array(9), new Int32Array(5)),
      /needs 10 bytes and 5 labels/,
    ],
  ])('%s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message)
  })

  it.each<[string, Partial<StreamOptions>, RegExp]>([
    ['no samples', { samples: 0 }, /samples \(=0\) must be a whole number of at least 1/],
    ['a broken window', { shuffleWindow: 1.5 }, /shuffleWindow \(=1\.5\)/],
    ['a broken batch size', { batchSize: 0 }, /batchSize \(=0\)/],
    [
      'mirror images of symbols',
      { symbols: true, name: 'runes', augment: compose([horizontalFlip()]) },
      /horizontalFlip mirrors pictures, but the classes of runes/,
    ],
  ])('%s', (_, options, message) => {
    expect(() => source(options)).toThrow(message)
  })
})
