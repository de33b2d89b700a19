/**
 * Convolutions by Winograd's algorithm on WebGPU: which are computed so, in which steps, and that their results are those by
 * definition, for blocks of software drivers and for tiles of graphics processors.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDevice } from '../../../src/backends/webgpu/device.ts'
import { DeviceEngine } from '../../../src/backends/webgpu/engine.ts'
import type { Hardware } from '../../../src/backends/webgpu/kernels/kernel.ts'
import type { DeviceStep } from '../../../src/backends/webgpu/pairs.ts'
import { planFor } from '../../../src/backends/webgpu/target.ts'
import * as g from '../../../src/graph/index.ts'
import { evaluateReference } from '../../../src/graph/index.ts'
import type { Group } from '../../../src/plan/step.ts'
import { expectClose } from '../../support/fixtures.ts'
import { withMore } from '../../support/full.ts'
import { driver, reason } from '../../support/webgpu.ts'

type Shape4 = readonly [number, number, number, number]

const processor: Hardware = { mostBindings: 10, span: 2 ** 30, parallel: true }
const software: Hardware = { ...processor, parallel: false }

/** What steps of Winograd's algorithm are called in a plan, in their order. */
const stagesIn = (groups: readonly Group[]): string[] =>
  groups.flatMap(({ steps }) => (steps as readonly DeviceStep[]).flatMap(({ form }) => form?.name ?? []))

/** The steps of a convolution with filters that do not change. */
function stagesOf(image: Shape4, filters: Shape4, options: g.Conv2dOptions, hardware: Hardware): string[] {
  const w = new g.Variable(filters, { name: 'w' })
  const y = g.conv2d(g.input('x', image), w.tensor, options)
  return stagesIn(planFor({ outputs: { y }, updates: new Map() }, hardware).groups)
}

const [of2, of4] = [2, 4].map(m => ['input', 'products', 'output'].map(stage => `winograd ${m}×${m} ${stage}`))

describe('Winograd’s algorithm is chosen', () => {
  const layer = (channels: number, size: number, batch = 1): readonly [Shape4, Shape4] => [
    [batch, channels, size, size],
    [channels, channels, 3, 3],
  ]

  test('for graphics processors where it saves more work than it moves memory', () => {
    expect(stagesOf(...layer(256, 28, 8), { padding: 1 }, processor), 'many channels').toEqual(of4)
    expect(stagesOf(...layer(64, 56, 8), { padding: 1 }, processor), 'few channels').toEqual([])
    expect(stagesOf(...layer(512, 7), { padding: 1 }, processor), 'filters larger than the image').toEqual([])
  })

  test('not for a transformed value that a device may not bind', () => {
    expect(stagesOf(...layer(256, 112, 8), { padding: 1 }, processor)).toEqual([])
  })

  test('for 3 × 3 with stride 1, without dilation or groups', () => {
    const always: Hardware = { ...software, winograd: 2 }
    const image: Shape4 = [1, 8, 12, 12]
    expect(stagesOf(image, [8, 8, 3, 3], {}, always)).toEqual(of2)
    expect(stagesOf(image, [8, 8, 3, 3], { padding: { top: 2, bottom: 0, left: 1, right: 3 } }, always)).toEqual(of2)
    expect(stagesOf(image, [8, 8, 3, 3], { stride: [1, 2] }, always)).toEqual([])
    expect(stagesOf(image, [8, 8, 3, 3], { dilation: 2 }, always)).toEqual([])
    expect(stagesOf(image, [8, 8, 3, 1], {}, always)).toEqual([])
    expect(stagesOf(image, [8, 8, 5, 5], {}, always)).toEqual([])
    expect(stagesOf(image, [8, 4, 3, 3], { groups: 2 }, always)).toEqual([])
    expect(stagesOf(image, [8, 8, 3, 3], {}, { ...always, winograd: 0 })).toEqual([])
  })

  test('and transforms filters ahead of the runs when the program does not change them', () => {
    const w = new g.Variable([8, 8, 3, 3] as const, { name: 'w' })
    const y = g.relu(g.conv2d(g.input('x', [1, 8, 12, 12]), w.tensor, { padding: 1 }))
    const hardware: Hardware = { ...software, winograd: 4 }
    const inference = planFor({ outputs: { y }, updates: new Map() }, hardware)
    expect(stagesIn(inference.preparation)).toEqual(['winograd 4×4 filters'])
    expect(stagesIn(inference.groups)).toEqual(of4)
    const training = planFor({ outputs: { y }, updates: new Map([[w, g.mul(w.tensor, 0.9)]]) }, hardware)
    expect(stagesIn(training.preparation)).toEqual([])
    expect(stagesIn(training.groups)).toEqual(['winograd 4×4 input and filters', ...of4!.slice(1)])
  })
})

/** Numbers between −1 and 1 of a generator by Lehmer. */
function noise(count: number, seed: number): Float32Array {
  let state = seed + 1
  return Float32Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647
    return (2 * state) / 2_147_483_647 - 1
  })
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((all, extent) => all * extent, 1)

type Case = readonly [string, Shape4, number, g.Conv2dOptions['padding']]

/** Few enough multiply-adds that graphics processors compute them without tiles, which software drivers compile for seconds. */
const small: readonly Case[] = [['padding 2, which makes the image larger', [1, 3, 6, 13], 4, 2]]
const usual: readonly Case[] = [
  ['whole tiles, padding 1', [2, 8, 8, 8], 16, 1],
  ['uneven tiles, no padding, three images', [3, 5, 11, 9], 7, 0],
  ['every side another padding', [2, 4, 7, 10], 6, { top: 0, bottom: 3, left: 2, right: 1 }],
]
const more: readonly Case[] = [
  ['an image smaller than a tile', [5, 6, 3, 3], 3, 0],
  ['one row', [1, 4, 1, 17], 5, 1],
  ['padding 4, beyond what a filter reaches', [1, 2, 5, 5], 3, 4],
  ['many channels', [2, 96, 14, 14], 72, 1],
  ['many tiles', [4, 16, 33, 31], 24, 1],
]

const forms = [
  { methods: 'blocks', parallel: false, cases: withMore([...small, ...usual], more) },
  { methods: 'tiles', parallel: true, cases: withMore(small, [...usual, ...more]) },
].flatMap(form => ([2, 4] as const).map(outputs => ({ ...form, outputs })))

describe.skipIf(driver === undefined).each(forms)(
  `F($outputs×$outputs, 3×3) on ${driver ?? reason}: $methods`,
  ({ parallel, outputs: winograd, cases }) => {
    let engine: DeviceEngine
    beforeAll(async () => {
      engine = new DeviceEngine(await openDevice(), { parallel, winograd })
    })
    afterAll(() => engine?.close())

    /** Computes on the device and by definition, with errors in units of the largest element. */
    async function compare(outputs: Readonly<Record<string, g.Tensor>>, convolutions: number): Promise<void> {
      const executable = await engine.compile({ outputs, updates: new Map() })
      const stages = [...stagesIn(executable.plan.preparation), ...stagesIn(executable.plan.groups)]
      expect(stages.filter(name => name === `winograd ${winograd}×${winograd} products`).length).toBe(convolutions)
      const inputs = Object.fromEntries(
        [...executable.inputs].map(([name, { shape }], k) => [name, noise(sizeOf(shape), k)]),
      )
      const found = await executable.run(inputs)
      const expected = evaluateReference(Object.values(outputs), inputs)
      Object.keys(outputs).forEach((name, k) => {
        const { values } = expected[k]!
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        expectClose(found[name]!, values, { absolute: 2e-6 * largest }, name)
      })
    }

    test.each(cases)(
      '%s: convolution with element-wise work, and its gradient to the input',
      async (_, image, filters, padding) => {
        const [x, w] = [g.input('x', image), g.input('w', [filters, image[1], 3, 3])]
        const y = g.conv2d(x, w, { padding: padding! })
        const u = g.input('u', y.shape)
        const [dx, dw] = g.gradients(g.sum(g.mul(y, u)) as g.Scalar, [x, w])
        const finished = g.relu(g.add(g.add(y, g.input('bias', [filters, 1, 1])), u))
        await compare({ finished, dx: g.mul(dx!, g.input('scale', image)), dw: dw! }, 2)
      },
    )
  },
)

describe.skipIf(driver === undefined)(`a network of Winograd’s convolutions on ${driver ?? reason}`, () => {
  let engine: DeviceEngine
  beforeAll(async () => {
    engine = new DeviceEngine(await openDevice(), { parallel: false, winograd: 4 })
  })
  afterAll(() => engine?.close())

  const variable = (shape: Shape4, name: string, seed: number): g.Variable<Shape4> =>
    new g.Variable(shape, { name, value: noise(sizeOf(shape), seed) })
  const first = variable([6, 3, 3, 3], 'first', 1)
  const second = variable([4, 6, 3, 3], 'second', 2)
  const x = g.input('x', [2, 3, 10, 9])
  const hidden = g.tanh(g.conv2d(x, first.tensor, { padding: 1 }))
  const y = g.conv2d(hidden, second.tensor)
  const values = noise(sizeOf(x.shape), 3)

  test('has the gradients of the definition', async () => {
    const loss = g.mean(g.square(y)) as g.Scalar
    const gradients = g.gradients(loss, [first.tensor, second.tensor, x])
    const program = { outputs: { loss, a: gradients[0]!, b: gradients[1]!, c: gradients[2]! }, updates: new Map() }
    const found = await (await engine.compile(program)).run({ x: values })
    const expected = evaluateReference(Object.values(program.outputs), { x: values })
    Object.keys(program.outputs).forEach((name, k) => {
      const largest = expected[k]!.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expectClose(found[name]!, expected[k]!.values, { absolute: 2e-6 * largest }, name)
    })
  })

  test('transforms filters again when they were written, and has the same bits in every run', async () => {
    const executable = await engine.compile({ outputs: { y }, updates: new Map() })
    const before = await executable.run({ x: values })
    expect(await executable.run({ x: values })).toEqual(before)
    const old = second.value.slice()
    await engine.write(
      second,
      old.map(value => -2 * value),
    )
    // Powers of two and signs round nothing.
    expect(await executable.run({ x: values })).toEqual({ y: before.y!.map(value => -2 * value) })
    await engine.write(second, old)
    expect(await executable.run({ x: values })).toEqual(before)
  })

  test('counts the work of its transforms and products', async () => {
    const { work } = await engine.compile({
      outputs: { y: g.conv2d(x, first.tensor, { padding: 1 }) },
      updates: new Map(),
    })
    // 3 × 3 tiles of two images, 18, in vectors of four: 20. Bᵀ has 22 coefficients that are not 0, Aᵀ 18.
    const [input, products, output] = [3 * 20 * 22 * 12, 36 * 3 * 6 * 20, 6 * 20 * 18 * 10]
    const bytes = 4 * (2 * 3 * 90 + 36 * 3 * 6 + 2 * 36 * (3 + 6) * 20 + 2 * 6 * 90)
    expect(work).toEqual({ dispatches: 3, bytes, flops: 2 * (input + products + output) })
  })
})
