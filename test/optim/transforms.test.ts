/** What is done to gradients and weights around an optimizer: against PyTorch where it has it, else against the formula. */
import { afterAll, describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { gradients as gradientsOf } from '../../src/graph/gradient.ts'
import { add, square, sub } from '../../src/graph/ops/elementwise.ts'
import { matmul } from '../../src/graph/ops/matmul.ts'
import { mean } from '../../src/graph/ops/reduce.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Scalar, Tensor } from '../../src/graph/tensor.ts'
import { Parameter, zeros } from '../../src/nn/index.ts'
import { AveragedVariables, swa } from '../../src/optim/average.ts'
import {
  centralize,
  chain,
  clipByGlobalNorm,
  clipByMedianNorm,
  clipByValue,
  ema,
  GradientAccumulator,
  maxNorm,
  oneBit,
  penalty,
  proximal,
  sgd,
  type Transform,
} from '../../src/optim/index.ts'
import { applyUpdates, setExact, valuesOf } from '../nn/exact.ts'
import { expectClose } from '../support/fixtures.ts'
import { problem, startingParameters, takeSteps, treatmentCases } from '../support/optimFixtures.ts'

const engine = await createWasmEngine({ threads: 1 })
afterAll(() => engine.close())

/** The gradients after a transform, for the given ones: what sgd with rate 1 subtracts. In double precision, and on WebAssembly. */
async function treat(transform: Transform, given: Readonly<Record<string, Tensor>>) {
  const results: Record<string, number[]>[] = []
  for (const exact of [true, false]) {
    const parameters = new Map(Object.entries(given).map(([path, { shape }]) => [path, new Parameter(shape, zeros())]))
    const optimizer = chain(transform, sgd({ lr: 1 }))
    const updates = optimizer.update(parameters, new Map(Object.entries(given)), constantTensor(1))
    if (exact) applyUpdates(updates)
    else await (await engine.compile({ outputs: {}, updates })).run()
    const found: Record<string, number[]> = {}
    for (const [path, parameter] of parameters) {
      found[path] = Array.from(exact ? parameter.value : await engine.read(parameter), value => -value)
    }
    results.push(found)
  }
  return { exact: results[0]!, wasm: results[1]! }
}

const firstTargets = Object.fromEntries(
  Object.entries(problem.targets).map(([name, { shape, data }]) => {
    const size = data.length / 10
    return [name, constantTensor(data.slice(0, size), shape.slice(1))]
  }),
)

describe('clipping against PyTorch', () => {
  const make = { clipByValue, clipByGlobalNorm }
  const cases = treatmentCases.filter(({ op }) => op in make)
  test.each(cases.map(fixture => [fixture.name, fixture] as const))('%s', async (name, { op, limit, output }) => {
    const { exact, wasm } = await treat(make[op as keyof typeof make](limit!), firstTargets)
    for (const [path, { data }] of Object.entries(output)) {
      expectClose(exact[path]!, data, { relative: 1e-11 }, `${name}, ${path}`)
      expectClose(wasm[path]!, data, { relative: 1e-6 }, `${name}, ${path}, wasm`)
    }
  })
  test('was compared in three cases each', () => expect(cases).toHaveLength(6))
})

describe('clipByMedianNorm', () => {
  const medianOf = (values: readonly number[]): number => {
    const sorted = [...values].sort((a, b) => a - b)
    return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2
  }

  /** The norms of what is left of gradients [size, size] / √2, one a step. */
  async function norms(transform: Transform, sizes: readonly number[], onEngine: boolean): Promise<number[]> {
    const parameter = new Parameter([2], zeros())
    const updates = chain(transform, sgd({ lr: 1 })).update(
      new Map([['w', parameter]]),
      new Map([['w', input('g', [2]) as Tensor]]),
      constantTensor(1),
    )
    const program = onEngine ? await engine.compile({ outputs: {}, updates }) : undefined
    const result: number[] = []
    let before = [0, 0]
    for (const size of sizes) {
      const g = [size / Math.SQRT2, -size / Math.SQRT2]
      if (program) await program.run({ g })
      else applyUpdates(updates, { g })
      const after = [...(program ? await engine.read(parameter) : parameter.value)]
      result.push(Math.hypot(after[0]! - before[0]!, after[1]! - before[1]!))
      before = after
    }
    return result
  }

  test.each([false, true])('limits to a multiple of the median of the last norms; on wasm: %s', async onEngine => {
    // Norms that jump about, with explosions, ties, and steps without any gradient.
    const sizes = Array.from({ length: 60 }, (_, k) => ((k * 7) % 11) * 0.125 + (k % 13 === 12 ? 50 : 0.25))
    const [factor, window, warmup] = [1.5, 8, 3]
    const expected = sizes.map((size, k) => {
      const before = sizes.slice(Math.max(0, k - window), k)
      return k < warmup ? size : Math.min(size, factor * medianOf(before))
    })
    const got = await norms(clipByMedianNorm({ factor, window, warmup }), sizes, onEngine)
    expectClose(got, expected, onEngine ? { relative: 2e-5, absolute: 2e-5 } : { relative: 1e-10 }, 'norms')
    expect(Math.max(...got.slice(warmup))).toBeLessThan(3)
  })

  test('a start without gradients does not forbid all later steps', async () => {
    const got = await norms(clipByMedianNorm({ window: 4, warmup: 2 }), [0, 0, 0, 3, 1, 1, 1, 9], false)
    expectClose(got, [0, 0, 0, 3, 1, 1, 1, 2], { relative: 1e-12 }, 'norms')
  })

  test('does not remember a norm that is infinite', async () => {
    const transform = clipByMedianNorm({ window: 3, warmup: 1 })
    const optimizer = chain(transform, sgd({ lr: 1 }))
    const parameter = new Parameter([1], zeros())
    const updates = optimizer.update(
      new Map([['w', parameter]]),
      new Map([['w', input('g', [1]) as Tensor]]),
      constantTensor(1),
    )
    for (const size of [1, Number.POSITIVE_INFINITY, Number.NaN, 2]) applyUpdates(updates, { g: [size] })
    const state = optimizer.state()
    expect([...state.get('clipByMedianNorm.norms')!.value]).toEqual([1, 2, 0])
    expect([...state.get('clipByMedianNorm.seen')!.value]).toEqual([2])
  })
})

test('centralize: the gradient of each unit has mean zero; vectors are left alone', async () => {
  const given = { w: constantTensor([1, 2, 3, 4, 6, 8, 1, 1], [2, 2, 2, 1]), b: constantTensor([1, 2], [2]) }
  const { exact, wasm } = await treat(centralize(), given)
  expect(exact).toEqual({ w: [-1.5, -0.5, 0.5, 1.5, 2, 4, -3, -3], b: [1, 2] })
  expect(wasm).toEqual(exact)
})

describe('oneBit', () => {
  test('keeps two numbers a unit: the means of its positive and of its negative part', async () => {
    const given = { w: constantTensor([1, 3, -2, 4, 5, 6], [2, 3]), b: constantTensor([-1, -3, 0.5], [3]) }
    const { exact, wasm } = await treat(oneBit(), given)
    expect(exact).toEqual({ w: [2, 2, -2, 5, 5, 5], b: [-2, -2, 0.5] })
    expect(wasm).toEqual(exact)
  })

  test.each([false, true])('loses nothing: what was left out is in the error; on wasm: %s', async onEngine => {
    const optimizer = chain(oneBit(), sgd({ lr: 1 }))
    const parameter = new Parameter([2, 3], zeros())
    const updates = optimizer.update(
      new Map([['w', parameter]]),
      new Map([['w', input('g', [2, 3]) as Tensor]]),
      constantTensor(1),
    )
    const program = onEngine ? await engine.compile({ outputs: {}, updates }) : undefined
    const total = [0, 0, 0, 0, 0, 0]
    for (let step = 0; step < 12; step++) {
      const g = total.map((_, k) => Math.sin(step * 6 + k) + 0.3)
      for (const [k, value] of g.entries()) total[k]! += value
      if (program) await program.run({ g })
      else applyUpdates(updates, { g })
    }
    const error = optimizer.state().get('oneBit.error.w')!
    const [w, e] = await Promise.all(
      [parameter, error].map(variable => (program ? engine.read(variable) : variable.value)),
    )
    expectClose(
      total.map((_, k) => e![k]! - w![k]!),
      total,
      { absolute: onEngine ? 3e-6 : 1e-13 },
      'sent + error = all gradients',
    )
    // Without feedback the two would differ by what the error is.
    expect(Math.max(...Array.from(e!, Math.abs))).toBeGreaterThan(0.1)
  })
})

describe('chain', () => {
  test('data flow from left to right', async () => {
    const given = { w: constantTensor([3, 4, 3, 4], [1, 4]) }
    const [clipped, centered] = [clipByValue(3.5), centralize()]
    const both = async (...transforms: Transform[]) => {
      const parameter = new Parameter([1, 4], zeros())
      const optimizer = chain(...transforms, sgd({ lr: 1 }))
      applyUpdates(optimizer.update(new Map([['w', parameter]]), new Map(Object.entries(given)), constantTensor(1)))
      return [...parameter.value].map(value => -value)
    }
    expect(await both(clipped, centered)).toEqual([-0.25, 0.25, -0.25, 0.25])
    expect(await both(centered, clipped)).toEqual([-0.5, 0.5, -0.5, 0.5])
  })

  test('is an optimizer: its state is that of all parts, and it may stand in another chain', async () => {
    const optimizer = chain(
      centralize(),
      chain(oneBit(), clipByMedianNorm({ window: 4 }), sgd({ lr: 1, momentum: 0.9 })),
    )
    await takeSteps(optimizer, { steps: 1 })
    expect([...optimizer.state().keys()]).toEqual([
      'momentum.weight',
      'momentum.bias',
      'oneBit.error.weight',
      'oneBit.error.bias',
      'clipByMedianNorm.norms',
      'clipByMedianNorm.seen',
    ])
    expect(optimizer.defaults).toEqual({ lr: 1, momentum: 0.9 })
  })

  test('two of a kind have states of their own', async () => {
    const optimizer = chain(oneBit(), oneBit(), sgd({ lr: 0.1 }))
    await takeSteps(optimizer, { steps: 1 })
    expect([...optimizer.state().keys()].filter(name => name.endsWith('weight'))).toEqual([
      'oneBit.error.weight',
      'oneBit2.error.weight',
    ])
  })

  test('refuses what makes no sense', () => {
    const part = oneBit()
    expect(() => chain(oneBit())).toThrow('chain: has no optimizer')
    expect(() => chain(sgd({ lr: 1 }), sgd({ lr: 1 }))).toThrow(
      'chain: sgd and sgd are both optimizers; a chain has one',
    )
    expect(() => chain(sgd({ lr: 1 }), centralize())).toThrow(
      'chain: centralize changes gradients, so it must stand before the optimizer',
    )
    expect(() => chain(maxNorm({ limit: 1 }), sgd({ lr: 1 }))).toThrow(
      'chain: maxNorm changes weights, so it must stand after the optimizer',
    )
    expect(() => chain(part, part, sgd({ lr: 1 }))).toThrow('chain: the same oneBit stands in it twice')
    const clash = chain(oneBit(), chain(oneBit(), sgd({ lr: 1 })))
    const parameter = new Parameter([1], zeros())
    clash.update(new Map([['w', parameter]]), new Map([['w', parameter.tensor as Tensor]]), constantTensor(1))
    expect(() => clash.state()).toThrow("chain: two transforms keep 'oneBit.error.w'")
  })
})

describe('L1, L2, elastic net', () => {
  const options = { l1: 0.3, l2: 0.2 }

  test('as a term of the loss: its value and slope', () => {
    const parameters = startingParameters()
    const { tensor, value } = parameters.get('weight')!
    const term = penalty(options).of(parameters)
    const w = [...value]
    const expected = w.reduce((sum, x) => sum + 0.3 * Math.abs(x) + 0.1 * x * x, 0)
    expectClose(valuesOf(term), [expected], { relative: 1e-14 }, 'value')
    const [slope] = gradientsOf(term, [tensor])
    expectClose(
      valuesOf(slope!),
      w.map(x => 0.3 * Math.sign(x) + 0.2 * x),
      { relative: 1e-14 },
      'slope',
    )
    // Biases are no weights, unless one says so.
    const [ofBias] = gradientsOf(term, [parameters.get('bias')!.tensor])
    expect([...valuesOf(ofBias!)]).toEqual([0, 0, 0])
    const all = penalty({ l2: 1, match: '**' }).of(parameters)
    const squares = [...w, ...parameters.get('bias')!.value].reduce((sum, x) => sum + x * x, 0)
    expectClose(valuesOf(all), [squares / 2], { relative: 1e-14 }, 'all')
  })

  test('L2 as a term of the loss is the optimizer’s weight decay', async () => {
    const parameters = startingParameters()
    const { tensor } = parameters.get('weight')!
    const [slope] = gradientsOf(penalty({ l2: 0.2 }).of(parameters), [tensor])
    expectClose(
      valuesOf(slope!),
      valuesOf(tensor).map(x => 0.2 * x),
      { relative: 1e-15 },
      'λ w',
    )
  })

  test.each([
    ['L1', { l1: 0.3 }],
    ['L2', { l2: 0.2 }],
    ['elastic net', options],
  ] as const)('as a proximal step: %s', async (name, strengths) => {
    const { l1 = 0, l2 = 0 } = strengths as { l1?: number; l2?: number }
    const lr = 0.5
    const w = [1, -1, 0.1, -0.1, 0, 0.16]
    for (const exact of [true, false]) {
      const parameter = new Parameter([2, 3], zeros())
      parameter.value.set(w)
      if (exact) setExact(parameter, Float64Array.from(w))
      const optimizer = chain(sgd({ lr, groups: [{ match: 'w', lrFactor: 0.5 }] }), proximal(strengths))
      const zero = constantTensor(new Array<number>(6).fill(0), [2, 3]) as Tensor
      const updates = optimizer.update(new Map([['w', parameter]]), new Map([['w', zero]]), constantTensor(lr))
      if (exact) applyUpdates(updates)
      else await (await engine.compile({ outputs: {}, updates })).run()
      const expected = w.map(x => (Math.sign(x) * Math.max(0, Math.abs(x) - 0.25 * l1)) / (1 + 0.25 * l2))
      const got = exact ? parameter.value : await engine.read(parameter)
      expectClose(got, expected, exact ? { relative: 1e-14 } : { relative: 1e-6 }, name)
    }
  })

  test('L1 makes a regression sparse: exact zeros with the proximal step, the true weights stay', async () => {
    // y = X w* with 3 of 20 weights not zero, 40 samples; the lasso finds which.
    const [samples, features] = [40, 20]
    const noise = (seed: number) =>
      Math.sin(seed * 12.9898) * 43758.5453 - Math.floor(Math.sin(seed * 12.9898) * 43758.5453) - 0.5
    const x = Array.from({ length: samples * features }, (_, k) => noise(k + 1))
    const truth = Array.from({ length: features }, (_, k) => ({ 2: 2, 7: -1.5, 13: 1 })[k] ?? 0)
    const y = Array.from({ length: samples }, (_, n) => truth.reduce((sum, w, k) => sum + w * x[n * features + k]!, 0))
    const regress = async (l1Term: number, l1Proximal: number): Promise<number[]> => {
      const parameter = new Parameter([features, 1], zeros())
      parameter.value.fill(0.5)
      const parameters = new Map([['w', parameter]])
      const predicted = matmul(constantTensor(x, [samples, features]), parameter.tensor as never)
      const loss = mean(square(sub(predicted, constantTensor(y, [samples, 1]))))
      const objective = l1Term > 0 ? add(loss, penalty({ l1: l1Term }).of(parameters)) : loss
      const [gradient] = gradientsOf(objective as Scalar, [parameter.tensor as Tensor])
      const optimizer = chain(sgd({ lr: 0.5 }), proximal({ l1: l1Proximal }))
      const updates = optimizer.update(parameters, new Map([['w', gradient!]]), constantTensor(0.5))
      const program = await engine.compile({ outputs: {}, updates })
      for (let step = 0; step < 1500; step++) await program.run()
      return [...(await engine.read(parameter))]
    }
    const zerosOf = (weights: readonly number[]) => weights.flatMap((w, k) => (w === 0 ? [k] : []))
    const wanted = truth.flatMap((w, k) => (w === 0 ? [k] : []))

    const sparse = await regress(0, 0.05)
    expect(zerosOf(sparse)).toEqual(wanted)
    for (const k of [2, 7, 13]) expect(Math.sign(sparse[k]!)).toBe(Math.sign(truth[k]!))
    // As a term of the loss it makes them small, but not zero.
    const small = await regress(0.05, 0)
    expect(zerosOf(small)).toEqual([])
    for (const k of wanted) expect(Math.abs(small[k]!)).toBeLessThan(0.05)
  })

  test('a pattern that fits nothing is an error', () => {
    expect(() => penalty({ l1: 1, match: 'conv9' }).of(startingParameters())).toThrow(
      "penalty: 'conv9' matches none of the parameters (weight, bias, …)",
    )
    expect(() => proximal({ l1: -1 })).toThrow('proximal: l1 (=-1)')
  })
})

describe('maxNorm', () => {
  const cases = treatmentCases.filter(({ op }) => op === 'maxNorm')
  test.each(cases.map(fixture => [fixture.name, fixture] as const))('%s, as torch.renorm', async (name, fixture) => {
    for (const on of [undefined, engine]) {
      const optimizer = chain(sgd({ lr: 0 }), maxNorm({ limit: fixture.limit! }))
      const rows = await takeSteps(optimizer, { steps: 1, engine: on })
      // PyTorch adds 1e-7 to the norm.
      expectClose(rows.weight!, fixture.output.weight!.data, { relative: 1e-6 }, name)
      expect(rows.bias).toEqual([...problem.start.bias!.data])
    }
  })

  test('leaves zeros alone', async () => {
    const parameter = new Parameter([2, 2], zeros())
    const optimizer = chain(sgd({ lr: 1 }), maxNorm({ limit: 1 }))
    const zero = constantTensor([0, 0, 3, 4], [2, 2]) as Tensor
    applyUpdates(optimizer.update(new Map([['w', parameter]]), new Map([['w', zero]]), constantTensor(1)))
    expectClose(parameter.value, [0, 0, -0.6, -0.8], { relative: 1e-15 }, 'w')
  })
})

describe('averages of the weights, as AveragedModel', () => {
  test.each([
    ['ema', ema({ decay: 0.75 }), 1],
    // The run has 5 epochs of 2 steps; after 0.4 of it, the weights after steps 4, 6, 8 and 10.
    ['swa', swa({ start: 0.4 }), 2],
  ] as const)('%s', async (op, average, stepsPerEpoch) => {
    const fixture = treatmentCases.find(other => other.op === op)!
    const expected = fixture.output as unknown as { readonly data: readonly number[] }
    for (const on of [undefined, engine]) {
      const rate = input('rate', [])
      let averages: AveragedVariables | undefined
      const rows: number[] = []
      const given: number[] = []
      const optimizer = sgd({ lr: 0.1, groups: [{ match: 'bias', frozen: true }] })
      await takeSteps(optimizer, {
        engine: on,
        more: updates => {
          const [variable] = updates.keys()
          averages = new AveragedVariables(new Map([['weight', variable!]]))
          return averages.update(updates, rate)
        },
        inputs: step => ({ rate: [average.rate(step, { totalSteps: 10, stepsPerEpoch })] }),
        afterStep: async (step, read) => {
          if (!fixture.steps!.includes(step + 1)) return
          given.push(step)
          rows.push(...(await read(averages!.state().get('weight')!)))
        },
      })
      expect(given).toHaveLength(fixture.steps!.length)
      expectClose(rows, expected.data, on ? { relative: 1e-6, absolute: 1e-6 } : { relative: 1e-11 }, op)
    }
  })

  test('rates: how much of the newest weights is in the average', () => {
    const run = { totalSteps: 10, stepsPerEpoch: 2 }
    const rates = (average: ReturnType<typeof ema>) => Array.from({ length: 10 }, (_, step) => average.rate(step, run))
    expect(rates(swa({ start: 0.4 }))).toEqual([1, 1, 1, 1, 0, 1 / 2, 0, 1 / 3, 0, 1 / 4])
    expect(rates(swa({ start: 0 })).slice(0, 4)).toEqual([1, 0, 1 / 2, 0])
    expect(rates(swa({ start: 0.4, every: 2 }))).toEqual([1, 1, 1, 1, 0, 0, 0, 1 / 2, 0, 0])
    expect(rates(ema({ decay: 0.75 }))).toEqual([1, ...new Array(9).fill(0.25)])
    expectClose(rates(ema({ warmup: true })).slice(0, 3), [1, 1 - 2 / 11, 1 - 3 / 12], { relative: 1e-15 }, 'warm-up')
  })
})

test.each([false, true])('accumulation: the gradient of all parts, however unequal; on wasm: %s', async onEngine => {
  const parameter = new Parameter([3], zeros())
  const parameters = new Map([['w', parameter]])
  const g = new Map([['w', input('g', [3]) as Tensor]])
  const share = input('share', [])
  const accumulator = new GradientAccumulator()
  const addition = { outputs: {}, updates: accumulator.add(g, share) }
  const { gradients, updates } = accumulator.take(g, share)
  const last = {
    outputs: {},
    updates: new Map([...sgd({ lr: 1 }).update(parameters, gradients, constantTensor(1)), ...updates]),
  }
  const run = async (program: typeof last, values: { g: number[]; share: number[] }): Promise<void> => {
    if (!onEngine) return applyUpdates(program.updates, values)
    const executable = await engine.compile(program)
    await executable.run(values)
  }
  for (let round = 0; round < 2; round++) {
    await run(addition, { g: [1, 2, 3], share: [0.5] })
    await run(addition, { g: [4, 0, -4], share: [0.25] })
    await run(last, { g: [0, 8, 4], share: [0.25] })
  }
  // Twice 0.5 · [1, 2, 3] + 0.25 · [4, 0, −4] + 0.25 · [0, 8, 4].
  expect([...(onEngine ? await engine.read(parameter) : parameter.value)]).toEqual([-3, -6, -3])
})

test('options are checked', () => {
  expect(() => clipByValue(0)).toThrow('clipByValue: limit (=0) must be a number > 0')
  expect(() => clipByGlobalNorm(Number.NaN)).toThrow('clipByGlobalNorm: limit (=NaN)')
  expect(() => clipByMedianNorm({ window: 1.5 })).toThrow('clipByMedianNorm: window (=1.5)')
  expect(() => clipByMedianNorm({ window: 5, warmup: 6 })).toThrow(
    'clipByMedianNorm: warmup (=6) must be at most window (=5)',
  )
  expect(() => maxNorm({ limit: -1 })).toThrow('maxNorm: limit (=-1)')
  expect(() => ema({ decay: 1 })).toThrow('ema: decay (=1) must be at least 0 and less than 1')
})
