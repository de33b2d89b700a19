/**
 * Compares networks of ONNX files with what ONNX Runtime made of them: `npx tsx scripts/onnxNetworks.ts FOLDER [NAME …]`, for a folder of
 * `scripts/make_onnx_networks.py`, `scripts/make_keras_networks.py` or `scripts/make_onnx_zoo.py`. Then each network is written by
 * `exportOnnx`, read again, and compared too. Prints the largest difference of a logit from ONNX Runtime's, relative to the largest logit,
 * and, where PyTorch's logits in double precision are there, how far both are from those: rounding that a network amplifies.
 */
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine } from '../src/backends/createEngine.ts'
import { simplify } from '../src/graph/simplify.ts'
import { input } from '../src/graph/sources.ts'
import { exportOnnx, importOnnx, type OnnxNetwork } from '../src/onnx/index.node.ts'

const [folder = '.', ...only] = process.argv.slice(2)
const bytes = (path: string): ArrayBuffer => new Uint8Array(readFileSync(path)).buffer
const floats = (path: string): Float32Array => new Float32Array(bytes(path))

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

/** Writes a network, with its weights in a second file, as those of more than 2 GiB must be, and reads it again. */
async function writtenAndRead(network: OnnxNetwork): Promise<OnnxNetwork> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-onnx-'))
  const weights = openSync(join(folder, 'network.data'), 'w')
  try {
    const external = { location: 'network.data', write: (part: Uint8Array) => writeFileSync(weights, part) }
    writeFileSync(join(folder, 'network.onnx'), exportOnnx(network, { external }))
    return await importOnnx(join(folder, 'network.onnx'))
  } finally {
    closeSync(weights)
    rmSync(folder, { recursive: true })
  }
}

function differenceOf(found: Float32Array, wanted: Float32Array | Float64Array): number {
  let [largest, difference] = [0, 0]
  wanted.forEach((value, k) => {
    largest = Math.max(largest, Math.abs(value))
    difference = Math.max(difference, Math.abs(value - found[k]!))
  })
  return difference / largest
}

/** ", from double precision OURS and ONNX RUNTIME'S", where that was written. */
function fromExact(path: string, found: Float32Array, wanted: Float32Array): string {
  if (!existsSync(path)) return ''
  const exact = new Float64Array(bytes(path))
  const [ours, theirs] = [found, wanted].map(logits => differenceOf(logits, exact).toExponential(1))
  return `, from double precision ${ours} and ONNX Runtime ${theirs}`
}

let failed = 0
for (const file of readdirSync(folder).filter(
  name => name.endsWith('.onnx') && (only.length === 0 || only.some(part => name.includes(part))),
)) {
  try {
    const images = floats(join(folder, `${file}.images.bin`))
    const wanted = floats(join(folder, `${file}.logits.bin`))
    const network = await importOnnx(join(folder, file))
    const found = await answersOf(network, images)
    const difference = differenceOf(found, wanted)
    const again = differenceOf(await answersOf(await writtenAndRead(network), images), wanted)
    const agrees = difference < 1e-4 && again < 1e-4
    if (!agrees) failed++
    console.log(
      `${agrees ? 'agrees ' : 'DIFFERS'} ${file}: ${difference.toExponential(1)}, written and read again ${again.toExponential(1)}, ` +
        `${network.parameters().size} parameters${fromExact(join(folder, `${file}.exact.bin`), found, wanted)}`,
    )
  } catch (error) {
    failed++
    console.log(`FAILED  ${file}: ${(error as Error).message}`)
  }
}
process.exitCode = failed > 0 ? 1 : 0
