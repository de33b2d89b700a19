/**
 * The WebAssembly backend under the conformance suite: one, two and three threads, relaxed and precise, samples or channels
 * innermost, and with inputs declared batched, which makes plans of another kind (steps block by block, partial sums). On the way, kernels of equal
 * keys are held to be equal.
 */
import { afterAll } from 'vitest'
import { full } from '../../support/full.ts'
import { checkingKeys } from '../../support/kernelKeys.ts'
import { runOn, withBatch } from '../../support/programs.ts'
import { threadedEngine } from '../../support/threads.ts'
import { describeBackend } from '../conformance.ts'

/**
 * Single precision rounds each operation by up to 2⁻²⁴ ≈ 6e-8 of its value. Sums of up to a few hundred products, and
 * values near zero that are left when such sums cancel, stay well within 2e-6; exp, log and tanh are good to 3e-7.
 */
const tolerance = { relative: 2e-6, absolute: 2e-6 }

const modes = [
  { threads: 1, precise: false, batched: false, innermost: 'channels' },
  { threads: 2, precise: true, batched: true, innermost: 'channels' },
  { threads: 3, precise: false, batched: false, innermost: 'samples' },
] as const
/** With FOVEA_FULL=1 also these. */
const more = [
  { threads: 1, precise: true, batched: true, innermost: 'samples' },
  { threads: 2, precise: false, batched: true, innermost: 'samples' },
] as const

for (const { threads, precise, batched, innermost } of [...modes, ...(full ? more : [])]) {
  const engine = checkingKeys(threadedEngine({ threads, precise, innermost }))
  afterAll(() => engine.close())
  const mode = `${threads} ${threads === 1 ? 'thread' : 'threads'}, ${precise ? 'precise' : 'relaxed'}`
  describeBackend({
    name: `wasm (${mode}${batched ? ', batched inputs' : ''}, ${innermost} innermost)`,
    run: (roots, inputs) => runOn(engine, batched ? withBatch(roots) : roots, inputs),
    tolerance,
  })
}
