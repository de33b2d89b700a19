/** Where workers do not start the engine computes on one thread, says why, and gives the same results. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WasmEngine } from '../../../src/backends/wasm/engine.ts'
import { mayWait } from '../../../src/backends/wasm/runtime/features.ts'
import { type Port, startWorker } from '../../../src/backends/wasm/runtime/workers.ts'
import * as g from '../../../src/graph/index.ts'
import { sharing } from '../../support/threads.ts'

vi.mock(import('../../../src/backends/wasm/runtime/workers.ts'), { spy: true })

const silent: Port = { post: () => undefined, hold: () => undefined, stop: async () => undefined }
const warnings: string[] = []
beforeEach(() => {
  warnings.length = 0
  vi.spyOn(process, 'emitWarning').mockImplementation((message: string | Error) => {
    warnings.push(String(message))
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.resetAllMocks()
})

/** The second worker is refused in some way. */
function refuseSecond(refuse: (onError: (error: Error) => void) => Port): void {
  vi.mocked(startWorker)
    .mockImplementationOnce(({ onMessage }) => {
      queueMicrotask(() => onMessage({ type: 'ready' }))
      return silent
    })
    .mockImplementationOnce(({ onError }) => refuse(onError))
}

const product = () => ({
  outputs: { y: g.matmul(g.input('x', [2, 2]), g.input('w', [2, 2])) },
  updates: new Map(),
})

describe.each([mayWait(), false])('an engine of three threads whose caller takes part: %s', takesPart => {
  test.each([
    [
      'throws',
      () => {
        throw new Error('not allowed')
      },
      'not allowed',
    ],
    [
      'is refused later',
      (onError: (error: Error) => void) => {
        setTimeout(() => onError(new Error('blocked')), 5)
        return silent
      },
      'blocked',
    ],
  ])('a worker that %s: one thread, one warning, the right result', async (_, refuse, message) => {
    refuseSecond(refuse)
    const engine = new WasmEngine({ threads: 3, fused: false, takesPart }, {}, sharing)
    const executables = await Promise.all([engine.compile(product()), engine.compile(product())])
    const alone = `worker threads could not start: ${message}`
    const detail = '1 thread, SIMD: precise'
    const expectRefusal = (): void => {
      expect(engine.description).toEqual({ backend: 'wasm', detail, threads: 1, alone, simd: 'precise' })
      expect(warnings).toEqual([`${alone}. One thread computes.`])
    }
    if (takesPart) expectRefusal()
    const inputs = { x: [1, 2, 3, 4], w: [5, 6, 7, 8] }
    for (const { y } of await Promise.all(executables.map(executable => executable.run(inputs))))
      expect([...y]).toEqual([19, 22, 43, 50])
    // On a page the first run waits for the workers.
    expectRefusal()
    await engine.close()
  })

  test('a worker that is not heard of is given up after half a minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    refuseSecond(() => silent)
    const engine = new WasmEngine({ threads: 3, fused: false, takesPart }, {}, sharing)
    const first = engine.compile(product()).then(executable => executable.run({ x: [1, 2, 3, 4], w: [5, 6, 7, 8] }))
    await vi.advanceTimersByTimeAsync(29_000)
    expect(warnings).toEqual([])
    await vi.advanceTimersByTimeAsync(2_000)
    expect([...(await first).y]).toEqual([19, 22, 43, 50])
    expect(engine.description.alone).toBe('worker threads could not start: nothing was heard of a worker for 30 s')
    await engine.close()
  })

  test('an engine that is closed meanwhile says so, and warns of nothing', async () => {
    refuseSecond(() => silent)
    const engine = new WasmEngine({ threads: 3, fused: false, takesPart }, {}, sharing)
    const first = engine.compile(product()).then(executable => executable.run({ x: [1, 2, 3, 4], w: [5, 6, 7, 8] }))
    const failed = expect(first).rejects.toThrow('the engine is closed')
    await engine.close()
    await failed
    expect(warnings).toEqual([])
  })
})
