/**
 * TensorFlow.js on its WebAssembly backend, by operations of its core: bias and activation are fused into the convolutions, and batch
 * norm has been folded into their weights before, as its converter does. The rest of the library is not loaded.
 */
import { getThreadsCount, setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url'
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url'
import threadedSimd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url'
import { add, fused, io, mean, setBackend, tensor4d, tidy } from '@tensorflow/tfjs-core'
import { measure, normalized, side, threads } from './page.ts'

measure(async () => {
  setThreadsCount(threads)
  // It wants to know all, and loads the one that the browser can run.
  setWasmPaths({
    'tfjs-backend-wasm.wasm': plain,
    'tfjs-backend-wasm-simd.wasm': simd,
    'tfjs-backend-wasm-threaded-simd.wasm': threadedSimd,
  })
  await setBackend('wasm')
  const { blocks, weightsManifest } = await (await fetch('/models/network.json')).json()
  const weights = await io.loadWeights(weightsManifest, '/models')

  const convolve = (x, { name, depthwise, pad, stride, activation }) => {
    const [filter, bias] = [weights[`${name}.weight`], weights[`${name}.bias`]]
    const options = { x, filter, bias, strides: stride, pad, activation }
    return depthwise ? fused.depthwiseConv2d(options) : fused.conv2d(options)
  }
  const forward = images => {
    let x = images
    for (const { convolutions, residual } of blocks) {
      const y = convolutions.reduce(convolve, x)
      x = residual ? add(x, y) : y
    }
    return fused.matMul({ a: mean(x, [1, 2]), b: weights['classifier.weight'], bias: weights['classifier.bias'] })
  }
  return {
    threads: getThreadsCount(),
    async ask(pixels) {
      const logits = tidy(() => forward(tensor4d(normalized(pixels, 'channels last'), [1, side, side, 3])))
      const numbers = await logits.data()
      logits.dispose()
      return numbers
    },
  }
})
