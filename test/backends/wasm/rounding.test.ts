/**
 * Rounding next to PyTorch's: normalizations in training mode round at most twice as much as PyTorch's float32, alone and where the
 * kernels of convolutions gather their moments, and networks follow the trajectory of double precision as well as PyTorch's do.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { createWasmEngine, createWasmEngineWith, type WasmEngine } from '../../../src/backends/wasm/engine.ts'
import { compileModule } from '../../../src/backends/wasm/runtime/compile.ts'
import { withMore } from '../../support/full.ts'
import {
  compared,
  distanceOn,
  normalizationCases,
  ratios,
  roundingOn,
  titleOf,
  trainingCases,
} from '../../support/roundingFixtures.ts'

const makers: readonly (readonly [string, () => WasmEngine])[] = withMore(
  [
    ['channels innermost', () => createWasmEngine({ threads: 1, innermost: 'channels' })],
    [
      'channels innermost, precise, two threads',
      () => createWasmEngine({ threads: 2, innermost: 'channels', precise: true }),
    ],
    ['samples innermost', () => createWasmEngine({ threads: 1, innermost: 'samples' })],
  ],
  [
    [
      'channels innermost, without Winograd',
      () => createWasmEngine({ threads: 1, innermost: 'channels', winograd: false }),
    ],
    ['channels innermost, tiles of 6 × 16', () => wideTiles('channels')],
    ['samples innermost, precise', () => createWasmEngine({ threads: 1, innermost: 'samples', precise: true })],
  ],
)
const engines: Record<string, WasmEngine> = Object.fromEntries(makers.map(([name, make]) => [name, make()]))
afterAll(() => Promise.all(Object.values(engines).map(engine => engine.close())))

describe.each(Object.entries(engines))('%s', (name, engine) => {
  test.each(normalizationCases.map(fixture => [titleOf(fixture), fixture] as const))('%s', async (_, fixture) => {
    const { errors, plan } = await roundingOn(engine, fixture)
    for (const ratio of ratios) {
      for (const value of compared) {
        const [ours, theirs] = [errors, fixture.errors].map(by => by[ratio][value])
        const what = `${value} at mean / deviation = ${ratio}`
        expect(ours!.rms, what).toBeLessThan(2 * theirs!.rms)
        // The largest of many errors is one of two or three units in the last place, as chance has it.
        expect(ours!.most, `the worst ${what}`).toBeLessThan(2.5 * theirs!.most)
      }
    }
    if (fixture.kernel && name.startsWith('channels')) {
      expect(plan).toContain('sum(means of')
      expect(plan).toContain('sum(products of')
    }
  })
})

test('small networks follow the trajectory of double precision as well as in PyTorch', async () => {
  // Without fused multiply-adds the bits, and so the distances, are the same on every machine.
  const engine = engines['channels innermost, precise, two threads']!
  const ours: number[] = []
  for (const fixture of trainingCases) ours.push(await distanceOn(engine, fixture))
  const theirs = trainingCases.map(({ distance }) => distance)
  const median = (distances: number[]): number => [...distances].sort((a, b) => a - b)[distances.length >> 1]!
  // Where a unit or a maximum falls the other way, the distance jumps by orders of magnitude.
  const departed = (distances: number[]): number => distances.filter(distance => distance > 1e-4).length
  expect(median(ours)).toBeLessThan(1.5 * median(theirs))
  expect(departed(ours)).toBeLessThanOrEqual(departed(theirs))
})

/** An engine whose kernels are written for wide vectors and compiled plainly, on any Node. */
function wideTiles(innermost: 'channels' | 'samples'): WasmEngine {
  const tools = {
    compile: (bytes: Uint8Array<ArrayBuffer>) => compileModule(bytes, false),
    wide: { on: true, reason: 'for the test' },
    checked: { has: () => true, add: () => undefined },
  }
  return createWasmEngineWith(tools, { threads: 1, innermost })
}
