/** Runs in pieces: the same bits as in one go, and a variable is told of when its new value is there. */
import { describe, expect, it } from 'vitest'
import { createWasmEngine, type WasmEngine } from '../../../src/backends/wasm/engine.ts'
import { mul } from '../../../src/graph/ops/elementwise.ts'
import { input } from '../../../src/graph/sources.ts'
import { Variable } from '../../../src/graph/variable.ts'
import { cifarResnet } from '../../../src/models/index.ts'
import { crossEntropy, ImageClassifier, normalize } from '../../../src/nn/index.ts'
import type { Program } from '../../../src/plan/program.ts'
import { tracedStep } from '../../../src/train/programs.ts'

/** The gradients of a network with many groups on 8 images. */
function gradientProgram(): { program: Program; gradients: Variable[] } {
  const model = new ImageClassifier(
    normalize({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }),
    cifarResnet(8),
  ).initialize(0)
  const traced = tracedStep(model, [32, 32, 3], 8, crossEntropy(), model.parameters(), {})
  const share = input('share', [])
  const updates = new Map(
    Array.from(traced.gradients, ([path, slope]) => [new Variable(slope.shape, { name: path }), mul(slope, share)]),
  )
  return { program: { outputs: { loss: traced.outputs.loss }, updates }, gradients: [...updates.keys()] }
}

const inputs = {
  images: Uint8Array.from({ length: 8 * 3 * 32 * 32 }, (_, k) => (k * 37 + (k >> 5) * 11) % 256),
  labels: Int32Array.from({ length: 8 }, (_, k) => k),
  share: 0.5,
}

const readAll = (engine: WasmEngine, variables: readonly Variable[]) =>
  Promise.all(variables.map(async variable => [variable.name, Buffer.from((await engine.read(variable)).buffer)]))

describe.each([1, 2])('with %d threads a run in pieces', threads => {
  it('has the bits of one in one go, and tells of every variable once, when it has its value', async () => {
    const { program, gradients } = gradientProgram()
    const engine = createWasmEngine({ threads })
    try {
      const region = engine.region(gradients, 3)
      const executable = await engine.compile(program)
      const whole = await executable.run(inputs)
      const expected = await readAll(engine, gradients)
      await region.change(values => void values.fill(7))
      const told: number[] = []
      const seen: unknown[] = []
      let pauses = 0
      const result = await region.changeDuring(
        options => executable.run(inputs, options),
        (values, { updated }) => {
          pauses++
          told.push(...updated)
          for (const k of updated) {
            const { name, shape } = gradients[k]!
            const count = shape.reduce((a, b) => a * b, 1)
            seen[k] = [name, Buffer.from(values.slice(region.offsets[k], region.offsets[k]! + count).buffer)]
          }
        },
      )
      expect(result).toEqual(whole)
      expect(pauses).toBeGreaterThan(4)
      expect(told.toSorted((a, b) => a - b)).toEqual(gradients.map((_, k) => k))
      // The gradients of the last layers come first.
      expect(told.indexOf(gradients.length - 1)).toBeLessThan(told.indexOf(0))
      expect(seen).toEqual(expected)
      expect(await readAll(engine, gradients)).toEqual(expected)
    } finally {
      await engine.close()
    }
  })
})

it('an error in a pause ends the engine: what was computed is half a step', async () => {
  const { program } = gradientProgram()
  const engine = createWasmEngine({ threads: 1 })
  const executable = await engine.compile(program)
  const pause = (): never => {
    throw new Error('rank 1 is silent')
  }
  await expect(executable.run(inputs, { pause })).rejects.toThrow('rank 1 is silent')
  await expect(executable.run(inputs)).rejects.toThrow('the engine has stopped: rank 1 is silent')
  await engine.close()
})
