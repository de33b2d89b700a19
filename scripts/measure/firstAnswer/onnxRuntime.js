/** onnxruntime-web with the ONNX file: its door for WebAssembly alone, the smallest, and its files at addresses of the bundler's. */
import script from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import binary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm'
import { measure, normalized, side, threads } from './page.ts'

measure(async () => {
  Object.assign(env.wasm, { numThreads: threads, wasmPaths: { mjs: script, wasm: binary } })
  const session = await InferenceSession.create('/models/network.onnx', { executionProviders: ['wasm'] })
  return {
    threads: env.wasm.numThreads,
    async ask(pixels) {
      const images = new Tensor('float32', normalized(pixels, 'channels first'), [1, 3, side, side])
      return (await session.run({ images })).logits.data
    },
  }
})
