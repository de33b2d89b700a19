/**
 * Measures the memory of a process that takes many small steps, or opens many engines: prints the bytes it holds early and late,
 * as JSON. `node --expose-gc --import tsx memoryProcess.ts steps|engines`
 */
import '../../support/webgpu.ts'
import { createWebGPUEngine } from '../../../src/backends/webgpu/create.ts'
import * as g from '../../../src/graph/index.ts'

/** A variable that grows by the mean of the input; every tenth run is read. */
async function open() {
  const engine = await createWebGPUEngine()
  const x = new g.Variable([1024], { name: 'x' })
  const next = g.add(x.tensor, g.mean(g.input('y', [1024])))
  const program = await engine.compile({ outputs: { sum: g.sum(next) }, updates: new Map([[x, next]]) })
  const values = new Float32Array(1024).fill(1 / 1024)
  const step = (k: number) => program.run({ y: values }, { read: k % 10 === 0 ? ['sum'] : [] })
  return { engine, step }
}

const collect = (globalThis as unknown as { gc: () => void }).gc

async function held(): Promise<number> {
  for (let k = 0; k < 3; k++) {
    collect()
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return process.memoryUsage.rss()
}

const [kind = ''] = process.argv.slice(2)
if (kind === 'steps') {
  const { engine, step } = await open()
  for (let k = 1; k <= 1000; k++) await step(k)
  const early = await held()
  for (let k = 1; k <= 10_000; k++) await step(k)
  console.log(JSON.stringify({ early, late: await held() }))
  await engine.close()
} else {
  const use = async (): Promise<void> => {
    const { engine, step } = await open()
    for (let k = 1; k <= 10; k++) await step(k)
    await engine.close()
  }
  for (let k = 0; k < 10; k++) await use()
  const early = await held()
  for (let k = 0; k < 50; k++) await use()
  console.log(JSON.stringify({ early, late: await held() }))
}
