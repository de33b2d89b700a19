/**
 * The tables of docs/rounding.md: what normalizations in training mode round next to PyTorch's float32, and how far small networks
 * get from double precision in 20 steps.
 *   npx tsx scripts/roundingTable.ts
 */
import { createWasmEngine } from '../src/backends/wasm/engine.ts'
import {
  compared,
  distanceOn,
  normalizationCases,
  ratios,
  roundingOn,
  titleOf,
  trainingCases,
} from '../test/support/roundingFixtures.ts'

const engine = createWasmEngine({ threads: 1, innermost: 'channels' })

console.log(`| normalization | ${ratios.join(' | ')} |`)
console.log(`|---|${'---|'.repeat(ratios.length)}`)
for (const fixture of normalizationCases) {
  const { errors } = await roundingOn(engine, fixture)
  const cells = ratios.map(ratio =>
    compared.map(value => (errors[ratio][value].rms / fixture.errors[ratio][value].rms).toFixed(1)).join(' '),
  )
  console.log(`| ${titleOf(fixture)} | ${cells.join(' | ')} |`)
}

const ours: number[] = []
for (const fixture of trainingCases) ours.push(await distanceOn(engine, fixture))
const describe = (distances: readonly number[]): string => {
  const sorted = [...distances].sort((a, b) => a - b)
  return `median ${sorted[sorted.length >> 1]!.toExponential(1)}, over 1e-4: ${sorted.filter(d => d > 1e-4).length}`
}
console.log(
  `\n${ours.length} networks. Fovea: ${describe(ours)}; PyTorch: ${describe(trainingCases.map(c => c.distance))}`,
)
await engine.close()
