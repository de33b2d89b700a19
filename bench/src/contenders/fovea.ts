/**
 * Fovea: any row, with the built package (`../dist`, made by the bench's build). First argument: `relaxed`, `precise` for an
 * engine without relaxed SIMD, `wide` for one with vectors of 256 bits (Node 24 and later), or `native` for machine code.
 *
 * Besides the steps it answers `details` (what the plan says, and how fast each kernel is) and, as a process of its own for
 * LeNet-5, `epoch` (one epoch of real MNIST, loading and shuffling included).
 */
import { readFile } from 'node:fs/promises'
import { type Contender, row, serve, threads } from '../protocol.ts'
import { batches, channelsFirst } from '../work.ts'
import { detailsOf, type PlanDetails } from './foveaDetails.ts'

/** Answer to `details`. */
export interface FoveaDetails extends PlanDetails {
  /** Tracing, planning and assembling the step's kernels, in milliseconds. */
  readonly planMs: number
  /** What computes: backend and SIMD level. */
  readonly engine: string
}

/** Answer to `epoch`. */
export interface FoveaEpoch {
  readonly ms: number
  readonly images: number
  /** Of that, shuffling and copying the batches, measured in a second pass that does nothing else. */
  readonly batchingMs: number
}

async function open(): Promise<Contender> {
  const [{ createWasmEngine, input, simplify }, nn, models, { sgd }, { Trainer, trainingProgram }] = await Promise.all([
    import('../../../dist/index.js'),
    import('../../../dist/nn/index.js'),
    import('../../../dist/models/index.js'),
    import('../../../dist/optim/index.js'),
    import('../../../dist/train/index.js'),
  ])
  const { batch, side, channels, learningRate, momentum, weightDecay } = row
  const [, , mode] = process.argv
  const on = (wanted: string): 'on' | 'off' => (mode === wanted ? 'on' : 'off')
  const makeNetwork = () =>
    row.net.name === 'googlenet' ? models.googlenet({ auxiliary: false }) : models.findModel(row.net.name).create()
  // The bench's images are numbers in [0, 1); training takes bytes, and its first kernel makes them numbers again.
  const makeTrained = () =>
    nn
      .sequential({
        normalize: nn.normalize({ mean: Array(channels).fill(0), std: Array(channels).fill(1) }),
        net: makeNetwork(),
      })
      .initialize(0)
  const makeOptimizer = () => sgd({ lr: learningRate, momentum, weightDecay })
  const makeProgram = () => {
    if (row.task === 'train') {
      const model = makeTrained()
      const program = trainingProgram(model, [side, side, channels], batch, nn.crossEntropy(), makeOptimizer())
      return { model, program }
    }
    const model = makeNetwork().initialize(0)
    const x = input('x', [batch, channels, side, side], { batched: true })
    const [logits] = simplify([model.forward(x, nn.inference())])
    return { model, program: { outputs: { logits }, updates: new Map() } }
  }
  const { model, program } = makeProgram()
  const engine = createWasmEngine({ threads, precise: mode === 'precise', wide: on('wide'), native: on('native') })
  const compiled = await engine.compile(program)
  const parameters = model.countParameters()

  const training = (): Contender['step'] => {
    const data = batches(row).map(({ images, labels }) => ({
      images: Uint8Array.from(images, value => Math.round(value * 255)),
      labels: Int32Array.from(labels),
    }))
    const random = compiled.inputs.has('key')
    return async index => {
      const batch = { ...data[index % data.length], learningRate }
      const { loss } = await compiled.run(random ? { ...batch, key: [0, index] } : batch)
      return loss[0]
    }
  }
  const inference = (): Contender['step'] => {
    const data = batches(row).map(({ images }) => channelsFirst(images, row))
    return async index => {
      const { logits } = await compiled.run({ x: data[index % data.length] })
      return logits[0]
    }
  }

  const details = async (): Promise<FoveaDetails> => {
    const repeats = Number(process.env.FOVEA_BENCH_REPEATS ?? '30')
    // The program itself, so that its weights are not there twice.
    const times = repeats > 0 ? await engine.profile(program, repeats) : []
    return {
      ...detailsOf(compiled.plan, times, threads),
      planMs: compiled.compileTime,
      engine: `${engine.description.backend}, ${engine.description.simd} SIMD`,
    }
  }
  const epoch = async (): Promise<FoveaEpoch> => {
    const started = performance.now()
    const { BatchLoader, mnist, subsetOf } = await import('../../../dist/data/index.node.js')
    const train = subsetOf((await mnist()).train)
    const trainer = new Trainer({ model: makeTrained(), train, engine, optimizer: makeOptimizer(), epochs: 1 })
    for await (const event of trainer.run()) if (event.type === 'done') break
    const ms = performance.now() - started
    const loader = new BatchLoader(train, { batchSize: batch, seed: 1 })
    const [images, labels] = [new Uint8Array(batch * side * side * channels), new Int32Array(batch)]
    const batching = performance.now()
    loader.startEpoch(2)
    for (let index = 0; index < loader.batches; index++) loader.fill(index, images, labels)
    return { ms, images: train.indices.length, batchingMs: performance.now() - batching }
  }
  return {
    version,
    parameters,
    step: row.task === 'train' ? training() : inference(),
    extra: row.net.name === 'lenet5' ? { details, epoch } : { details },
  }
}

/** Version of the package that is measured. */
const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

await serve(open)
