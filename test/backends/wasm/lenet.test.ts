/**
 * LeNet-5 as it is trained: layers, cross-entropy, SGD with momentum and simplification, on one to three threads. Loss,
 * gradients and parameters after one and three steps are PyTorch's, and the bits do not depend on the threads.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Engine } from '../../../src/backends/engine.ts'
import { createWasmEngine } from '../../../src/backends/wasm/engine.ts'
import * as g from '../../../src/graph/index.ts'
import { lenet5 } from '../../../src/models/lenet.ts'
import { sgd } from '../../../src/optim/sgd.ts'
import type { Program } from '../../../src/plan/program.ts'
import { expectClose, lcgTensor, loadLenetFixture, type TensorSummary } from '../../support/fixtures.ts'
import { expectSameBits } from '../../support/programs.ts'

const fixture = loadLenetFixture()
const [samples, ...imageShape] = fixture.input.shape
const images = lcgTensor(fixture.input.shape, fixture.input.seed, fixture.input.scale)

/** A training step on the fixture's batch, repeated: means over the batch, and so all gradients, stay the same. */
function trainingStep(repeats: number) {
  const model = lenet5().initialize(0)
  const parameters = model.parameters()
  for (const [path, { shape, seed, scale }] of Object.entries(fixture.parameters)) {
    parameters.get(path)!.value.set(lcgTensor(shape, seed, scale))
  }
  const batch = samples! * repeats
  const x = g.input('images', [batch, ...imageShape], { batched: true })
  const labels = g.input('labels', [batch], { dtype: 'i32', batched: true })
  const logits = model.forward(x, { training: true, updates: new Map() }) as g.Matrix
  const [loss, scores] = g.simplify([g.mean(g.softmaxCrossEntropy(logits, labels)), logits])
  const paths = [...parameters.keys()]
  const slopes = g.gradients(
    loss as g.Scalar,
    [...parameters.values()].map(({ tensor }) => tensor),
  )
  const optimizer = sgd({ lr: fixture.optimizer.learningRate, momentum: fixture.optimizer.momentum })
  const rate = g.input('rate', [])
  const updates = optimizer.update(parameters, new Map(paths.map((path, k) => [path, slopes[k]!])), rate)
  const gradients = Object.fromEntries(paths.map((path, k) => [path, slopes[k]!]))
  return {
    variables: new Map([...parameters, ...optimizer.state()]),
    /** With the gradients as outputs too, or as in training, where they live in the update's registers. */
    program: (withGradients: boolean): Program => ({
      outputs: { loss: loss!, ...(withGradients && { logits: scores!, ...gradients }) },
      updates,
    }),
  }
}

/** Values after up to three steps, by name. */
async function train(engine: Engine, repeats: number, withGradients: boolean): Promise<Map<string, g.TypedArray>> {
  const { program, variables } = trainingStep(repeats)
  const executable = await engine.compile(program(withGradients))
  const found = new Map<string, g.TypedArray>()
  const repeated = <T>(values: ArrayLike<T>): T[] =>
    Array.from({ length: repeats * values.length }, (_, k) => values[k % values.length]!)
  const inputs = {
    images: repeated(images),
    labels: repeated(fixture.labels),
    rate: fixture.optimizer.learningRate,
  }
  for (let step = 1; step <= 3; step++) {
    for (const [name, values] of Object.entries(await executable.run(inputs)))
      found.set(`${name}, step ${step}`, values)
    for (const [path, variable] of variables) found.set(`${path} after step ${step}`, await engine.read(variable))
  }
  return found
}

/** Rounding of sums over up to 784 places of 8 images, relative to the largest entries. */
const tolerance = 5e-6

function expectSummary(actual: ArrayLike<number>, summary: TensorSummary, label: string): void {
  const values = Float64Array.from(actual)
  const magnitude = summary.norm / Math.sqrt(values.length)
  expectClose(
    summary.indices.map(index => values[index]!),
    summary.values,
    { relative: tolerance, absolute: tolerance * magnitude },
    `${label}, entries`,
  )
  const norm = Math.sqrt(values.reduce((total, value) => total + value * value, 0))
  expectClose([norm], [summary.norm], { relative: tolerance }, `${label}, norm`)
  const sum = values.reduce((total, value) => total + value, 0)
  expectClose([sum], [summary.sum], { absolute: tolerance * summary.norm * Math.sqrt(values.length) }, `${label}, sum`)
}

describe.each([
  ['relaxed', false],
  ['precise', true],
])('LeNet-5, %s', (_, precise) => {
  let engines: Engine[] = []
  beforeAll(() => {
    engines = [1, 2, 3].map(threads => createWasmEngine({ threads, precise }))
  })
  afterAll(() => Promise.all(engines.map(engine => engine.close())))

  // Two blocks or none, several blocks, and the usual batch of 128.
  test.each([1, 3, 4, 16])('the batch of 8 taken %i times agrees with PyTorch, whatever the threads', async repeats => {
    const [one, ...others] = await Promise.all(engines.map(engine => train(engine, repeats, true)))
    expectClose([one!.get('loss, step 1')![0]!], [fixture.losses[0]!], { relative: tolerance }, 'loss')
    expectClose(
      Array.from(one!.get('logits, step 1')!).slice(0, samples! * 10),
      fixture.logits,
      { relative: tolerance, absolute: tolerance },
      'logits',
    )
    for (const path of Object.keys(fixture.parameters)) {
      expectSummary(one!.get(`${path}, step 1`)!, fixture.gradients[path]!, `gradient of ${path}`)
      expectSummary(one!.get(`${path} after step 1`)!, fixture.after[1].parameters[path]!, `${path} after step 1`)
      expectSummary(one!.get(`${path} after step 3`)!, fixture.after[3].parameters[path]!, `${path} after step 3`)
    }
    for (const [step, loss] of [1, 2, 3].entries()) {
      expectClose(
        [one!.get(`loss, step ${loss}`)![0]!],
        [fixture.losses[step]!],
        { relative: tolerance },
        `loss ${step}`,
      )
    }
    for (const other of others) {
      for (const [name, values] of one!) expectSameBits(other.get(name), values, name)
    }
  })

  test('fused into the updates, gradients give the same parameters on every number of threads', async () => {
    const [one, ...others] = await Promise.all(engines.map(engine => train(engine, 16, false)))
    for (const path of Object.keys(fixture.parameters)) {
      expectSummary(one!.get(`${path} after step 3`)!, fixture.after[3].parameters[path]!, `${path} after step 3`)
    }
    for (const other of others) {
      for (const [name, values] of one!) expectSameBits(other.get(name), values, name)
    }
  })
})
