/** What processes have in common: comparisons, values of the first, and errors that all know. */
import { describe, expect, it } from 'vitest'
import { checkEqual, fromFirst, GroupError, gather, isShared, together } from '../../src/distributed/agree.ts'
import type { Communicator } from '../../src/distributed/communicator.ts'
import { soloCommunicator } from '../../src/distributed/solo.ts'
import { loopback } from './loopback.ts'

const onAll = <T>(work: (communicator: Communicator) => Promise<T>, size = 3): Promise<T[]> =>
  Promise.all(loopback(size).map(work))
const errorsOf = (work: (communicator: Communicator) => Promise<unknown>): Promise<Error[]> =>
  onAll(communicator =>
    work(communicator).then(
      () => new Error('nothing was thrown'),
      error => error as Error,
    ),
  )

describe('values', () => {
  it('of all are gathered by rank', async () => {
    const values = await onAll(communicator =>
      gather(communicator, { rank: communicator.rank, text: 'ä'.repeat(communicator.rank) }),
    )
    for (const all of values) {
      expect(all).toEqual([
        { rank: 0, text: '' },
        { rank: 1, text: 'ä' },
        { rank: 2, text: 'ää' },
      ])
    }
  })

  it('of the first are made there only', async () => {
    const made: number[] = []
    const values = await onAll(communicator =>
      fromFirst(communicator, async () => {
        made.push(communicator.rank)
        return { seed: 7 }
      }),
    )
    expect(values).toEqual([{ seed: 7 }, { seed: 7 }, { seed: 7 }])
    expect(made).toEqual([0])
  })
})

describe('an error', () => {
  it('that all have is thrown as it is, and known to be shared', async () => {
    for (const error of await errorsOf(group =>
      together(group, async () => {
        throw new RangeError('lr (=-1)')
      }),
    )) {
      expect(error).toBeInstanceOf(RangeError)
      expect(isShared(error)).toBe(true)
    }
  })

  it('that one has is thrown by all, with its rank and host', async () => {
    const errors = await errorsOf(group =>
      together(group, async () => {
        if (group.rank === 2) throw new Error('digits: no such folder')
      }),
    )
    for (const error of errors) {
      expect(error).toBeInstanceOf(GroupError)
      expect(error.message).toBe('rank 2 on host2: digits: no such folder')
      expect(isShared(error)).toBe(true)
    }
  })

  it('of the first is thrown by all', async () => {
    for (const error of await errorsOf(group =>
      fromFirst(group, async () => {
        throw new Error('disk full')
      }),
    )) {
      expect(error.message).toBe('disk full')
      expect(isShared(error)).toBe(true)
      // So is what tells of it in other words.
      expect(isShared(new Error('no checkpoint was saved', { cause: error }))).toBe(true)
    }
  })

  it('of one process alone is its own', async () => {
    const work = together(soloCommunicator(), async () => {
      throw new Error('mine')
    })
    const error = await work.catch(thrown => thrown)
    expect(isShared(error)).toBe(false)
  })
})

describe('facts', () => {
  it('that are equal pass', async () => {
    await onAll(group => checkEqual(group, { version: '1.0', recipe: { lr: 0.1 } }))
  })

  it('that differ are named with rank and host, on all processes', async () => {
    for (const error of await errorsOf(group =>
      checkEqual(group, { version: '1.0', 'the learning rate': group.rank === 1 ? 0.1 : 0.05 }),
    )) {
      expect(error.message).toBe(
        'processes that train together must agree: the learning rate is 0.1 for rank 1 on host1, and 0.05 for rank 0 on host0',
      )
    }
  })
})
