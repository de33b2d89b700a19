/** Pairs of sums in plans for WebGPU: where they are made, and where one would wait for itself. */
import { describe, expect, test } from 'vitest'
import type { Hardware } from '../../../src/backends/webgpu/kernels/kernel.ts'
import type { DeviceStep, Pair } from '../../../src/backends/webgpu/pairs.ts'
import { planFor } from '../../../src/backends/webgpu/target.ts'
import * as g from '../../../src/graph/index.ts'
import { batchNorm2d, type ForwardContext } from '../../../src/nn/index.ts'
import type { Program } from '../../../src/plan/program.ts'
import { stepInputs } from '../../../src/plan/step.ts'

const hardware: Hardware = { mostBindings: 10, span: 2 ** 30, parallel: true }

/** The steps of a plan, in the order in which they run. */
const stepsOf = (program: Program): DeviceStep[] => planFor(program, hardware).groups.flatMap(({ steps }) => steps)
const pairsIn = (steps: readonly DeviceStep[]): DeviceStep[] => steps.filter(({ form }) => form?.kind === 'pair')
/** How often steps read a value. */
const readings = (steps: readonly DeviceStep[], tensor: g.Tensor): number =>
  steps.filter(step => stepInputs(step).includes(tensor)).length
const outputs = (values: Readonly<Record<string, g.Tensor>>): Program => ({ outputs: values, updates: new Map() })

describe('sums are paired', () => {
  test('of batch norm in training: its moments, and the sums of its gradient', () => {
    const x = g.input('x', [8, 4, 6, 6])
    const norm = batchNorm2d(4).assignPaths()
    const context: ForwardContext = { training: true, updates: new Map() }
    const y = norm.forward(x, context)
    const upstream = g.input('upstream', y.shape)
    const [dx, dw] = g.gradients(g.sum(g.mul(y, upstream)) as g.Scalar, [x, norm.weight!.tensor])
    const program: Program = { outputs: { y, dx: dx!, dw: dw! }, updates: context.updates }
    const steps = stepsOf(program)
    const pairs = pairsIn(steps)
    expect(pairs.length).toBe(2)
    expect(readings(pairs, x)).toBe(2)
    // Besides, its first estimate of the mean, its result, and its gradient: seven without pairs.
    expect(readings(steps, x)).toBe(5)
  })

  test('when the second is stored with the first’s result, as a variance is with its mean', () => {
    const x = g.input('x', [30, 5])
    const mean = g.mean(x, 0)
    const [pair, ...others] = stepsOf(outputs({ variance: g.sub(g.mean(g.square(x), 0), g.square(mean)), mean }))
    expect(others).toEqual([])
    const form = pair!.form as Pair
    expect(form.members.map(({ op }) => op)).toEqual(['reduce', 'reduce'])
    expect(pair!.outputs.length).toBe(2)
  })
})

describe('sums are not paired', () => {
  const [x, y] = [g.input('x', [30, 5]), g.input('y', [30, 5])]

  test('when they fold other axes, other values, or not by adding', () => {
    expect(pairsIn(stepsOf(outputs({ a: g.sum(x, 0), b: g.sum(g.square(x), 1) })))).toEqual([])
    expect(pairsIn(stepsOf(outputs({ a: g.sum(x, 0), b: g.sum(y, 0) })))).toEqual([])
    expect(pairsIn(stepsOf(outputs({ a: g.sum(x, 0), b: g.max(x, 0) })))).toEqual([])
  })

  test('when the second folds what the first gives', () => {
    expect(pairsIn(stepsOf(outputs({ y: g.sum(g.square(g.sub(x, g.mean(x, 0))), 0) })))).toEqual([])
  })

  test('when two pairs would wait for each other', () => {
    const [a, d] = [g.sum(x, 0), g.sum(y, 0)]
    const steps = stepsOf(outputs({ b: g.sum(g.mul(x, d), 0), c: g.sum(g.mul(y, a), 0) }))
    expect(pairsIn(steps).length).toBe(1)
    const stored = new Set<g.Tensor>([x, y])
    for (const step of steps) {
      for (const read of stepInputs(step)) expect(stored, 'what a step reads is there').toContain(read)
      for (const output of step.outputs) stored.add(output)
    }
    expect(stored.size).toBe(6)
  })

  test('when the result is a variable’s new value, which is stored in its place', () => {
    const total = new g.Variable([5], { name: 'total' })
    const program: Program = {
      outputs: { squares: g.sum(g.square(x), 0) },
      updates: new Map([[total, g.add(total.tensor, g.sum(x, 0))]]),
    }
    expect(pairsIn(stepsOf(program))).toEqual([])
  })
})
