/** What a link of the Lab leads to, computed in Node. */
import { parseLink } from '../../lab/src/state/link.ts'
import { LabRun } from '../../lab/src/worker/run.ts'
import { createEngine } from '../../src/index.ts'
import { digitShards } from './digits.ts'

/** The training of a link, in Node. */
export async function trainInNode(fragment: string): Promise<{ hash: string; weights: Map<string, Float32Array> }> {
  const { recipe, interventions, step = 0 } = parseLink(fragment)
  const engine = createEngine({ threads: 2, precise: true })
  const run = new LabRun(recipe, await digitShards(recipe.images), engine)
  while (run.step < step) await run.advance(interventions)
  const trained = { hash: await run.hash(), weights: await run.weights() }
  await engine.close()
  return trained
}
