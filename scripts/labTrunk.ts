/**
 * Makes the trunk of the Lab's screen Teach from a run on CIFAR-10, and says in it where it came from. After `npm run build`:
 *
 *     npx tsx scripts/labTrunk.ts RUN [--weights float16] [--checkpoint best]
 *
 * `--weights int8` halves the file of a larger network. The test images are classified by the network with its rounded weights, as the
 * file has them.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readClassifier, weightTypes, writeClassifier } from '../src/classifier/index.ts'
import { cifar10, subsetOf } from '../src/data/index.node.ts'
import { sourceOf } from '../src/formats/source.ts'
import { createEngine } from '../src/index.ts'
import { Evaluator } from '../src/train/index.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const file = here('../lab/public/teach/trunk.fovea')

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { weights: { type: 'string', default: 'float16' }, checkpoint: { type: 'string', default: 'final' } },
})
const [run] = positionals
const weights = weightTypes.find(type => type === values.weights)
if (run === undefined || !weights) throw new Error(`usage: labTrunk.ts RUN [--weights ${weightTypes.join('|')}]`)
const recipe = JSON.parse(readFileSync(join(run, 'recipe.json'), 'utf8')) as { seed: number; data: { name: string } }
if (recipe.data.name !== 'cifar10') throw new Error(`${run}: is of ${recipe.data.name}, not of cifar10`)

const folder = mkdtempSync(join(tmpdir(), 'fovea-trunk-'))
const exported = join(folder, 'exported.fovea')
const options = ['--checkpoint', values.checkpoint, '--weights', weights, '--out', exported]
execFileSync(process.execPath, [here('../dist/cli/main.js'), 'export', run, ...options], { stdio: 'inherit' })
const { network, origin, ...info } = await readClassifier(sourceOf(readFileSync(exported)))
rmSync(folder, { recursive: true })

const engine = createEngine()
const { accuracy } = await new Evaluator(engine, network, info.shape).evaluate(subsetOf((await cifar10()).test))
await engine.close()
const about = { ...origin, seed: recipe.seed, license: 'MIT', accuracy }
writeFileSync(file, writeClassifier(network, { ...info, name: 'CIFAR-10', origin: about }, { weights }))
console.log(`${file}: ${readFileSync(file).length} bytes, ${(100 * accuracy).toFixed(2)} % of the test images`)
