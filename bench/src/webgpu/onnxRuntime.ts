/** ONNX Runtime on WebGPU, on a file that Fovea has written: inference. */
import { env, InferenceSession, Tensor } from 'onnxruntime-web/webgpu'
import type { Row } from '../rows.ts'
import { channelsFirst } from '../work.ts'
import { byteBatches, type PageContender } from './contender.ts'

/**
 * @param file   the network as ONNX, from `images` to `logits`
 * @param layout of volumes: `NHWC` is ONNX Runtime's own choice
 */
export async function openOnnxRuntime(row: Row, file: Uint8Array, layout: 'NHWC' | 'NCHW'): Promise<PageContender> {
  const session = await InferenceSession.create(file, {
    executionProviders: [{ name: 'webgpu', preferredLayout: layout }],
    graphOptimizationLevel: 'all',
  })
  const { batch, channels, side } = row
  const work = byteBatches(row).map(({ images }) => channelsFirst(images, row))
  return {
    version: env.versions.web ?? '',
    async step(index) {
      const images = new Tensor('float32', work[index % work.length], [batch, channels, side, side])
      const { logits } = await session.run({ images })
      return logits.data as Float32Array
    },
  }
}
