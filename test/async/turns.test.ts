/** Turns: one piece of work at a time, in the order in which it was asked for. */
import { describe, expect, test } from 'vitest'
import { Turns } from '../../src/async/turns.ts'

const pause = () => new Promise<void>(resolve => setTimeout(resolve, 1))

describe('turns', () => {
  test('begin within the call when nothing is under way', async () => {
    const turns = new Turns()
    const seen: string[] = []
    expect(turns.isFree).toBe(true)
    const first = turns.take(async () => void seen.push('first'))
    expect(seen).toEqual(['first'])
    expect(turns.isFree).toBe(false)
    await first
    expect(turns.isFree).toBe(true)
  })

  test('do not overlap, and keep their order', async () => {
    const turns = new Turns()
    const seen: string[] = []
    const work = (name: string, pauses: number) => async () => {
      seen.push(`${name} begins`)
      for (let k = 0; k < pauses; k++) await pause()
      seen.push(`${name} ends`)
      return name
    }
    const asked = [turns.take(work('a', 3)), turns.take(work('b', 0)), turns.take(work('c', 1))]
    await asked[0]
    // Asked for while others wait: after them.
    asked.push(turns.take(work('d', 0)))
    expect(await Promise.all(asked)).toEqual(['a', 'b', 'c', 'd'])
    expect(seen).toEqual(['a', 'b', 'c', 'd'].flatMap(name => [`${name} begins`, `${name} ends`]))
  })

  test('come after one that fails, too', async () => {
    const turns = new Turns()
    const failing = turns.take(async () => {
      await pause()
      throw new Error('broken')
    })
    const next = turns.take(async () => 'answered')
    await expect(failing).rejects.toThrow('broken')
    expect(await next).toBe('answered')
    expect(turns.isFree).toBe(true)
  })
})
