/** LeNet-5 as a whole: logits, loss, all gradients and three steps of SGD with momentum against PyTorch's. */
import { expect, test } from 'vitest'
import * as g from '../../../src/graph/index.ts'
import { expectClose, lcgTensor, loadLenetFixture, type TensorSummary } from '../../support/fixtures.ts'
import type { BackendUnderTest } from '../conformance.ts'

const lenet = loadLenetFixture()
const names = Object.keys(lenet.parameters)

/** The network's logits `[8, 10]` from `x` and its parameters by name. */
function logitsOf(x: g.Volume, p: Readonly<Record<string, g.Tensor>>): g.Matrix {
  const perChannel = (name: string): g.Tensor => g.reshape(p[name]!, [1, -1, 1, 1])
  const convolve = (input: g.Volume, layer: string, padding: number): g.Volume => {
    const y = g.conv2d(input, p[`${layer}.weight`] as g.Volume, { padding })
    return g.maxPool2d(g.relu(g.add(y, perChannel(`${layer}.bias`))) as g.Volume, 2)
  }
  const linear = (input: g.Matrix, layer: string): g.Matrix => {
    const y = g.matmul(input, p[`${layer}.weight`] as g.Matrix, { transposeB: true })
    return g.add(y, p[`${layer}.bias`]!) as g.Matrix
  }
  let h = convolve(x, 'conv1', 2)
  h = convolve(h, 'conv2', 0)
  return linear(g.relu(linear(g.relu(linear(g.flatten(h), 'fc1')), 'fc2')), 'fc3')
}

export function lenetGroup(backend: BackendUnderTest): void {
  const { relative, absolute } = backend.tolerance
  /** A long chain of sums rounds more than one operation. */
  const tolerance = { relative: 10 * relative, absolute: 10 * absolute }
  const x = g.input('x', lenet.input.shape as g.Volume['shape'])
  const labels = g.constantTensor(lenet.labels, [lenet.labels.length], 'i32')
  const parameters = names.map(name => g.input(name, lenet.parameters[name]!.shape))
  const logits = logitsOf(x, Object.fromEntries(names.map((name, k) => [name, parameters[k]!])))
  const loss = g.mean(g.softmaxCrossEntropy(logits, labels))
  const initial = Object.fromEntries(
    [['x', lenet.input] as const, ...Object.entries(lenet.parameters)].map(
      ([name, { shape, seed, scale }]) => [name, lcgTensor(shape, seed, scale)] as const,
    ),
  )

  const expectSummary = (actual: ArrayLike<number>, summary: TensorSummary, label: string): void => {
    const values = Float64Array.from(actual)
    expectClose(
      summary.indices.map(index => values[index]!),
      summary.values,
      tolerance,
      `${label}, entries`,
    )
    const sum = values.reduce((a, b) => a + b, 0)
    const norm = Math.sqrt(values.reduce((a, b) => a + b * b, 0))
    expectClose([norm], [summary.norm], tolerance, `${label}, norm`)
    // The entries of a sum may cancel: its error grows with their size and number, not with the sum.
    const spread = tolerance.relative * summary.norm * Math.sqrt(values.length)
    expectClose([sum], [summary.sum], { absolute: tolerance.absolute + spread }, `${label}, sum`)
  }

  test('logits, loss and gradients before training', async () => {
    const results = await backend.run([logits, loss, ...g.gradients(loss, parameters)], initial)
    expectClose(results[0]!, lenet.logits, tolerance, 'logits')
    expectClose(results[1]!, [lenet.losses[0]!], tolerance, 'loss')
    names.forEach((name, k) => {
      expectSummary(results[2 + k]!, lenet.gradients[name]!, `gradient of ${name}`)
    })
  })

  test('three steps of SGD with momentum', async () => {
    const { learningRate, momentum } = lenet.optimizer
    const velocities = names.map(name => g.input(`${name} velocity`, lenet.parameters[name]!.shape))
    const found = g.gradients(loss, parameters)
    const nextVelocities = velocities.map((v, k) => g.add(g.mul(momentum, v), found[k]!))
    const nextParameters = parameters.map((p, k) => g.sub(p, g.mul(learningRate, nextVelocities[k]!)))
    const roots = [loss, ...nextParameters, ...nextVelocities]
    let state: Record<string, ArrayLike<number>> = {
      ...initial,
      ...Object.fromEntries(velocities.map(v => [v.label, new Float64Array(g.sizeOf(v.shape))])),
    }
    const losses: number[] = []
    for (let step = 1; step <= 4; step++) {
      const results = await backend.run(roots, state)
      losses.push(results[0]![0]!)
      const inputs = [...parameters, ...velocities]
      state = { ...state, ...Object.fromEntries(inputs.map((tensor, k) => [tensor.label, results[1 + k]!])) }
      if (step === 1 || step === 3) {
        for (const name of names) {
          expectSummary(state[name]!, lenet.after[step].parameters[name]!, `${name} after step ${step}`)
        }
      }
    }
    expectClose(losses, lenet.losses, tolerance, 'losses')
    expect(losses[3]).toBeLessThan(losses[0]!)
  })
}
