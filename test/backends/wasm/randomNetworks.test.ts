/**
 * Random networks, trained for two steps: the WebAssembly backend against the reference, whatever the plan makes of
 * the batch; and the same bits from one, two and three threads.
 */
import * as fc from 'fast-check'
import { afterAll, test } from 'vitest'
import type { Engine } from '../../../src/backends/engine.ts'
import { createReferenceEngine } from '../../../src/backends/reference/engine.ts'
import { createWasmEngine } from '../../../src/backends/wasm/engine.ts'
import type { TypedArray } from '../../../src/graph/variable.ts'
import { expectClose } from '../../support/fixtures.ts'
import { expectSameBits } from '../../support/programs.ts'
import { buildProgram, type NetworkSpec, networks } from '../../support/randomNetworks.ts'
import { threadedEngine } from '../../support/threads.ts'

const reference = createReferenceEngine()
const engines = [
  [createWasmEngine({ threads: 1 }), threadedEngine({ threads: 2 })],
  [createWasmEngine({ threads: 1, precise: true }), threadedEngine({ threads: 3, precise: true })],
] as const
afterAll(() => Promise.all(engines.flat().map(engine => engine.close())))

/** All outputs after each of two runs, and the variables at the end. */
async function train(engine: Engine, spec: NetworkSpec): Promise<Map<string, TypedArray>> {
  const { program, inputs, variables } = buildProgram(spec)
  const executable = await engine.compile(program)
  const results = new Map<string, TypedArray>()
  for (const step of [1, 2]) {
    for (const [name, values] of Object.entries(await executable.run(inputs)))
      results.set(`${name} in step ${step}`, values)
    // Decisions of a second step would depend on rounded weights.
    if (step === 1) for (const [k, v] of variables.entries()) results.set(`variable ${k}`, await engine.read(v))
  }
  return results
}

test('random networks', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(networks, async spec => {
      const expected = await train(reference, spec)
      for (const pair of engines) {
        const [one, many] = await Promise.all(pair.map(engine => train(engine, spec)))
        for (const [name, values] of expected) {
          if (!name.endsWith('step 2')) {
            const magnitude = Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0.25)
            expectClose(one!.get(name)!, values, { absolute: 2e-5 * magnitude }, name)
          }
          expectSameBits(many!.get(name), one!.get(name)!, `${name} on one thread and on several`)
        }
      }
    }),
    { seed: 20_250_105, numRuns: 200 },
  )
})
