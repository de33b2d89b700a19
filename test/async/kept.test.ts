import { expect, test } from 'vitest'
import { Kept } from '../../src/async/kept.ts'

test('makes a result once, also for those who ask while it is made', async () => {
  const kept = new Kept<string, object>()
  let made = 0
  const make = async (): Promise<object> => {
    made++
    return {}
  }
  const [one, other] = [kept.of('a', make), kept.of('a', make)]
  expect(await one).toBe(await other)
  expect(await kept.of('a', make)).toBe(await one)
  expect(made).toBe(1)
  expect(await kept.of('b', make)).not.toBe(await one)
  expect(made).toBe(2)
})

test('makes again what failed', async () => {
  const kept = new Kept<string, string>()
  const fail = (): Promise<string> => Promise.reject(new Error('no room'))
  await expect(Promise.all([kept.of('a', fail), kept.of('a', async () => 'not asked for')])).rejects.toThrow('no room')
  expect(await kept.of('a', async () => 'made')).toBe('made')
})
