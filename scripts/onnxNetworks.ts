/**
 * Compares networks of ONNX files with what ONNX Runtime made of them: `npx tsx scripts/onnxNetworks.ts FOLDER [NAME …]`, for a folder of
 * `scripts/make_onnx_networks.py`, `scripts/make_keras_networks.py` or `scripts/make_onnx_zoo.py`. Then each network is written by
 * `exportOnnx`, read again, and compared too. Prints the largest difference of a logit from ONNX Runtime's, relative to the largest logit.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createEngine } from '../src/backends/createEngine.ts'
import { simplify } from '../src/graph/simplify.ts'
import { input } from '../src/graph/sources.ts'
import { exportOnnx, importOnnx, type OnnxNetwork } from '../src/onnx/index.node.ts'

const [folder = '.', ...only] = process.argv.slice(2)
const floats = (path: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(path)).buffer)

/** Answers of a network, by an engine of its own, which keeps the weights of all that it has run. */
async function answersOf(network: OnnxNetwork, images: Float32Array): Promise<Float32Array> {
  const [image] = network.inputs
  // Only the size of the batch may be left open.
  const sizes = image!.shape!.slice(1) as number[]
  const batch = images.length / sizes.reduce((product, size) => product * size, 1)
  const [logits] = simplify([network.forward(input('images', [batch, ...sizes], { batched: batch > 1 }))])
  const engine = createEngine({ threads: 1 })
  try {
    const program = await engine.compile({ outputs: { logits: logits! }, updates: new Map() })
    return (await program.run({ images })).logits as Float32Array
  } finally {
    await engine.close()
  }
}

function differenceOf(found: Float32Array, wanted: Float32Array): number {
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return wanted.reduce((most, value, k) => Math.max(most, Math.abs(value - found[k]!)), 0) / largest
}

let failed = 0
for (const file of readdirSync(folder).filter(
  name => name.endsWith('.onnx') && (only.length === 0 || only.some(part => name.includes(part))),
)) {
  try {
    const images = floats(join(folder, `${file}.images.bin`))
    const wanted = floats(join(folder, `${file}.logits.bin`))
    const network = await importOnnx(join(folder, file))
    const difference = differenceOf(await answersOf(network, images), wanted)
    const again = differenceOf(await answersOf(await importOnnx(exportOnnx(network)), images), wanted)
    const agrees = difference < 1e-4 && again < 1e-4
    if (!agrees) failed++
    console.log(
      `${agrees ? 'agrees ' : 'DIFFERS'} ${file}: ${difference.toExponential(1)}, written and read again ${again.toExponential(1)}, ` +
        `${network.parameters().size} parameters`,
    )
  } catch (error) {
    failed++
    console.log(`FAILED  ${file}: ${(error as Error).message}`)
  }
}
process.exitCode = failed > 0 ? 1 : 0
