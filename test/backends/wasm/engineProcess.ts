/**
 * A process for tests: makes an engine, runs a program a few times, and ends without `process.exit`. Its first argument
 * says how: `close` the engine, `leave` it as it is, or be done `unused`, before any program was compiled.
 */
import { createEngine } from '../../../src/backends/createEngine.ts'
import * as g from '../../../src/graph/index.ts'

const engine = createEngine()
if (process.argv[2] !== 'unused') {
  const x = g.input('x', [64, 8], { batched: true })
  const w = new g.Variable<g.Matrix['shape']>([8, 8], { value: new Float32Array(64).fill(0.5) })
  const y = g.matmul(x, w.tensor)
  const outputs = { sum: g.sum(y) }
  const executable = await engine.compile({ outputs, updates: new Map([[w, g.mul(w.tensor, 1)]]) })
  const ones = new Float32Array(64 * 8).fill(1)
  for (let step = 0; step < 2; step++) await executable.run({ x: ones })
  const { sum } = await executable.run({ x: ones })
  console.log(sum[0], engine.description.threads)
}
if (process.argv[2] === 'close') await engine.close()
