/**
 * Random networks, trained for two steps: the WebAssembly backend against the reference, in every layout and whatever the plan
 * makes of the batch; the same bits from one thread and from several; machine code too; and for equal keys of kernels equal code.
 *
 * A longer run, or another one: `FOVEA_RANDOM_NETWORKS=3000 FOVEA_RANDOM_SEED=7 npx vitest run test/backends/wasm/randomNetworks.test.ts`.
 * A failure prints its seed and path, and the shortest network that fails.
 */
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../src/backends/engine.ts'
import { nativeKernels } from '../../../src/backends/native/native.ts'
import { createReferenceEngine } from '../../../src/backends/reference/engine.ts'
import { createWasmEngineWith, type WasmEngine } from '../../../src/backends/wasm/engine.ts'
import type { WasmEngineOptions } from '../../../src/backends/wasm/options.ts'
import { evaluateReference } from '../../../src/graph/evaluate.ts'
import type { ReferenceTensor } from '../../../src/graph/op.ts'
import { sizeOf } from '../../../src/graph/shape.ts'
import { opOf } from '../../../src/graph/table.ts'
import { type Tensor, topologicalOrder } from '../../../src/graph/tensor.ts'
import type { TypedArray } from '../../../src/graph/variable.ts'
import { RandomSequence } from '../../../src/random/philox.ts'
import { expectClose } from '../../support/fixtures.ts'
import { checkingKeys } from '../../support/kernelKeys.ts'
import { expectSameBits } from '../../support/programs.ts'
import { type LayerKind, layerKinds } from '../../support/randomLayers.ts'
import { buildProgram, type NetworkSpec, networks } from '../../support/randomNetworks.ts'
import { sharing, threadedEngine } from '../../support/threads.ts'

const { FOVEA_RANDOM_NETWORKS, FOVEA_RANDOM_SEED } = process.env
const count = Number(FOVEA_RANDOM_NETWORKS ?? 16)
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

interface Layout extends Pick<WasmEngineOptions, 'innermost' | 'precise'> {
  /** Machine code with these vectors. */
  readonly native?: 'AVX2' | 'AVX-512'
}

const layouts: readonly Layout[] = [
  { innermost: 'channels' },
  { innermost: 'channels', precise: true },
  { innermost: 'samples' },
  { innermost: 'samples', precise: true },
  {},
  { innermost: 'channels', native: 'AVX-512' },
  { innermost: 'samples', native: 'AVX-512' },
  { innermost: 'channels', native: 'AVX2' },
  { innermost: 'samples', native: 'AVX2' },
]

const found = nativeKernels('auto')

/** Whether this machine has what a layout needs. */
const isHere = ({ native }: Layout): boolean =>
  native === undefined || (native === 'AVX2' ? found.on : found.processor?.avx512 === true)

/** An engine whose threads take part in every program. */
function engineOf({ native, ...options }: Omit<WasmEngineOptions, 'native'> & Layout): WasmEngine {
  if (!native) return checkingKeys(threadedEngine(options))
  const processor = { ...found.processor!, avx512: native === 'AVX-512' }
  return createWasmEngineWith({ ...sharing, native: { ...found, processor } }, options)
}

/**
 * The first step by the definitions of the operations, with what single precision may make of it: every result is rounded to
 * one of the two numbers next to it, by chance, and so are the partial sums of a sum. A term is off by what all sums that it is in
 * are: from term to term by a random step of up to 2⁻²⁴, and by one that is the same for all, since equal terms, of which these
 * networks have many, are rounded alike (Higham, "Accuracy and stability of numerical algorithms", 2002, chapter 4).
 */
function inSinglePrecision(spec: NetworkSpec, draw: number): Map<string, ArrayLike<number>> {
  const random = new RandomSequence(draw, 'rounding')
  const off = (value: number, size: number): number => value * (1 + (2 * random.uniform() - 1) * size)
  // What needs no rounding stays: copies, maxima, masks, indices.
  const round = (value: number): number => (Math.fround(value) === value ? value : Math.fround(off(value, 2 ** -24)))
  const summed = (tensor: Tensor, operands: readonly ReferenceTensor[]): readonly ReferenceTensor[] => {
    const terms = termsOf(tensor)
    if (terms === 1) return operands
    const [first, ...others] = operands as [ReferenceTensor, ...ReferenceTensor[]]
    const perTerm = terms / first.values.length
    const drift = perTerm * 2 ** -24 * (2 * random.uniform() - 1)
    let factor = 1
    const values = first.values.map(value => {
      factor = off(factor, 2 ** -24 * Math.sqrt(perTerm)) + drift
      return value * factor
    })
    return [{ ...first, values }, ...others]
  }
  const { program, inputs, variables } = buildProgram(spec)
  const outputs = Object.entries(program.outputs)
  const roots = [...outputs.map(([, tensor]) => tensor), ...program.updates.values()]
  const values = new Map<Tensor, ReferenceTensor>()
  for (const tensor of topologicalOrder(roots)) {
    const operands = tensor.inputs.map(operand => values.get(operand)!)
    const data = tensor.source
      ? evaluateReference([tensor], inputs)[0]!.values
      : opOf(tensor).reference(summed(tensor, operands), tensor.attributes, tensor.shape)
    values.set(tensor, { shape: tensor.shape, values: Float64Array.from(data, round) })
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

/** Terms of each sum that an operation makes; 1 for all that make none. */
function termsOf(tensor: Tensor): number {
  const { op, inputs, attributes, shape } = tensor
  const sums = ['matmul', 'conv2d', 'conv2dInputGradient', 'conv2dWeightGradient']
  const reduces = op === 'reduce' && (attributes as { fn: string }).fn === 'sum'
  if (reduces) return sizeOf(inputs[0]!.shape) / sizeOf(shape)
  if (!sums.includes(op)) return 1
  const { multiplyAdds } = opOf(tensor).cost(tensor, attributes)
  return Math.max(1, multiplyAdds / sizeOf(shape))
}

const largestOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/** Draws by which the size of rounding is judged: one alone is near 0 now and then, where a result is a single number. */
const draws = 6

/**
 * Fails where a value is off by more than sums in single precision are: by their terms' size, which is about that of the
 * largest result, or, where terms cancel, by what rounding alone makes of this network.
 */
function expectNear(spec: NetworkSpec, actual: TypedArray, expected: TypedArray, name: string): void {
  const absolute = 2e-5 * Math.max(0.25, largestOf(expected))
  try {
    expectClose(actual, expected, { absolute }, name)
  } catch (error) {
    const noises = Array.from({ length: draws }, (_, draw) => {
      const rounded = inSinglePrecision(spec, draw).get(name)!
      return largestOf(Array.from(rounded, (value, at) => value - expected[at]!))
    })
    const noise = Math.max(...noises)
    if (!(noise > 0)) throw error
    expectClose(actual, expected, { absolute: absolute + 4 * noise }, name)
  }
}

describe.each(layouts.filter(isHere))('random networks with %o', layout => {
  const reference = createReferenceEngine()
  const enginesOf = (winograd: boolean) => {
    const make = (threads: number) => engineOf({ ...layout, winograd, threads })
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
      { seed: seed + layouts.indexOf(layout), numRuns: layout.native ? Math.ceil(count / 3) : count },
    )
  })
})

test('random networks are made of all kinds of layers', () => {
  expect(layerKinds.filter(kind => !kinds.has(kind))).toEqual([])
})
