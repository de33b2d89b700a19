/**
 * ONNX Runtime (native) in the layer sweep, forward only: the time of two convolutions of one input, less that of one. So
 * the call and the conversion of the input into its own layout are not counted, as inside a network.
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-node'
import { threads } from '../protocol.ts'
import { convolutionModel } from './onnxModel.ts'
import { serveLayers } from './protocol.ts'
import { shapesOf, type Task } from './tasks.ts'

const session = (task: Task, convolutions: number): Promise<InferenceSession> =>
  InferenceSession.create(convolutionModel(task, convolutions), {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })

/** An input whose values change nothing. */
function inputOf(task: Task): Record<string, Tensor> {
  const { x } = shapesOf(task)
  const values = Float32Array.from({ length: x.reduce((n, size) => n * size, 1) }, (_, i) => (i % 1021) / 1021)
  return { x: new Tensor('float32', values, x) }
}

/** A convolution of one number. */
const smallest: Task = {
  id: 'smallest',
  pass: 'forward',
  batch: 1,
  input: [1, 1, 1],
  output: [1, 1, 1],
  kernel: 1,
  stride: 1,
  pad: 0,
  groups: 1,
  kind: '1×1',
  innermost: 'channels',
  uses: [],
}

await serveLayers({
  version: env.versions.node ?? '',
  variant: 'NCHW blocked',
  async empty() {
    const small = await session(smallest, 1)
    const feeds = inputOf(smallest)
    return () => small.run(feeds)
  },
  async open(task) {
    if (task.pass !== 'forward') throw new Error('inference only')
    const [two, one] = [await session(task, 2), await session(task, 1)]
    const feeds = inputOf(task)
    const { y } = await one.run(feeds)
    const [batch, maps] = y.dims
    return {
      result: [batch, maps, ...task.output.slice(1)],
      run: () => two.run(feeds),
      around: () => one.run(feeds),
      async close() {
        await two.release()
        await one.release()
      },
    }
  },
})
