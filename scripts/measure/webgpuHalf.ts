/**
 * What WebGPU's `storage: 'f16'` spares, and what it costs in accuracy: bytes of an inference by plan, and logits of random
 * weights on a random image beside those with `'f32'`, on the driver at hand.
 *   npx tsx scripts/measure/webgpuHalf.ts [NETWORK …]
 */
import { createWebGPUEngine } from '../../src/backends/webgpu/create.ts'
import type { Hardware } from '../../src/backends/webgpu/kernels/kernel.ts'
import { workOf } from '../../src/backends/webgpu/program.ts'
import { planFor } from '../../src/backends/webgpu/target.ts'
import * as g from '../../src/graph/index.ts'
import { findModel } from '../../src/models/index.ts'
import { inference } from '../../src/nn/index.ts'
import type { Program } from '../../src/plan/program.ts'
import { driver, reason } from '../../test/support/webgpu.ts'

/** Name in the catalog, and the shape of an image. */
const networks = [
  ['lenet5', [1, 28, 28]],
  ['resnet20-cifar', [3, 32, 32]],
  ['squeezenet1_1', [3, 224, 224]],
  ['resnet18', [3, 224, 224]],
] as const

/** Bytes do not depend on the device, but for what its limits let a step join. */
const hardware: Hardware = { mostBindings: 8, span: 1 << 30, parallel: true }
const many = 32

if (driver === undefined) throw new Error(reason)
const engines = [await createWebGPUEngine({ storage: 'f16' }), await createWebGPUEngine()]
const megabytes = (bytes: number): string => (bytes / 1e6).toPrecision(3)

console.log(
  `| ${driver} | MB moved, one image | MB moved, ${many} images | MB of the arena, ${many} images | error of logits |`,
)
console.log('|---|---:|---:|---:|---:|')
for (const [name, image] of networks) {
  if (process.argv.length > 2 && !process.argv.includes(name)) continue
  const model = findModel(name).create().initialize(1)
  const programOf = (batch: number): Program => {
    const images = g.input('images', [batch, ...image], { batched: true })
    return { outputs: { logits: g.simplify([model.forward(images, inference())])[0]! }, updates: new Map() }
  }
  const pairOf = (batch: number, count: (plan: ReturnType<typeof planFor>) => number): string =>
    [false, true].map(half => megabytes(count(planFor(programOf(batch), { ...hardware, half })))).join(' → ')
  const moved = [1, many].map(batch => pairOf(batch, plan => workOf(plan).bytes))
  const arena = pairOf(many, plan => plan.arenaBytes)
  const pixels = Float32Array.from({ length: g.sizeOf(image) }, (_, k) => Math.sin(12.9898 * k))
  const [found, expected] = await Promise.all(
    engines.map(async engine => (await (await engine.compile(programOf(1))).run({ images: pixels })).logits!),
  )
  const size = Math.max(...Array.from(expected!, Math.abs))
  const error = Math.max(...Array.from(found!, (value, k) => Math.abs(value - expected![k]!))) / size
  console.log(`| ${name} | ${moved.join(' | ')} | ${arena} | ${error.toExponential(1)} |`)
}
for (const engine of engines) await engine.close()
