/** Checkpoints as bytes: nothing is lost, equal states are equal bytes, damage is found and named. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import { linear, sequential } from '../../src/nn/index.ts'
import {
  type Checkpoint,
  CheckpointError,
  decodeCheckpoint,
  encodeCheckpoint,
  tensorsOf,
  weightsOf,
} from '../../src/train/checkpoint.ts'
import { loadWeights } from '../../src/train/index.ts'

const checkpoint: Checkpoint = {
  tensors: new Map([
    ['model.conv1.weight', { shape: [1, 1, 2, 2], values: Float32Array.of(1, -0, 1e-40, 3.5) }],
    ['optimizer.momentum.conv1.weight', { shape: [1, 1, 2, 2], values: Float32Array.of(0, 0, 1, 2) }],
    ['model.counter', { shape: [], values: Int32Array.of(-7) }],
    ['model.mask', { shape: [3], values: Uint8Array.of(1, 0, 1) }],
  ]),
  progress: { epoch: 2, batch: 13, step: 430, bestLoss: Number.POSITIVE_INFINITY, history: [0.5, Number.NaN] },
  recipe: { model: 'lenet5', note: 'NaN', layers: [{ channels: 6 }] },
}

describe('a checkpoint', () => {
  it('comes back as it was', async () => {
    expect(await decodeCheckpoint(await encodeCheckpoint(checkpoint))).toEqual(checkpoint)
  })

  it('is the same bytes for the same state, whatever the order of the tensors', async () => {
    const reversed = { ...checkpoint, tensors: new Map([...checkpoint.tensors].reverse()) }
    expect(await encodeCheckpoint(reversed)).toEqual(await encodeCheckpoint(checkpoint))
  })

  it('has a hash that any change of a weight changes', async () => {
    const changed = new Map(checkpoint.tensors).set('model.counter', { shape: [], values: Int32Array.of(-8) })
    const { sha256 } = await encodeCheckpoint({ ...checkpoint, tensors: changed })
    expect(sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(sha256).not.toBe((await encodeCheckpoint(checkpoint)).sha256)
  })

  it('gives the tensors of one part by their own names', () => {
    expect([...tensorsOf(checkpoint, 'model').keys()]).toEqual(['conv1.weight', 'counter', 'mask'])
    expect([...tensorsOf(checkpoint, 'optimizer').keys()]).toEqual(['momentum.conv1.weight'])
    expect(tensorsOf(checkpoint, 'mod').size).toBe(0)
  })

  it('without whole numbers of progress is not written', async () => {
    const progress = { epoch: 1, batch: 0.5, step: 3 }
    await expect(encodeCheckpoint({ ...checkpoint, progress })).rejects.toThrow(/progress\.batch \(=0\.5\)/)
  })
})

describe('the weights of a checkpoint', () => {
  const of = (...values: number[]) => ({ shape: [1, 2], values: Float32Array.from(values) })
  const averaged: Checkpoint = {
    ...checkpoint,
    tensors: new Map([
      ['model.0.weight', of(1, 2)],
      ['model.1.weight', of(3, 4)],
      ['optimizer.momentum.0.weight', of(5, 6)],
      ['average.0.weight', of(7, 8)],
    ]),
  }

  it.each([
    [true, { '0.weight': [7, 8], '1.weight': [3, 4] }],
    [false, { '0.weight': [1, 2], '1.weight': [3, 4] }],
  ])(
    'are the averaged ones where there are some (average: %s), for weightsOf and loadWeights alike',
    async (average, expected) => {
      const stored = weightsOf(averaged, { average })
      expect(Object.fromEntries([...stored].map(([path, { values }]) => [path, [...values]]))).toEqual(expected)
      const model = sequential(linear(2, 1, { bias: false }), linear(2, 1, { bias: false })).initialize(0)
      await loadWeights(model, (await encodeCheckpoint(averaged)).tensors, { average })
      expect(Object.fromEntries([...model.state()].map(([path, { values }]) => [path, [...values]]))).toEqual(expected)
    },
  )

  it('are the averaged ones by default', async () => {
    expect(weightsOf(averaged)).toEqual(weightsOf(averaged, { average: true }))
  })
})

describe('on a page of plain http, which has no Web Crypto', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it('a checkpoint has the same hash, and is verified', async () => {
    const secure = await encodeCheckpoint(checkpoint)
    vi.stubGlobal('crypto', {})
    expect(await encodeCheckpoint(checkpoint)).toEqual(secure)
    expect(await decodeCheckpoint(secure)).toEqual(checkpoint)
    const tensors = secure.tensors.slice()
    tensors[tensors.length - 1]! ^= 1
    await expect(decodeCheckpoint({ ...secure, tensors })).rejects.toThrow('tensors: corrupt: its SHA-256 is')
  })
})

describe('a damaged checkpoint is refused by the name of the file', () => {
  const names = { tensors: 'a.safetensors', description: 'a.json' }

  it('whatever byte of the tensors is changed', async () => {
    const files = await encodeCheckpoint(checkpoint)
    for (let i = 0; i < files.tensors.length; i++) {
      const tensors = files.tensors.slice()
      tensors[i]! ^= 0x10
      await expect(decodeCheckpoint({ ...files, tensors }, names)).rejects.toThrow(/^a\.safetensors: corrupt/)
    }
  })

  it('at whatever length the description is cut', async () => {
    const files = await encodeCheckpoint(checkpoint)
    for (let length = 0; length < files.description.length - 2; length++) {
      const attempt = decodeCheckpoint({ ...files, description: files.description.slice(0, length) }, names)
      await expect(attempt).rejects.toThrow(/^a\.json: truncated or corrupt/)
    }
  })

  it.each([
    ['{}', /a\.json: does not describe a checkpoint/],
    ['[]', /does not describe/],
    ['{"format":"fovea-checkpoint","version":1}', /size and SHA-256 of the tensors are missing/],
    ['{"format":"fovea-checkpoint","version":"x"}', /format version x/],
  ])('with the description %s', async (description, message) => {
    const attempt = decodeCheckpoint({ tensors: new Uint8Array(0), description }, names)
    await expect(attempt).rejects.toThrow(CheckpointError)
    await expect(attempt).rejects.toThrow(message)
  })

  it('that holds a type no model has, or is no safetensors file at all', async () => {
    const { description, sha256, tensors } = await encodeCheckpoint(checkpoint)
    const describe = async (bytes: Uint8Array<ArrayBuffer>) => {
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex')
      return description.replace(sha256, digest).replace(`"bytes": ${tensors.length}`, `"bytes": ${bytes.length}`)
    }
    const doubles = writeSafetensors([['model.x', { shape: [1], values: Float64Array.of(1) }]])
    await expect(decodeCheckpoint({ tensors: doubles, description: await describe(doubles) }, names)).rejects.toThrow(
      /a\.safetensors: model\.x is of type float64, expected float32, int32 or uint8/,
    )
    const other = new Uint8Array(9)
    const attempt = decodeCheckpoint({ tensors: other, description: await describe(other) }, names)
    await expect(attempt).rejects.toThrow(CheckpointError)
  })
})
