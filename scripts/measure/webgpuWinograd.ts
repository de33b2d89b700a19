/**
 * Convolutions of 3 × 3 with and without Winograd's algorithm on WebGPU, layer by layer and in networks: milliseconds by the
 * device's clock, summed over all dispatches but those ahead of the runs. The forms take turns; medians of the rounds, and the
 * least in parentheses.
 *   npx tsx scripts/measure/webgpuWinograd.ts [ROUNDS]
 */
import { openDevice } from '../../src/backends/webgpu/device.ts'
import { DeviceEngine } from '../../src/backends/webgpu/engine.ts'
import type { Hardware } from '../../src/backends/webgpu/kernels/kernel.ts'
import * as g from '../../src/graph/index.ts'
import { findModel } from '../../src/models/index.ts'
import { crossEntropy, inference } from '../../src/nn/index.ts'
import type { Program } from '../../src/plan/program.ts'
import { driver } from '../../test/support/webgpu.ts'
import { median } from './labPage.ts'

const rounds = Number(process.argv[2] ?? 3)

/** Layers as input channels, side of the image, filters, and images. */
const layers = [
  ['ResNet-20', 3, 32, 16, 1],
  ['ResNet-20', 16, 32, 16, 1],
  ['ResNet-20', 32, 16, 32, 1],
  ['ResNet-20', 64, 8, 64, 1],
  ['ResNet-20', 64, 8, 64, 4],
  ['ResNet-18', 64, 56, 64, 1],
  ['ResNet-18', 128, 28, 128, 1],
  ['ResNet-18', 256, 14, 256, 1],
  ['ResNet-18', 512, 7, 512, 1],
  ['VGG-16', 3, 112, 64, 1],
  ['VGG-16', 512, 14, 512, 1],
] as const

/** By products, in tiles of 2 × 2 and 4 × 4, and as the sizes decide. */
const forms: readonly (readonly [string, Hardware['winograd']])[] = [
  ['by products', 0],
  ['F(2×2, 3×3)', 2],
  ['F(4×4, 3×3)', 4],
  ['as chosen', undefined],
]
const engines = await Promise.all(
  forms.map(async ([, winograd]) => new DeviceEngine(await openDevice(), winograd === undefined ? {} : { winograd })),
)

console.log(`${driver}, ${rounds} rounds\n`)
console.log(`| | images | ${forms.map(([name]) => name).join(' | ')} | of F(4×4, 3×3): input, products, output |`)
console.log(`|---|---:|${forms.map(() => '---:|').join('')}---:|`)
for (const [network, channels, size, filters, images] of layers) {
  const w = new g.Variable([filters, channels, 3, 3] as const, { name: 'w' })
  const y = g.conv2d(g.input('x', [images, channels, size, size]), w.tensor, { padding: 1 })
  await measure(`${network}: ${channels}×${size}×${size} to ${filters}`, images, { outputs: { y }, updates: new Map() })
}
const model = findModel('resnet20-cifar').create().initialize(0)
const pictures = (images: number): g.Volume => g.input('images', [images, 3, 32, 32])
const logits = model.forward(pictures(1), inference())
await measure('ResNet-20, inference', 1, { outputs: { logits: g.simplify([logits])[0]! }, updates: new Map() })
const labels = g.input('labels', [4], { dtype: 'i32' })
const loss = crossEntropy().forward(model.forward(pictures(4), { training: true, updates: new Map() }), labels)
const parameters = [...model.parameters().values()].map(({ tensor }) => tensor)
const gradients = g.gradients(loss, parameters).map((gradient, k) => [`gradient${k}`, gradient!] as const)
await measure('ResNet-20, gradients', 4, { outputs: Object.fromEntries(gradients), updates: new Map() })
await Promise.all(engines.map(engine => engine.close()))

/** Prints the row of a program. */
async function measure(name: string, images: number, program: Program): Promise<void> {
  const times: number[][][] = forms.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [form, engine] of engines.entries()) {
      const steps = (await engine.profile(program, 1)).filter(({ ahead }) => !ahead)
      times[form]!.push(steps.map(({ milliseconds }) => milliseconds))
    }
  }
  const cells = times.map(runs => {
    const sums = runs.map(steps => steps.reduce((sum, time) => sum + time, 0))
    return `${median(sums).toFixed(1)} (${Math.min(...sums).toFixed(1)})`
  })
  const inTiles = times[2]!
  const stages =
    inTiles[0]!.length === 3 ? [0, 1, 2].map(k => median(inTiles.map(steps => steps[k]!)).toFixed(1)) : ['']
  console.log(`| ${name} | ${images} | ${cells.join(' | ')} | ${stages.join(', ')} |`)
}
