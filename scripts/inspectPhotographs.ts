/**
 * What `fovea/inspect` and PyTorch's float32 see in photographs at 224 × 224, each against PyTorch's float64:
 * `npx tsx scripts/inspectPhotographs.ts FOLDER`, for a folder of `scripts/make_inspect_photographs.py`. Prints for every picture
 * the largest difference in units of the largest number.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createEngine } from '../src/backends/createEngine.ts'
import { gradCam, gradientMap, Inspector } from '../src/inspect/index.ts'
import { resnet18, resnet50 } from '../src/models/index.ts'
import { ImageClassifier, normalize } from '../src/nn/index.ts'
import { loadWeights } from '../src/train/index.node.ts'

const [folder = '.'] = process.argv.slice(2)
const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(join(folder, file)))
const [size, of] = [224, 281]
const pictures = bytesOf('pictures.bin')
const count = pictures.length / (size * size * 3)

/** The numbers of one picture in a file that holds those of all. */
const partOf = (all: Float64Array, index: number): Float64Array =>
  all.subarray((index * all.length) / count, ((index + 1) * all.length) / count)

function departure(found: ArrayLike<number>, expected: Float64Array): number {
  let [most, largest] = [0, 0]
  for (const [i, value] of expected.entries()) {
    most = Math.max(most, Math.abs(found[i]! - value))
    largest = Math.max(largest, Math.abs(value))
  }
  return most / largest
}

const engine = createEngine()
for (const [name, architecture] of Object.entries({ resnet18, resnet50 })) {
  const network = architecture()
  await loadWeights(network, join(folder, `${name}.pth`))
  const preprocessing = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
  const inspector = new Inspector(engine, new ImageClassifier(preprocessing, network), [size, size, 3])
  const oracle = (kind: string, what: string): Float64Array =>
    new Float64Array(bytesOf(`${name}.${kind}.${what}.bin`).buffer)
  const maps = {
    cam: (bytes: Uint8Array) => gradCam(inspector, bytes, { of, layer: 'layer3' }),
    gradient: (bytes: Uint8Array) => gradientMap(inspector, bytes, { of, space: 'pixels' }),
  }
  for (const [what, map] of Object.entries(maps)) {
    const [exact, single] = [oracle('float64', what), oracle('float32', what)]
    for (let i = 0; i < count; i++) {
      const bytes = pictures.subarray((i * pictures.length) / count, ((i + 1) * pictures.length) / count)
      const found = (await map(bytes)).map.values
      const [own, torch] = [found, partOf(single, i)].map(values =>
        departure(values, partOf(exact, i)).toExponential(1),
      )
      console.log(`${name} ${what} picture ${i}: ${own}, PyTorch's float32 ${torch}`)
    }
  }
}
await engine.close()
