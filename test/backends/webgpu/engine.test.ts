/** The WebGPU engine: the contract of all engines, and what is its own. */
import { describe, expect, test } from 'vitest'
import { createWebGPUEngine } from '../../../src/backends/webgpu/create.ts'
import { openDevice } from '../../../src/backends/webgpu/device.ts'
import { DeviceEngine } from '../../../src/backends/webgpu/engine.ts'
import { binary, input } from '../../../src/graph/expression.ts'
import * as g from '../../../src/graph/index.ts'
import { MemoryError } from '../../../src/plan/memoryError.ts'
import { full } from '../../support/full.ts'
import { expectSameBits } from '../../support/programs.ts'
import { driver, reason } from '../../support/webgpu.ts'
import { describeEngine } from '../engineContract.ts'

const values = (count: number): Float32Array => Float32Array.from({ length: count }, (_, k) => Math.sin(12.9898 * k))

if (driver === undefined) {
  describe.skip(`webgpu (skipped: ${reason})`, () => undefined)
} else {
  describeEngine(`webgpu (${driver})`, createWebGPUEngine)
  describeEngine(`webgpu, in half precision (${driver})`, () => createWebGPUEngine({ storage: 'f16' }))

  describe(`on ${driver}`, () => {
    test('the same device and inputs give the same bits, on any engine', async () => {
      const x = g.input('x', [300, 7])
      const y = g.matmul(g.transpose(x) as g.Matrix, g.exp(x) as g.Matrix)
      const results = []
      for (let k = 0; k < 2; k++) {
        const engine = await createWebGPUEngine()
        const executable = await engine.compile({ outputs: { y }, updates: new Map() })
        for (let run = 0; run < 2; run++) results.push((await executable.run({ x: values(2100) })).y!)
        await engine.close()
      }
      for (const result of results) expectSameBits(result, results[0]!, 'y')
    })

    test('an index that the program computes stops the engine when it is out of range; values can still be read', async () => {
      const engine = await createWebGPUEngine()
      const x = new g.Variable([2], { name: 'x', value: Float32Array.of(1, 2) })
      const at = g.argmax(g.input('scores', [1, 4]), 1) as g.Vector
      const program = { outputs: { y: g.gather(x.tensor, at) }, updates: new Map() }
      const executable = await engine.compile(program)
      expect((await executable.run({ scores: [0, 1, 0, 0] })).y).toEqual(Float32Array.of(2))
      await expect(executable.run({ scores: [0, 0, 0, 1] })).rejects.toThrow(
        'an index that the program computes is out of range',
      )
      await expect(executable.run({ scores: [1, 0, 0, 0] })).rejects.toThrow('the engine has stopped: an index')
      await expect(engine.compile(program)).rejects.toThrow('the engine has stopped')
      expect(await engine.read(x)).toEqual(Float32Array.of(1, 2))
      await engine.close()
    })

    test('a lost device is reported at the next use, and by what was waiting', async () => {
      const opened = await openDevice()
      const engine = new DeviceEngine(opened)
      const executable = await engine.compile({ outputs: { y: g.mul(g.input('x', [2]), 2) }, updates: new Map() })
      await executable.run({ x: [1, 2] })
      opened.device.destroy()
      await expect(executable.run({ x: [1, 2] })).rejects.toThrow(
        /the graphics device was lost|reading from the graphics device/,
      )
      await expect(executable.run({ x: [1, 2] })).rejects.toThrow('the engine has stopped: ')
      await engine.close()
      await expect(executable.run({ x: [1, 2] })).rejects.toThrow('the engine is closed')
    })

    test('what is larger than the device allows is refused, naming it, and other programs still run', async () => {
      const engine = await createWebGPUEngine()
      const small = await engine.compile({ outputs: { y: g.mul(g.input('x', [2]), 2) }, updates: new Map() })
      const huge = g.exp(g.input('huge', [2 ** 15, 2 ** 16]))
      await expect(engine.compile({ outputs: { y: g.relu(g.exp(huge)) }, updates: new Map() })).rejects.toThrow(
        /f32 \[32768, 65536\] takes 8589934592 bytes; this device binds at most \d+ at once: use a smaller batch/,
      )
      expect(engine.memoryFor({ outputs: { y: huge }, updates: new Map() }).bytes).toBeGreaterThan(2 ** 33)
      expect((await small.run({ x: [1, 2] })).y).toEqual(Float32Array.of(2, 4))
      await engine.close()
    })

    test('an arena that is larger than a buffer may be is several buffers', async () => {
      const span = 4096
      const engine = new DeviceEngine(await openDevice(), { span })
      const rows = Array.from({ length: 6 }, (_, k) => g.input(`x${k}`, [900]))
      // All are alive until the end, and each fills most of a buffer.
      const y = rows.map((row, k) => g.add(g.sum(row), k)).reduce((a, b) => g.add(a, b))
      const executable = await engine.compile({ outputs: { y, last: g.mul(rows[5]!, 2) }, updates: new Map() })
      expect(executable.plan.arenaBytes).toBeGreaterThan(6 * span)
      const inputs = Object.fromEntries(rows.map((_, k) => [`x${k}`, new Float32Array(900).fill(k)]))
      const small = await engine.compile({ outputs: { y: g.mul(g.input('x', [2]), 2) }, updates: new Map() })
      for (let run = 0; run < 2; run++) {
        const { y, last } = await executable.run(inputs)
        expect(y).toEqual(Float32Array.of(900 * 15 + 15))
        expect(last).toEqual(new Float32Array(900).fill(10))
        expect((await small.run({ x: [1, 2] })).y).toEqual(Float32Array.of(2, 4))
      }
      const large = g.exp(g.input('large', [1025]))
      await expect(engine.compile({ outputs: { large }, updates: new Map() })).rejects.toThrow(
        /f32 \[1025\] takes 4100 bytes; this device binds at most 4096 at once/,
      )
      await engine.close()
    })

    test('a device without memory is a MemoryError; what was compiled still runs, and smaller programs compile', async () => {
      const opened = await openDevice()
      const engine = new DeviceEngine(opened)
      const small = await engine.compile({ outputs: { y: g.mul(g.input('x', [2]), 2) }, updates: new Map() })
      const { memoryBytes } = engine
      const weights = new g.Variable([1 << 18], { name: 'weights' })
      const program = { outputs: { y: g.mul(weights.tensor, g.input('x', [1 << 18])) }, updates: new Map() }
      // No test fills the memory of a machine: the device only says so.
      const popErrorScope = opened.device.popErrorScope.bind(opened.device)
      opened.device.popErrorScope = async () => (await popErrorScope()) ?? { message: 'no memory' }
      const error = await engine.compile(program).catch((reason: Error) => reason)
      expect(error).toBeInstanceOf(MemoryError)
      expect((error as Error).message).toBe('out of memory: 4 MB needed, more than the device has: use a smaller batch')
      opened.device.popErrorScope = popErrorScope
      expect(engine.memoryBytes).toBe(memoryBytes)
      expect((await small.run({ x: [1, 2] })).y).toEqual(Float32Array.of(2, 4))
      const { y } = await (await engine.compile(program)).run({ x: new Float32Array(1 << 18).fill(3) })
      expect(y!.every(value => value === 0)).toBe(true)
      await engine.close()
    })

    test('a step that binds more than the device allows is refused; joining many parts is not', async () => {
      const engine = await createWebGPUEngine()
      const parts = Array.from({ length: 40 }, (_, k) => g.input(`x${k}`, [2, 1 + (k % 3)]))
      const joined = await engine.compile({ outputs: { y: g.concat(parts, 1) }, updates: new Map() })
      const inputs = Object.fromEntries(parts.map(({ shape }, k) => [`x${k}`, new Float32Array(2 * shape[1]!).fill(k)]))
      const expected = [0, 1].flatMap(() => parts.flatMap(({ shape }, k) => Array.from({ length: shape[1]! }, () => k)))
      expect(Array.from((await joined.run(inputs)).y!)).toEqual(expected)
      const terms = parts.map(part => g.sum(part, 1))
      const sum = await engine.compile({ outputs: { y: terms.reduce((a, b) => g.add(a, b)) }, updates: new Map() })
      const total = parts.reduce((all, { shape }, k) => all + k * shape[1]!, 0)
      expect(Array.from((await sum.run(inputs)).y!)).toEqual([total, total])
      const all = parts.map((_, k) => input(k)).reduce((x, y) => binary('add', x, y))
      const scalars = parts.map((_, k) => g.input(`x${k}`, []))
      await expect(engine.compile({ outputs: { y: g.map(all, scalars) }, updates: new Map() })).rejects.toThrow(
        /map: it binds 41 values at once, this device at most \d+; compute it in several steps/,
      )
      await engine.close()
    })

    // Software drivers take a second to open.
    const count = full ? 50 : 10
    test(`${count} engines open, compute and close`, async () => {
      for (let k = 0; k < count; k++) {
        const engine = await createWebGPUEngine()
        const executable = await engine.compile({
          outputs: { y: g.add(g.input('x', [1 << 20]), k) },
          updates: new Map(),
        })
        const { y } = await executable.run({ x: new Float32Array(1 << 20) })
        expect(y![k]).toBe(k)
        expect(engine.memoryBytes).toBeGreaterThan(4 << 20)
        await engine.close()
        expect(engine.memoryBytes).toBe(0)
      }
    })

    test('work is counted, and timed by the device where it has a clock', async () => {
      const engine = await createWebGPUEngine()
      const [a, b] = [g.input('a', [4, 5]), g.input('b', [5, 6])] as [g.Matrix, g.Matrix]
      const program = { outputs: { y: g.relu(g.matmul(a, b)) }, updates: new Map() }
      const { work } = await engine.compile(program)
      expect(work).toEqual({ dispatches: 1, bytes: 4 * (20 + 30 + 24), flops: 2 * 4 * 5 * 6 })
      const times = await engine.profile(program, 3)
      expect(times).toMatchObject([{ step: { op: 'matmul' }, ahead: false, multiplyAdds: 120, workgroups: 1 }])
      expect(times[0]!.milliseconds).toBeGreaterThanOrEqual(0)
      await engine.close()
    })
  })
}
