/**
 * Random networks, trained for two steps: the WebAssembly backend against the reference, in every layout and whatever the plan
 * makes of the batch; the same bits from one thread and from several; and for equal keys of kernels equal code.
 *
 * A longer run, or another one: `FOVEA_RANDOM_NETWORKS=3000 FOVEA_RANDOM_SEED=7 npx vitest run test/backends/wasm/randomNetworks.test.ts`.
 * A failure prints its seed and path, and the shortest network that fails.
 */
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../src/backends/engine.ts'
import { createReferenceEngine } from '../../../src/backends/reference/engine.ts'
import type { WasmEngineOptions } from '../../../src/backends/wasm/options.ts'
import { evaluateReference } from '../../../src/graph/evaluate.ts'
import type { ReferenceTensor } from '../../../src/graph/op.ts'
import { opOf } from '../../../src/graph/table.ts'
import { type Tensor, topologicalOrder } from '../../../src/graph/tensor.ts'
import type { TypedArray } from '../../../src/graph/variable.ts'
import { expectClose } from '../../support/fixtures.ts'
import { checkingKeys } from '../../support/kernelKeys.ts'
import { expectSameBits } from '../../support/programs.ts'
import { type LayerKind, layerKinds } from '../../support/randomLayers.ts'
import { buildProgram, type NetworkSpec, networks } from '../../support/randomNetworks.ts'
import { threadedEngine } from '../../support/threads.ts'

const { FOVEA_RANDOM_NETWORKS, FOVEA_RANDOM_SEED } = process.env
const count = Number(FOVEA_RANDOM_NETWORKS ?? 120)
const seed = Number(FOVEA_RANDOM_SEED ?? 20_250_105)

/** All outputs after each of two runs, and the variables after the first. */
async function train(engine: Engine, spec: NetworkSpec): Promise<Map<string, TypedArray>> {
  const { program, inputs, variables } = buildProgram(spec)
  const executable = await engine.compile(program)
  const results = new Map<string, TypedArray>()
  for (const step of [1, 2]) {
    for (const [name, values] of Object.entries(await executable.run(inputs)))
      results.set(`${name} in step ${step}`, values)
    // Decisions of a second step would depend on rounded weights.
    if (step === 1) for (const [k, v] of variables.entries()) results.set(`variable ${k}`, await engine.read(v))
  }
  return results
}

/** Kinds of layers that the networks have had. */
const kinds = new Set<LayerKind>()

const layouts: readonly Pick<WasmEngineOptions, 'innermost' | 'precise'>[] = [
  { innermost: 'channels' },
  { innermost: 'channels', precise: true },
  { innermost: 'samples' },
  { innermost: 'samples', precise: true },
  {},
]

/** The first step by the definitions of the operations, each of whose results is rounded to single precision. */
function inSinglePrecision(spec: NetworkSpec): Map<string, ArrayLike<number>> {
  const { program, inputs, variables } = buildProgram(spec)
  const outputs = Object.entries(program.outputs)
  const roots = [...outputs.map(([, tensor]) => tensor), ...program.updates.values()]
  const values = new Map<Tensor, ReferenceTensor>()
  for (const tensor of topologicalOrder(roots)) {
    const operands = tensor.inputs.map(operand => values.get(operand)!)
    const data = tensor.source
      ? evaluateReference([tensor], inputs)[0]!.values
      : opOf(tensor).reference(operands, tensor.attributes, tensor.shape)
    values.set(tensor, { shape: tensor.shape, values: Float64Array.from(data, Math.fround) })
  }
  return new Map([
    ...outputs.map(([name, tensor]) => [`${name} in step 1`, values.get(tensor)!.values] as const),
    ...variables.map(
      (variable, k) =>
        [
          `variable ${k}`,
          program.updates.has(variable) ? values.get(program.updates.get(variable)!)!.values : variable.value,
        ] as const,
    ),
  ])
}

const largestOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/**
 * Fails where a value is off by more than sums in single precision are: by their terms' size, which is about that of the
 * largest result, or, where terms cancel, by what rounding alone makes of this network.
 */
function expectNear(spec: NetworkSpec, actual: TypedArray, expected: TypedArray, name: string): void {
  const absolute = 2e-5 * Math.max(0.25, largestOf(expected))
  try {
    expectClose(actual, expected, { absolute }, name)
  } catch (error) {
    const rounded = inSinglePrecision(spec).get(name)!
    const noise = largestOf(Array.from(rounded, (value, at) => value - expected[at]!))
    if (!(noise > 0)) throw error
    expectClose(actual, expected, { absolute: absolute + 16 * noise }, name)
  }
}

describe.each(layouts)('random networks with %o', layout => {
  const reference = createReferenceEngine()
  const enginesOf = (winograd: boolean) => {
    const make = (threads: number) => checkingKeys(threadedEngine({ ...layout, winograd, threads }))
    return [make(1), make(layout.precise ? 3 : 2)] as const
  }
  const engines = { plain: enginesOf(false), winograd: enginesOf(true) }
  afterAll(() => Promise.all(Object.values(engines).flatMap(pair => pair.map(engine => engine.close()))))
  test('agree with the reference on any number of threads', { timeout: count * 10_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(networks, async spec => {
        for (const kind of buildProgram(spec).kinds) kinds.add(kind)
        const pair = engines[spec.winograd ? 'winograd' : 'plain']
        const expected = await train(reference, spec)
        const [one, many] = await Promise.all(pair.map(engine => train(engine, spec)))
        for (const [name, values] of expected) {
          if (!name.endsWith('step 2')) expectNear(spec, one!.get(name)!, values, name)
          expectSameBits(many!.get(name), one!.get(name)!, `${name} on one thread and on several`)
        }
      }),
      { seed: seed + layouts.indexOf(layout), numRuns: count },
    )
  })
})

test('random networks are made of all kinds of layers', () => {
  expect(layerKinds.filter(kind => !kinds.has(kind))).toEqual([])
})
