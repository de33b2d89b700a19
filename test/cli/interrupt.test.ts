import { afterEach, expect, it, vi } from 'vitest'
import { Interrupt } from '../../src/cli/terminal/interrupt.ts'

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
  process.emit('SIGINT', 'SIGINT')
  expect(stop).toHaveBeenCalledTimes(1)
  expect(interrupt.requested).toBe(true)
  now.mockReturnValue(1400)
  process.emit('SIGTERM', 'SIGTERM')
  expect(exit).not.toHaveBeenCalled()

  now.mockReturnValue(1600)
  process.emit('SIGINT', 'SIGINT')
  expect(exit).toHaveBeenCalledExactlyOnceWith(130)
  expect(stop).toHaveBeenCalledTimes(1)

  expect(interrupt.exitCode).toBe(130)

  interrupt.dispose()
  expect(process.listenerCount('SIGINT')).toBe(before)
})

it('stops a trial that its study wants no more, but does not disturb one that is saving', () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never)
  const now = vi.spyOn(performance, 'now')
  for (const [signal, code] of [
    ['SIGTERM', 143],
    [undefined, 129],
  ] as const) {
    const stop = vi.fn()
    const interrupt = new Interrupt(stop)
    now.mockReturnValue(1000)
    if (signal) process.emit(signal, signal)
    now.mockReturnValue(9000)
    process.emit('disconnect')
    expect(stop).toHaveBeenCalledTimes(1)
    expect(exit).not.toHaveBeenCalled()
    expect(interrupt.exitCode).toBe(code)
    interrupt.dispose()
  }
  expect(process.listenerCount('disconnect')).toBe(0)
})

it('ends with the code of the signal; an output that is closed is closed once, however often it is written to', () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never)
  const now = vi.spyOn(performance, 'now')
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGPIPE', 141],
  ] as const) {
    const interrupt = new Interrupt(() => undefined)
    now.mockReturnValue(1000)
    process.emit(signal, signal)
    now.mockReturnValue(9000)
    process.emit('SIGPIPE', 'SIGPIPE')
    expect(exit).not.toHaveBeenCalled()
    expect({ requested: interrupt.requested, code: interrupt.exitCode }).toEqual({ requested: true, code })
    interrupt.dispose()
  }
})
