/** The engine's memory: small regions share chunks, and the arena of a larger program takes the place of the smaller one's. */
import { describe, expect, it } from 'vitest'
import { createWasmEngine, createWasmEngineWith } from '../../../src/backends/wasm/engine.ts'
import { LinearMemory } from '../../../src/backends/wasm/runtime/memory.ts'
import { input } from '../../../src/graph/index.ts'
import { findModel } from '../../../src/models/index.ts'
import { conv2d, crossEntropy, ImageClassifier, inference, normalize, sequential } from '../../../src/nn/index.ts'
import { sgd } from '../../../src/optim/index.ts'
import { trainingProgram } from '../../../src/train/programs.ts'

describe('LinearMemory', () => {
  it('hands out regions that do not meet, aligned, small ones from one chunk', () => {
    const memory = new LinearMemory(false)
    const sizes = [4, 100_000, 60, 32 * 1024, 4, 2_000_000, 500]
    const regions = sizes.map(bytes => ({ address: memory.allocate(bytes), bytes }))
    for (const { address } of regions) expect(address % 64).toBe(0)
    const sorted = [...regions].sort((a, b) => a.address - b.address)
    sorted.forEach(({ address, bytes }, k) => {
      expect(address + bytes).toBeLessThanOrEqual(sorted[k + 1]?.address ?? memory.used)
    })
    expect(memory.memory.buffer.byteLength).toBeGreaterThanOrEqual(memory.used)
    const before = memory.used
    memory.allocate(1000)
    expect(memory.used).toBe(before)
  })

  it('hands out zeros where something else was before', () => {
    const memory = new LinearMemory(false)
    const used = memory.allocate(100_000)
    new Uint8Array(memory.memory.buffer, used, 100_000).fill(7)
    memory.release(used, 100_000)
    const [reused, small, fresh] = [40_000, 100, 200_000].map(bytes => ({
      bytes,
      address: memory.allocateZeros(bytes),
    }))
    expect(reused!.address).toBe(used)
    for (const { address, bytes } of [reused!, small!, fresh!]) {
      expect(new Uint8Array(memory.memory.buffer, address, bytes).every(byte => byte === 0)).toBe(true)
    }
  })

  it('enlarges the last region where it is, and gives another a new place', () => {
    const memory = new LinearMemory(false)
    const first = memory.allocate(100_000)
    expect(memory.enlarge(first, 100_000, 200_000)).toBe(first)
    memory.allocate(4)
    const moved = memory.enlarge(first, 200_000, 900_000)
    expect(moved).not.toBe(first)
    expect(memory.allocate(150_000)).toBe(first)
  })
})

describe('taking back', () => {
  it('gives the same addresses again, and zeros where they are asked for', () => {
    const memory = new LinearMemory(false)
    memory.allocate(100_000)
    const mark = memory.mark()
    const [large, small] = [memory.allocate(200_000), memory.allocate(40)]
    new Uint8Array(memory.memory.buffer, large, 200_000).fill(7)
    const { used } = memory
    memory.restore(mark)
    expect(memory.used).toBeLessThan(used)
    expect(memory.allocateZeros(200_000)).toBe(large)
    expect(new Uint8Array(memory.memory.buffer, large, 200_000).every(value => value === 0)).toBe(true)
    expect(memory.allocate(40)).toBe(small)
  })
})

describe('the memory of an engine', () => {
  it('holds the arena of a larger batch in place of that of a smaller one', async () => {
    const { inputShape, create } = findModel('resnet20-cifar')
    const [channels, height, width] = inputShape
    const colors = normalize({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] })
    const model = new ImageClassifier(colors, create()).initialize(0)
    const optimizer = sgd({ lr: 0.1, momentum: 0.9 })
    const engine = createWasmEngine({ threads: 1 })
    const compile = (batch: number) =>
      engine.compile(trainingProgram(model, [height, width, channels], batch, crossEntropy(), optimizer))
    const bytesOf = ({ plan }: { plan: { arenaBytes: number; scratchBytes: number } }): number =>
      plan.arenaBytes + plan.scratchBytes
    const small = await compile(4)
    const variables = engine.memoryBytes - bytesOf(small)
    const large = await compile(8)
    const least = variables + bytesOf(large)
    expect(engine.memoryBytes).toBeGreaterThanOrEqual(least)
    // Kernels' tables of the second program may open one more chunk.
    expect(engine.memoryBytes).toBeLessThan(least + 600_000)
    expect(bytesOf(small)).toBeGreaterThan(2_000_000)
    await engine.close()
  })

  it('makes copies of weights in each run where not all of them fit, and says what would be needed where nothing helps', async () => {
    const model = sequential(...[0, 1, 2, 3, 4, 5].map(() => conv2d(128, 128, 3, { padding: 1 }))).initialize(3)
    const y = model.forward(input('x', [1, 128, 20, 20]), inference())
    const program = { outputs: { y }, updates: new Map() }
    const inputs = { x: Float32Array.from({ length: 128 * 400 }, (_, k) => ((k * 7) % 11) - 5) }
    const free = createWasmEngineWith({}, { threads: 1 })
    const least = free.memoryFor(program).bytes
    const whole = await free.compile(program)
    const kept = whole.plan.values.filter(({ space }) => space === 'kept')
    expect(kept).toHaveLength(6)
    const copy = kept[0]!.bytes
    const all = free.memoryBytes
    expect(all).toBeGreaterThan(least + 4 * copy)
    const wanted = await whole.run(inputs)
    await free.close()
    for (const threads of [1, 2]) {
      for (const [missing, left] of [
        [1, 4],
        [4, 1],
        [5, 0],
      ] as const) {
        const mostPages = Math.ceil((all + 2 ** 20 - missing * copy) / 65536)
        const engine = createWasmEngineWith({ mostPages }, { threads })
        expect(engine.memoryFor(program).bytes).toBeLessThanOrEqual(mostPages * 65536)
        const executable = await engine.compile(program)
        expect(executable.plan.values.filter(({ space }) => space === 'kept')).toHaveLength(left)
        for (let run = 0; run < 2; run++) expect(await executable.run(inputs)).toEqual(wanted)
        expect(engine.memoryBytes).toBeLessThanOrEqual(mostPages * 65536)
        await engine.close()
      }
    }
    const small = createWasmEngineWith({ mostPages: 64 }, { threads: 1 })
    await expect(small.compile(program)).rejects.toThrow(
      `out of memory: ${Math.ceil(least / 1e6)} MB needed, 5 MB at most: use a smaller batch`,
    )
    await small.close()
  })

  it('is as it was after a program that does not fit: a smaller one does', async () => {
    const model = sequential(...[0, 1].map(() => conv2d(128, 128, 3, { padding: 1 }))).initialize(3)
    const programOf = (batch: number) => {
      const y = model.forward(input('x', [batch, 128, 20, 20], { batched: true }), inference())
      return { outputs: { y }, updates: new Map() }
    }
    const engine = createWasmEngineWith({ mostPages: 480 }, { threads: 1, innermost: 'channels' })
    await engine.compile(programOf(8))
    const { memoryBytes } = engine
    await expect(engine.compile(programOf(40))).rejects.toThrow(/out of memory: \d+ MB needed, 32 MB at most/)
    expect(engine.memoryBytes).toBe(memoryBytes)
    // It would fit with copies, but not behind the memory of the first one.
    const { plan } = await engine.compile(programOf(12))
    expect(plan.values.filter(({ space }) => space === 'kept')).toEqual([])
    expect(engine.memoryBytes).toBeLessThanOrEqual(480 * 65536)
    await engine.close()
  })
})
