/**
 * Fovea: the LeNet-5 training step of the built package (`../dist`, made by the bench's build).
 *
 * Besides the steps it answers `details` (what the plan says, and how fast each convolution kernel is) and, as a
 * process of its own, `epoch` (one epoch of real MNIST, loading and shuffling included).
 */
import { readFile } from 'node:fs/promises'
import { type Contender, serve, threads } from '../protocol.ts'
import { batches, batchSize } from '../work.ts'

/** A kernel of the training step, timed on its own. */
export interface KernelTime {
  /** `conv1`, `conv1 gradient to weights`, … */
  readonly name: string
  /** Multiply-adds of one run. */
  readonly multiplyAdds: number
  /** Median milliseconds of one run. */
  readonly ms: number
}

/** Answer to `details`. */
export interface FoveaDetails {
  /** Tracing, planning and assembling the step's kernels, in milliseconds. */
  readonly planMs: number
  /** Bytes of the plan's arena, of all threads' scratch included. */
  readonly arenaBytes: number
  /** What computes: backend and SIMD level. */
  readonly engine: string
  readonly kernels: readonly KernelTime[]
}

/** Answer to `epoch`. */
export interface FoveaEpoch {
  readonly ms: number
  readonly images: number
  /** Of that, shuffling and copying the batches, measured in a second pass that does nothing else. */
  readonly batchingMs: number
}

/** What the operations of the table are called in the report. */
const kernelNames: Readonly<Record<string, string>> = {
  conv2d: 'convolution of',
  conv2dInputGradient: 'gradient to the input from',
  conv2dWeightGradient: 'gradient to the weights with',
}

async function open(): Promise<Contender> {
  const [{ createEngine, createWasmEngine }, nn, { lenet5 }, { sgd }, { Trainer, trainingProgram }] = await Promise.all(
    [
      import('../../../dist/index.js'),
      import('../../../dist/nn/index.js'),
      import('../../../dist/models/index.js'),
      import('../../../dist/optim/index.js'),
      import('../../../dist/train/index.js'),
    ],
  )
  // The bench's images are numbers in [0, 1); Fovea takes bytes, and its first kernel makes them numbers again.
  const makeModel = () =>
    nn.sequential({ normalize: nn.normalize({ mean: [0], std: [1] }), lenet5: lenet5() }).initialize(0)
  const makeProgram = () =>
    trainingProgram(makeModel(), [28, 28, 1], batchSize, nn.crossEntropy(), sgd({ lr: 0.05, momentum: 0.9 }))
  const engine = createEngine({ threads })
  const step = await engine.compile(makeProgram())
  const data = batches().map(({ images, labels }) => ({
    images: Uint8Array.from(images, value => Math.round(value * 255)),
    labels: Int32Array.from(labels),
  }))
  step.input('learningRate')[0] = 0.05

  const details = async (): Promise<FoveaDetails> => {
    const measured = await createWasmEngine({ threads: 1 }).profile(makeProgram())
    return {
      planMs: step.compileTime,
      arenaBytes: step.plan.arenaBytes + step.plan.scratchBytes * threads,
      engine: `${engine.description.backend}, ${engine.description.simd} SIMD`,
      kernels: measured
        .filter(time => time.step.op.startsWith('conv2d'))
        .map(time => ({
          name: `${kernelNames[time.step.op] ?? time.step.op} ${[...time.step.inputs[0].shape].slice(1).join('×')}`,
          multiplyAdds: time.multiplyAdds,
          ms: time.milliseconds,
        })),
    }
  }
  const epoch = async (): Promise<FoveaEpoch> => {
    const started = performance.now()
    const { BatchLoader, mnist, subsetOf } = await import('../../../dist/data/index.node.js')
    const train = subsetOf((await mnist()).train)
    const trainer = new Trainer({
      model: makeModel(),
      train,
      engine,
      optimizer: sgd({ lr: 0.05, momentum: 0.9 }),
      epochs: 1,
    })
    for await (const event of trainer.run()) if (event.type === 'done') break
    const ms = performance.now() - started
    const loader = new BatchLoader(train, { batchSize, seed: 1 })
    const [images, labels] = [step.input('images') as Uint8Array, step.input('labels') as Int32Array]
    const batching = performance.now()
    loader.startEpoch(2)
    for (let batch = 0; batch < loader.batches; batch++) loader.fill(batch, images, labels)
    return { ms, images: train.indices.length, batchingMs: performance.now() - batching }
  }
  return {
    version,
    async step(index) {
      const { images, labels } = data[index % data.length]
      step.input('images').set(images)
      step.input('labels').set(labels)
      await step.run()
      return step.output('loss')[0]
    },
    extra: { details, epoch },
  }
}

/** Version of the package that is measured. */
const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

await serve(open)
