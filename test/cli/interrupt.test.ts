import { afterEach, expect, it, vi } from 'vitest'
import { Interrupt } from '../../src/cli/interrupt.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

it('asks to stop once; ends the process at the next Ctrl-C, but not at the echo of the first', () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never)
  const now = vi.spyOn(performance, 'now')
  const stop = vi.fn()
  const before = process.listenerCount('SIGINT')
  const interrupt = new Interrupt(stop)
  expect(interrupt.requested).toBe(false)

  now.mockReturnValue(1000)
  process.emit('SIGINT')
  expect(stop).toHaveBeenCalledTimes(1)
  expect(interrupt.requested).toBe(true)
  now.mockReturnValue(1400)
  process.emit('SIGTERM')
  expect(exit).not.toHaveBeenCalled()

  now.mockReturnValue(1600)
  process.emit('SIGINT')
  expect(exit).toHaveBeenCalledExactlyOnceWith(130)
  expect(stop).toHaveBeenCalledTimes(1)

  interrupt.dispose()
  expect(process.listenerCount('SIGINT')).toBe(before)
})
