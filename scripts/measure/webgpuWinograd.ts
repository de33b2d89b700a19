/**
 * Layers of 3 × 3 with and without Winograd's algorithm on WebGPU: milliseconds by the device's clock, the sum of a layer's
 * dispatches without those ahead of the runs. The three forms take turns; medians of the rounds.
 *   npx tsx scripts/measure/webgpuWinograd.ts [ROUNDS] [BACKWARD: 1 for gradients to the input]
 */
import { openDevice } from '../../src/backends/webgpu/device.ts'
import { DeviceEngine } from '../../src/backends/webgpu/engine.ts'
import * as g from '../../src/graph/index.ts'
import { driver } from '../../test/support/webgpu.ts'

/** Images, input channels, filters, side of the image. */
const layers = [
  ['ResNet-20', 1, 3, 16, 32],
  ['ResNet-20', 1, 16, 16, 32],
  ['ResNet-20', 1, 32, 32, 16],
  ['ResNet-20', 1, 64, 64, 8],
  ['ResNet-20, 4 images', 4, 64, 64, 8],
  ['ResNet-18', 1, 64, 64, 56],
  ['ResNet-18', 1, 128, 128, 28],
  ['ResNet-18', 1, 256, 256, 14],
  ['ResNet-18', 1, 512, 512, 7],
  ['VGG-16', 1, 3, 64, 112],
  ['VGG-16', 1, 512, 512, 14],
] as const

const rounds = Number(process.argv[2] ?? 3)
const backward = process.argv[3] === '1'
const sides = [0, 2, 4] as const
const engines = await Promise.all(
  sides.map(async winograd => new DeviceEngine(await openDevice(), { winograd, parallel: false })),
)
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

console.log(`${driver}, ${rounds} rounds, ${backward ? 'gradients to the input' : 'forward'}`)
console.log('| layer | images | by products, ms | F(2×2), ms | F(4×4), ms | its input, products, output |')
console.log('|---|---:|---:|---:|---:|---:|')
for (const [name, images, channels, filters, size] of layers) {
  const image = [images, channels, size, size] as const
  const w = new g.Variable([filters, channels, 3, 3] as const, { name: 'w' })
  const x = g.input('x', image)
  const y = g.conv2d(x, w.tensor, { padding: 1 })
  const [dx] = g.gradients(g.sum(g.mul(y, g.input('u', y.shape))), [x])
  const program = { outputs: backward ? { dx: dx! } : { y }, updates: new Map() }
  const times = new Map(sides.map(side => [side, [] as number[][]]))
  for (let round = 0; round < rounds; round++) {
    for (const [at, side] of sides.entries()) {
      const steps = (await engines[at]!.profile(program, 1)).filter(({ ahead }) => !ahead)
      times.get(side)!.push(steps.map(({ milliseconds }) => milliseconds))
    }
  }
  const total = (side: 0 | 2 | 4): string => {
    const sums = times.get(side)!.map(steps => steps.reduce((sum, time) => sum + time, 0))
    return `${median(sums).toFixed(1)} (${Math.min(...sums).toFixed(1)})`
  }
  const parts = times.get(4)!
  const stages = parts[0]!.map((_, k) => median(parts.map(steps => steps[k]!)).toFixed(1)).join(', ')
  console.log(`| ${name}: ${channels}×${size}×${size} to ${filters} | ${images} | ${sides.map(total).join(' | ')} | ${stages} |`)
}
await Promise.all(engines.map(engine => engine.close()))
