/**
 * Compares networks of ONNX files with what ONNX Runtime made of them: `npx tsx scripts/onnxNetworks.ts FOLDER`, for a folder of
 * `scripts/make_onnx_networks.py`, `scripts/make_keras_networks.py` or `scripts/make_onnx_zoo.py`. Prints the largest difference of a logit,
 * relative to the largest logit.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createEngine } from '../src/backends/createEngine.ts'
import { simplify } from '../src/graph/simplify.ts'
import { input } from '../src/graph/sources.ts'
import { importOnnx } from '../src/onnx/index.node.ts'

const [folder = '.', ...only] = process.argv.slice(2)
const floats = (path: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(path)).buffer)
let failed = 0
for (const file of readdirSync(folder).filter(
  name => name.endsWith('.onnx') && (only.length === 0 || only.some(part => name.includes(part))),
)) {
  const engine = createEngine({ threads: 1 })
  try {
    const images = floats(join(folder, `${file}.images.bin`))
    const wanted = floats(join(folder, `${file}.logits.bin`))
    const network = await importOnnx(join(folder, file))
    const [image] = network.inputs
    // Only the size of the batch may be left open.
    const sizes = image!.shape!.slice(1) as number[]
    const batch = images.length / sizes.reduce((product, size) => product * size, 1)
    const [logits] = simplify([network.forward(input('images', [batch, ...sizes], { batched: batch > 1 }))])
    const program = await engine.compile({ outputs: { logits: logits! }, updates: new Map() })
    const found = (await program.run({ images })).logits!
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const difference = wanted.reduce((most, value, k) => Math.max(most, Math.abs(value - found[k]!)), 0) / largest
    const agrees = difference < 1e-4
    if (!agrees) failed++
    console.log(
      `${agrees ? 'agrees ' : 'DIFFERS'} ${file}: ${difference.toExponential(1)}, ${network.parameters().size} parameters`,
    )
  } catch (error) {
    failed++
    console.log(`FAILED  ${file}: ${(error as Error).message}`)
  } finally {
    await engine.close()
  }
}
process.exitCode = failed > 0 ? 1 : 0
