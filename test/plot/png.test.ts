import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { encodePng, type ImageShape, pngDataUrl } from '../../src/plot/png.ts'
import { randomNumbers } from '../support/reportData.ts'

/** Any bytes. */
function noise(shape: ImageShape): Uint8Array {
  const random = randomNumbers(3)
  return Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, () => Math.floor(256 * random()))
}

describe('encodePng', () => {
  it.each<ImageShape>([
    [28, 28, 1],
    [1, 1, 1],
    [5, 7, 3],
    [32, 32, 3],
    [3, 2, 4],
    [300, 301, 3], // more than one stored block of 65,535 bytes
  ])('%d × %d × %d is read back by libpng, byte for byte', async (...shape) => {
    const pixels = noise(shape)
    const space = shape[2] === 1 ? 'b-w' : 'srgb'
    const image = sharp(encodePng(pixels, shape)).toColourspace(space).raw()
    const { data, info } = await image.toBuffer({ resolveWithObject: true })
    expect([info.height, info.width, info.channels]).toEqual(shape)
    expect(Buffer.compare(data, pixels)).toBe(0)
  })

  it('refuses what is no image, naming the values', () => {
    expect(() => encodePng(new Uint8Array(783), [28, 28, 1])).toThrow('image: 28 × 28 × 1 needs 784 bytes, got 783')
    expect(() => encodePng(new Uint8Array(2), [1, 1, 2])).toThrow('expected 1, 3 or 4 channels, got 2')
    expect(() => encodePng(new Uint8Array(0), [0, 4, 1])).toThrow('size 0 × 4 must be whole numbers ≥ 1')
  })
})

describe('pngDataUrl', () => {
  it('is the same file, in base 64', () => {
    const pixels = noise([40, 50, 3])
    const [head, body] = pngDataUrl(pixels, [40, 50, 3]).split(',')
    expect(head).toBe('data:image/png;base64')
    expect(Buffer.from(body!, 'base64')).toEqual(Buffer.from(encodePng(pixels, [40, 50, 3])))
  })
})
