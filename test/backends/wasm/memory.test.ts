/** The engine's memory: small regions share chunks, and the arena of a larger program takes the place of the smaller one's. */
import { describe, expect, it } from 'vitest'
import { createWasmEngine } from '../../../src/backends/wasm/engine.ts'
import { LinearMemory } from '../../../src/backends/wasm/runtime/memory.ts'
import { findModel } from '../../../src/models/index.ts'
import { crossEntropy, ImageClassifier, normalize } from '../../../src/nn/index.ts'
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
})
