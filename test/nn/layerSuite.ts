/**
 * What every layer must do, as one suite over a table of layers: shape rule, parameters and their names, training and
 * evaluation, saving and loading, determinism of the initial weights, gradients against centered differences in float64,
 * and the WebAssembly engine against the reference.
 */
import { describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { sizeOf } from '../../src/graph/shape.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import { type ForwardContext, inference, loadState, type Module } from '../../src/nn/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { runOn } from '../support/programs.ts'
import { numericGradient, setExact, valuesOf } from './exact.ts'

/** One row of the table. */
export interface LayerCase {
  readonly name: string
  readonly make: () => Module
  readonly input: readonly number[]
  readonly output: readonly number[]
  /** Shapes by path, in order. */
  readonly parameters?: Readonly<Record<string, readonly number[]>>
  /** True when training computes something else than evaluation. */
  readonly differsInTraining?: true
  /** True when the initial weights are fixed numbers, equal for every seed. */
  readonly fixedInitialWeights?: true
  /** Shapes of the buffers by path, in order. */
  readonly buffers?: Readonly<Record<string, readonly number[]>>
  /** True for layers whose inputs must be positive (pooling by probability). */
  readonly positive?: true
  /** `u8` inputs have no gradient. */
  readonly dtype?: 'u8'
}

const training = (seed = 3, step = 1): ForwardContext => ({
  training: true,
  key: constantTensor([seed, step], [2], 'i32'),
  updates: new Map(),
})

/** Numbers without ties, away from the kinks at 0. */
function inputValues({ dtype, positive }: LayerCase, shape: readonly number[]): Float64Array {
  const values = lcgTensor(shape, 7, 4)
  if (positive) return values.map(v => v + 2.1)
  return dtype === 'u8' ? values.map(v => Math.floor((v + 2) * 64)) : values.map(v => v + Math.sign(v) * 0.01)
}

/** Runs the suite over the table. */
export function describeLayers(cases: readonly LayerCase[]): void {
  describe.each(cases)('$name', layer => {
    const {
      make,
      input: inputShape,
      output,
      parameters = {},
      buffers = {},
      differsInTraining = false,
      dtype = 'f32',
    } = layer
    const x = input('x', inputShape, { dtype })
    const values = inputValues(layer, inputShape)

    test('shape rule', () => {
      const model = make().initialize(1)
      for (const context of [inference(), training()]) {
        const y = model.forward(x, context)
        expect(y.shape).toEqual(output)
        expect(y.dtype).toBe('f32')
        expect(valuesOf(y, { x: values })).toHaveLength(sizeOf(output))
      }
    })

    test('parameters: names, shapes and count', () => {
      const model = make().initialize(1)
      expect([...model.parameters()].map(([path, { shape }]) => [path, shape])).toEqual(Object.entries(parameters))
      const kept = [...model.variables()].filter(([path]) => !model.parameters().has(path))
      expect(kept.map(([path, { shape }]) => [path, shape])).toEqual(Object.entries(buffers))
      for (const [path, variable] of model.variables()) expect(variable.name).toBe(path)
    })

    test('training and evaluation', () => {
      const model = make().initialize(1)
      const evaluated = valuesOf(model.forward(x, inference()), { x: values })
      const trained = valuesOf(model.forward(x, training()), { x: values })
      if (differsInTraining) expect(trained).not.toEqual(evaluated)
      else expect(trained).toEqual(evaluated)
      expect(valuesOf(model.forward(x, training()), { x: values })).toEqual(trained)
    })

    test('initial weights depend on the seed alone', () => {
      const weights = (seed: number): unknown => [...make().initialize(seed).state().values()]
      expect(weights(5)).toEqual(weights(5))
      if (layer.fixedInitialWeights) expect(weights(5)).toEqual(weights(6))
      else if (Object.keys(parameters).length > 0) expect(weights(5)).not.toEqual(weights(6))
    })

    test('a saved state gives the same outputs when loaded into a new model', () => {
      const model = make().initialize(1)
      const state = structuredClone(model.state())
      const other = make().initialize(2)
      expect(loadState(other, state)).toEqual({ missing: [], unexpected: [], misshaped: [] })
      expect(valuesOf(other.forward(x, inference()), { x: values })).toEqual(
        valuesOf(model.forward(x, inference()), { x: values }),
      )
    })

    test('gradients agree with centered differences', () => {
      const model = make().initialize(1)
      const upstream = lcgTensor(output, 11, 2)
      const loss = sum(mul(model.forward(x, training()), constantTensor(upstream, output)))
      const targets = [...model.parameters().values()]
      const exact = targets.map(target => Float64Array.from(target.value))
      targets.forEach((target, i) => {
        setExact(target, exact[i])
      })
      const given = values.slice()
      const f = (): number => valuesOf(loss, { x: given })[0]
      const [...analytic] = gradients(loss, [...targets.map(target => target.tensor), ...(dtype === 'f32' ? [x] : [])])
      const checked = [...exact, ...(dtype === 'f32' ? [given] : [])]
      checked.forEach((numbers, i) => {
        const expected = numericGradient(f, numbers)
        const name = targets[i]?.name ?? 'x'
        expectClose(valuesOf(analytic[i], { x: given }), expected, { relative: 1e-7, absolute: 1e-8 }, name)
        expect(
          expected.some(value => value !== 0),
          `${name} has some effect`,
        ).toBe(true)
      })
    })

    test.each([2, 8])('the WebAssembly engine computes the same, batch %i', async batch => {
      const shape = [batch, ...inputShape.slice(1)]
      const x = input('x', shape, { dtype, batched: true })
      const engine = createWasmEngine({ threads: 1 })
      try {
        for (const isTraining of [true, false]) {
          const model = make().initialize(1)
          const context = isTraining ? training() : inference()
          const y = model.forward(x, context)
          const upstream = constantTensor(lcgTensor(y.shape, 11, 2).map(Math.fround), y.shape)
          const targets = [...model.parameters().values()].map(({ tensor }) => tensor)
          if (dtype === 'f32') targets.push(x)
          const slopes = gradients(sum(mul(y, upstream)), targets)
          const roots = [y, ...slopes, ...context.updates.values()]
          const values = { x: inputValues(layer, shape).map(Math.fround) }
          const expected = evaluateReference(roots, values)
          const actual = await runOn(engine, roots, values)
          actual.forEach((numbers, k) => {
            const largest = expected[k].values.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
            const label = k === 0 ? 'output' : k <= slopes.length ? `gradient ${k}` : `update ${k - slopes.length}`
            expectClose(
              numbers,
              expected[k].values,
              { relative: 1e-4, absolute: 1e-4 * Math.max(largest, 1e-2) },
              `${label}, ${isTraining}`,
            )
          })
        }
      } finally {
        await engine.close()
      }
    })
  })
}
