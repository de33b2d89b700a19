/** Fovea with the ONNX file. */
import { createEngine, input, simplify } from 'fovea'
import { importOnnx } from 'fovea/onnx'
import { measure, normalized, side, threads } from './page.ts'

measure(async () => {
  const engine = createEngine({ threads })
  const network = await importOnnx(await (await fetch('/models/network.onnx')).arrayBuffer())
  const [logits] = simplify([network.forward(input('images', [1, 3, side, side], { batched: true }))])
  const compiled = await engine.compile({ outputs: { logits: logits! }, updates: new Map() })
  return {
    threads: engine.description.threads,
    ask: async pixels => (await compiled.run({ images: normalized(pixels, 'channels first') })).logits!,
  }
})
