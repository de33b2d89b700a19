/** Checkpoints as bytes: nothing is lost, equal states are equal bytes, damage is found and named. */
import { describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import {
  type Checkpoint,
  CheckpointError,
  decodeCheckpoint,
  encodeCheckpoint,
  tensorsOf,
} from '../../src/train/checkpoint.ts'

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
      /a\.safetensors: model\.x is of type F64, expected F32, I32 or U8/,
    )
    const other = new Uint8Array(9)
    const attempt = decodeCheckpoint({ tensors: other, description: await describe(other) }, names)
    await expect(attempt).rejects.toThrow(CheckpointError)
  })
})
