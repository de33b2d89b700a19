/** A backend in a page under the conformance suite: plans alone are right, and a backend needs no more than docs/extend.md says. */
import { afterAll } from 'vitest'
import { createPlanEngine } from '../support/planEngine.ts'
import { runOn, withBatch } from '../support/programs.ts'
import { describeBackend } from './conformance.ts'

const engine = createPlanEngine()
afterAll(() => engine.close())

for (const batched of [false, true]) {
  describeBackend({
    name: `plans followed step by step${batched ? ', batched inputs' : ''}`,
    run: (roots, inputs) => runOn(engine, batched ? withBatch(roots) : roots, inputs),
    // Each operation rounds its result to single precision, by up to 2⁻²⁴ of it.
    tolerance: { relative: 2e-6, absolute: 2e-6 },
  })
}
