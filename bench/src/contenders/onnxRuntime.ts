/**
 * ONNX Runtime, native (`node`) or WebAssembly (`web`): inference with a network that `export_onnx.py` has written. First
 * argument: which; second: the file.
 */
import { type Contender, row, serve, threads } from '../protocol.ts'
import { batches, channelsFirst } from '../work.ts'

async function open(): Promise<Contender> {
  const [, , which, file] = process.argv
  const { InferenceSession, Tensor, env } =
    which === 'node' ? await import('onnxruntime-node') : await import('onnxruntime-web')
  if (which === 'web') env.wasm.numThreads = threads
  const session = await InferenceSession.create(file, {
    executionProviders: [which === 'node' ? 'cpu' : 'wasm'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })
  const shape = [row.batch, row.channels, row.side, row.side]
  const inputs = batches(row).map(({ images }) => new Tensor('float32', channelsFirst(images, row), shape))
  return {
    version: (which === 'node' ? env.versions.node : env.versions.web) ?? '',
    async step(index) {
      const { logits } = await session.run({ x: inputs[index % inputs.length] })
      return (logits.data as Float32Array)[0]
    },
  }
}

await serve(open)
