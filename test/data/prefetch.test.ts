/** Which batches are made ahead: the next ones that will be asked for, into the next epoch. */
import { describe, expect, it } from 'vitest'
import { raster } from '../../src/augment/raster.ts'
import type { StoredImages } from '../../src/data/dataset.ts'
import { PrefetchLoader } from '../../src/data/prefetch.ts'
import { subsetOf } from '../../src/data/split.ts'

const images: StoredImages = {
  name: 'numbers',
  classes: ['even', 'odd'],
  labels: Int32Array.from({ length: 16 }, (_, k) => k % 2),
  shape: [1, 1, 1],
  unreadable: 'refuse',
  read: async index => raster(Uint8Array.of(index), [1, 1, 1]),
}

/** The batches of two epochs that were made, in order, when some of 8 batches are asked for. */
async function madeFor(wanted?: (batch: number) => boolean): Promise<string[]> {
  const made: string[] = []
  const loader = new PrefetchLoader(
    subsetOf(images),
    { batchSize: 2, seed: 1, ...(wanted && { wanted }) },
    {
      depth: 2,
      allocate: (bytes, labels) => ({ images: new Uint8Array(bytes), labels: new Int32Array(labels) }),
      async produce({ epoch, batch }) {
        made.push(`${epoch}.${batch}`)
        return []
      },
      hold: () => undefined,
      close: async () => undefined,
    },
  )
  for (const epoch of [1, 2]) {
    loader.startEpoch(epoch)
    for (let batch = 0; batch < loader.batches; batch++) {
      if (wanted?.(batch) ?? true) await loader.fill(batch, new Uint8Array(2), new Int32Array(2))
    }
  }
  return made
}

const inOrder = (batches: readonly number[]) => [1, 2].flatMap(epoch => batches.map(batch => `${epoch}.${batch}`))

describe('batches that are made ahead', () => {
  it('are all, each once, and two of the epoch after the last', async () => {
    expect(await madeFor()).toEqual([...inOrder([0, 1, 2, 3, 4, 5, 6, 7]), '3.0', '3.1'])
  })

  it('are those that are wanted, and no others', async () => {
    expect(await madeFor(batch => batch % 4 >= 2)).toEqual([...inOrder([2, 3, 6, 7]), '3.2', '3.3'])
  })
})
