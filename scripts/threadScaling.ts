/**
 * What a second thread brings: ResNet-18 (or another model) with one thread and with two, in turn, medians.
 *
 *     npx tsx scripts/threadScaling.ts [model] [--wide]
 */
import { zeros } from '../src/graph/variable.ts'
import {
  createEngine,
  type Executable,
  input,
  type Program,
  type RunInputs,
  simplify,
  sizeOf,
  type TypedArray,
} from '../src/index.ts'
import { findModel } from '../src/models/index.ts'
import { crossEntropy, inference, normalize, sequential } from '../src/nn/index.ts'
import { sgd } from '../src/optim/index.ts'
import { trainingProgram } from '../src/train/programs.ts'

const wide = process.argv.includes('--wide') ? 'auto' : 'off'
const [name = 'resnet18'] = process.argv.slice(2).filter(argument => !argument.startsWith('--'))
const { create, inputShape } = findModel(name)
const [channels, height, width] = inputShape

function predictions(batch: number): Program {
  const model = create().initialize(0)
  const x = input('x', [batch, ...inputShape], { batched: true })
  const [y] = simplify([model.forward(x, inference())])
  return { outputs: { y }, updates: new Map() }
}

function training(batch: number): Program {
  const scale = { mean: new Array<number>(channels).fill(0.5), std: new Array<number>(channels).fill(0.25) }
  const model = sequential({ normalize: normalize(scale), net: create() }).initialize(0)
  return trainingProgram(model, [height, width, channels], batch, crossEntropy(), sgd({ lr: 0.01, momentum: 0.9 }))
}

/** Numbers that are no zeros: images of bytes or of −1 … 1, and labels that every model has. */
function inputsOf({ inputs }: Executable): RunInputs {
  const values: Record<string, TypedArray> = {}
  for (const [name, { shape, dtype }] of inputs) {
    const value = (k: number) => (dtype === 'f32' ? ((k * 7919) % 1000) / 500 - 1 : (k * 7919) % 251)
    values[name] = zeros(dtype, sizeOf(shape)).map((_, k) =>
      name === 'labels' ? 1 : name === 'learningRate' ? 0.01 : value(k),
    )
  }
  return values
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1]

const rows: Record<string, string | number>[] = []
for (const [task, batch, make, runs] of [
  ['inference', 1, predictions, 30],
  ['inference', 8, predictions, 10],
  ['training', 8, training, 6],
] as const) {
  const contenders = await Promise.all(
    [1, 2].map(async threads => {
      const engine = createEngine({ threads, wide })
      const executable = await engine.compile(make(batch))
      return { engine, executable, inputs: inputsOf(executable), times: [] as number[] }
    }),
  )
  for (let run = 0; run < runs + 2; run++) {
    for (const { executable, inputs, times } of contenders) {
      const started = performance.now()
      await executable.run(inputs, { read: [] })
      if (run >= 2) times.push(performance.now() - started)
    }
  }
  const [one, two] = contenders.map(({ times }) => median(times))
  rows.push({
    task,
    batch,
    '1 thread, ms': one.toFixed(2),
    '2 threads, ms': two.toFixed(2),
    ratio: (one / two).toFixed(2),
  })
  await Promise.all(contenders.map(({ engine }) => engine.close()))
}
console.log(`${name}, Node ${process.versions.node}${wide === 'auto' ? ', wide vectors where there are any' : ''}`)
console.table(rows)
