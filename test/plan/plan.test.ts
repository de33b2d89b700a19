/** Plans: what becomes a step, in which order, and that no value is overwritten while somebody still needs it. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { channelKernels } from '../../src/backends/cpu/layouts/kernels.ts'
import { cpuTarget } from '../../src/backends/cpu/target.ts'
import { wasmTarget } from '../../src/backends/wasm/target.ts'
import * as g from '../../src/graph/index.ts'
import { lenet5 } from '../../src/models/lenet.ts'
import { conv2d } from '../../src/nn/convolution.ts'
import { crossEntropy } from '../../src/nn/losses.ts'
import { inference } from '../../src/nn/module.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { sgd } from '../../src/optim/sgd.ts'
import { formatPlan } from '../../src/plan/format.ts'
import { makePlan, type Plan, type Value } from '../../src/plan/plan.ts'
import type { Program } from '../../src/plan/program.ts'
import { rowsLayout } from '../../src/plan/rowsLayout.ts'
import { type Step, stepInputs, storageOf } from '../../src/plan/step.ts'
import type { Target } from '../../src/plan/target.ts'
import { predictionProgram, trainingProgram } from '../../src/train/programs.ts'
import { buildProgram, networks } from '../support/randomNetworks.ts'

const inBlocks = cpuTarget({ blockSizes: [16, 8, 4] })
const ofRows: Target = { alignment: 64, layOut: program => rowsLayout(program, channelKernels) }
const withChannels: Target = wasmTarget({ innermost: 'channels' })
const planOf = (outputs: Program['outputs'], updates: Program['updates'] = new Map()): Plan =>
  makePlan({ outputs, updates }, inBlocks)
const stepsOf = (plan: Plan): Step[] => [...plan.preparation, ...plan.groups].flatMap(({ steps }) => [...steps])
const opsOf = (plan: Plan): string[] => stepsOf(plan).map(({ op }) => op)

const digits = () => sequential({ input: normalize({ mean: [0.1307], std: [0.3081] }), net: lenet5() }).initialize(0)
const lenetTraining = (batch: number): Plan =>
  makePlan(trainingProgram(digits(), [28, 28, 1], batch, crossEntropy(), sgd({ lr: 0.05, momentum: 0.9 })), inBlocks)

/** A moment of a plan: a group, and within a blocked group a step. */
interface Moment {
  readonly group: number
  readonly step: number
}

/**
 * Walks a plan as its threads do and checks every read: the value was written before, by a step that all threads are
 * known to have finished, and nothing else was written over it. Memory is followed as intervals of bytes per space.
 */
function checkMemory(plan: Plan): void {
  const written: { value: Value; at: Moment }[] = []
  const label = (value: Value): string => `${value.tensor.label ?? value.tensor.op} ${value.space}+${value.offset}`
  const overlap = (a: Value, b: Value): boolean =>
    a !== b &&
    (a.space === 'variable' || b.space === 'variable'
      ? a.variable === b.variable && a.variable !== undefined
      : a.space === b.space &&
        a.space !== 'constant' &&
        a.space !== 'kept' &&
        a.offset < b.offset + b.bytes &&
        b.offset < a.offset + a.bytes)
  const lastWriteOver = (value: Value): { value: Value; at: Moment } | undefined =>
    written.findLast(other => other.value === value || overlap(value, other.value))

  for (const input of plan.inputs) written.push({ value: plan.value(input)!, at: { group: -1, step: 0 } })
  plan.groups.forEach((group, at) => {
    group.steps.forEach((step, index) => {
      for (const tensor of stepInputs(step)) {
        const value = plan.value(tensor)!
        const last = lastWriteOver(value)
        const { source } = value.tensor
        // What is kept was computed ahead of all groups, in memory of its own.
        if (source?.kind === 'constant' || value.space === 'kept') continue
        if (source?.kind === 'variable') {
          // The old value: nobody has written the new one, unless this very step does it in place.
          expect(last, `${label(value)} read after its update`).toBeUndefined()
          continue
        }
        expect(last?.value, `${label(value)} read by ${step.op}`).toBe(value)
        // Other threads may still be at work on what this group has made, unless blocks are each one thread's own.
        if (group.kind === 'whole') expect(last!.at.group).toBeLessThan(at)
      }
      for (const tensor of step.outputs) {
        const value = plan.value(tensor)!
        // A thread takes the steps on its scratch in turn; elsewhere others may be at any step of the group.
        if (value.space !== 'scratch') {
          for (const [k, other] of group.steps.entries()) {
            const inPlace = k === index && value.space === 'variable'
            for (const read of inPlace ? [] : stepInputs(other)) {
              expect(overlap(value, plan.value(read)!), `${label(value)} written while ${other.op} reads`).toBe(false)
            }
            for (const write of other.outputs) {
              expect(overlap(value, plan.value(write)!), `${label(value)} written while ${other.op} writes`).toBe(false)
            }
          }
        } else expect(group.kind).toBe('blocked')
        written.push({ value, at: { group: at, step: index } })
      }
    })
  })
  for (const [name, tensor] of Object.entries(plan.outputs)) {
    const value = plan.value(tensor)!
    const { source } = value.tensor
    if (source?.kind === 'variable' || source?.kind === 'constant') {
      expect(lastWriteOver(value), `output ${name}`).toBeUndefined()
    } else expect(lastWriteOver(value)?.value, `output ${name}`).toBe(value)
    expect(value.layout === 'rows' || tensor.shape.length < 2, `output ${name} as rows`).toBe(true)
  }
  for (const [variable] of plan.updates) {
    const last = written.findLast(({ value }) => value.variable === variable)
    expect(last, `update of ${variable.name}`).toBeDefined()
  }
  for (const value of plan.values) {
    if (value.space === 'arena') expect(value.offset + value.bytes).toBeLessThanOrEqual(plan.arenaBytes)
    if (value.space === 'scratch') expect(value.offset + value.bytes).toBeLessThanOrEqual(plan.scratchBytes)
  }
}

describe('memory', () => {
  test('no value is overwritten before its last reader, in plans of random networks', { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(
        networks,
        fc.constantFrom<Target>(inBlocks, cpuTarget({ blockSizes: [4] }), ofRows, withChannels),
        fc.constantFrom(Number.POSITIVE_INFINITY, 2000, 0),
        (spec, target, mostKept) => {
          checkMemory(makePlan(buildProgram(spec).program, target, { mostKept }))
        },
      ),
      { seed: 20_250_108, numRuns: 300 },
    )
  })

  test('of copies of weights is that of one after another where few may be kept', () => {
    const model = sequential(...[0, 1, 2, 3].map(() => conv2d(64, 64, 3, { padding: 1 }))).initialize(0)
    const y = model.forward(g.input('x', [1, 64, 20, 20]), inference())
    const planWith = (mostKept?: number): Plan =>
      makePlan({ outputs: { y }, updates: new Map() }, withChannels, { ...(mostKept !== undefined && { mostKept }) })
    const keptIn = ({ values }: Plan): number[] => values.filter(v => v.space === 'kept').map(({ bytes }) => bytes)
    const all = planWith()
    const [copy = 0, ...others] = keptIn(all)
    expect(others).toEqual([copy, copy, copy])
    for (const count of [3, 1, 0]) {
      const some = planWith(count * copy)
      checkMemory(some)
      expect(keptIn(some)).toEqual(new Array(count).fill(copy))
      expect(stepsOf(some)).toHaveLength(stepsOf(all).length)
      expect(some.arenaBytes).toBeLessThanOrEqual(all.arenaBytes + copy)
    }
  })

  test('a sum of what is 0 whatever is read has its operand', () => {
    const x = g.exp(g.input('x', [4, 8, 3, 3]))
    const nothing = g.reshape(g.full([8], 0), [8, 1, 1])
    const roots = { sum: g.sum(g.mul(x, nothing), [0, 2, 3]), other: g.sum(x, [0, 2, 3]) }
    for (const target of [inBlocks, ofRows, withChannels] as readonly Target[]) {
      checkMemory(makePlan({ outputs: roots, updates: new Map() }, target))
    }
  })

  test.each([1, 8, 60, 128])('nor in LeNet-5 at batch %i', batch => checkMemory(lenetTraining(batch)))

  test('of LeNet-5 at batch 128: what crosses from group to group, and one block per thread', () => {
    const plan = lenetTraining(128)
    // Images, activations that the weight gradients of the linear layers read whole, and sums per block.
    expect(plan.arenaBytes).toBeLessThan(0.7e6)
    // Sixteen samples at conv1: 16 · 6 · 28 · 28 · 4 bytes = 301 kB, there and back.
    expect(plan.scratchBytes).toBeLessThan(0.75e6)
    const all = plan.values.filter(({ space }) => space === 'arena').reduce((sum, { bytes }) => sum + bytes, 0)
    expect(plan.arenaBytes).toBeLessThanOrEqual(all + 64 * plan.values.length)
  })

  test('of a chain does not grow with its length', () => {
    const chain = (length: number): Plan => {
      let x: g.Matrix = g.input('x', [100, 100])
      const w = new g.Variable<g.Matrix['shape']>([100, 100])
      for (let k = 0; k < length; k++) x = g.matmul(x, w.tensor)
      return planOf({ x })
    }
    expect(chain(12).arenaBytes).toBe(chain(3).arenaBytes)
    // The input, which stays, and two that take turns.
    expect(chain(12).arenaBytes).toBe(3 * 100 * 100 * 4)
  })
})

describe('steps', () => {
  const x = g.input('x', [6, 5]) as g.Matrix
  const w = new g.Variable<g.Matrix['shape']>([5, 4], { name: 'w' })
  const b = new g.Variable([4], { name: 'b' })

  test('element-wise chains are one step, with a broadcast in the middle', () => {
    const y = g.tanh(g.add(g.mul(g.relu(x), 2), g.input('row', [5])))
    expect(opsOf(planOf({ y }))).toEqual(['map'])
  })

  test('and ride in the store of the operation before them', () => {
    const plan = planOf({ y: g.relu(g.add(g.matmul(x, w.tensor), b.tensor)) })
    expect(opsOf(plan)).toEqual(['matmul'])
    const image = g.input('image', [2, 3, 8, 8]) as g.Volume
    const kernel = g.input('kernel', [4, 3, 3, 3]) as g.Volume
    expect(opsOf(planOf({ y: g.sigmoid(g.conv2d(image, kernel)) }))).toEqual(['conv2d'])
    expect(opsOf(planOf({ y: g.mean(image) }))).toEqual(['reduce'])
    expect(opsOf(planOf({ y: g.relu(g.maxPool2d(image, 2)) }))).toEqual(['maxPool2d'])
  })

  test('but not where somebody else wants the value in between', () => {
    const product = g.matmul(x, w.tensor)
    expect(opsOf(planOf({ product, y: g.relu(product) }))).toEqual(['matmul', 'map'])
    expect(opsOf(planOf({ y: g.relu(product), z: g.tanh(product) })).sort()).toEqual(['map', 'map', 'matmul'])
  })

  test('reshapes are none', () => {
    const plan = planOf({ y: g.reshape(g.relu(g.reshape(x, [30])), [3, 10]) })
    expect(opsOf(plan)).toEqual(['map'])
  })

  test('a pool and the switches of its gradient are one scan', () => {
    const image = g.input('image', [2, 3, 8, 8]) as g.Volume
    const kernel = g.input('kernel', [3, 3, 3, 3]) as g.Volume
    const y = g.maxPool2d(g.conv2d(image, kernel), 2)
    const [slope] = g.gradients(g.sum(g.square(y)) as g.Scalar, [kernel])
    const steps = stepsOf(planOf({ y, slope: slope! }))
    expect(steps.filter(({ op }) => op.startsWith('maxPool2d')).map(({ op }) => op)).toEqual([
      'maxPool2d',
      'maxPool2dGradient',
    ])
    expect(steps.find(({ op }) => op === 'maxPool2d')!.outputs).toHaveLength(2)
  })

  test('equal operations are one after simplification, and what nothing needs is none', () => {
    const twice = g.add(g.sum(g.exp(x)), g.mul(g.sum(g.exp(x)), 2))
    g.matmul(x, w.tensor)
    const [y] = g.simplify([twice])
    expect(opsOf(planOf({ y: y! }))).toEqual(opsOf(planOf({ y: g.mul(g.sum(g.exp(x)), 3) })))
  })

  test('every step comes after those it reads, and every value is computed once', () => {
    fc.assert(
      fc.property(networks, spec => {
        const plan = makePlan(buildProgram(spec).program, inBlocks)
        const done = new Set<g.Tensor>()
        for (const step of stepsOf(plan)) {
          for (const read of stepInputs(step)) {
            const storage = storageOf(read)
            expect(storage.source !== undefined || done.has(storage)).toBe(true)
          }
          for (const output of step.outputs) {
            expect(done.has(output)).toBe(false)
            done.add(output)
          }
        }
      }),
      { seed: 20_250_109, numRuns: 100 },
    )
  })

  test('multiply-adds are those of the graph: LeNet-5 is 416,520 an image, three times that to train, less one', () => {
    const forward = makePlan(predictionProgram(digits(), [28, 28, 1], 128, false), inBlocks)
    expect(forward.multiplyAdds).toBe(128 * 416_520)
    // Forward, to the weights and to the inputs; only the images need no gradient: 6·1·5·5 · 28·28 are left out.
    expect(lenetTraining(128).multiplyAdds).toBe(128 * (3 * 416_520 - 6 * 25 * 28 * 28))
  })
})

describe('groups', () => {
  test('a forward pass is one blocked group; training adds the sums and the updates', () => {
    const forward = makePlan(predictionProgram(digits(), [28, 28, 1], 128, false), inBlocks)
    expect(forward.groups.map(({ kind }) => kind)).toEqual(['blocked'])
    expect([forward.block, forward.blocks]).toEqual([16, 8])
    const kinds = lenetTraining(128).groups.map(({ kind }) => kind)
    expect(kinds.filter(kind => kind === 'blocked')).toHaveLength(1)
  })

  test.each([
    [128, 16],
    [96, 8],
    [32, 4],
    [60, 4],
    [8, 8],
    [7, 1],
    [1, 1],
  ])('a batch of %i is cut into blocks of %i', (batch, block) => {
    const x = g.input('x', [batch, 3], { batched: true })
    expect(planOf({ y: g.relu(x) }).block).toBe(block)
  })

  test('sums over few blocks are made in one piece', () => {
    const sum = (batch: number): Plan => planOf({ y: g.sum(g.relu(g.input('x', [batch, 30], { batched: true })), 0) })
    expect(stepsOf(sum(128)).filter(({ form }) => form?.kind === 'perBlock')).toHaveLength(1)
    expect(stepsOf(sum(8)).filter(({ form }) => form?.kind === 'perBlock')).toHaveLength(0)
  })
})

describe('updates', () => {
  const v = (name: string): g.Variable => new g.Variable([300], { name })
  const homes = (plan: Plan): (string | undefined)[] =>
    stepsOf(plan).map(({ outputs: [output] }) => plan.value(output)?.variable?.name)

  test('are computed in place where nobody needs the old value any more', () => {
    const w = v('w')
    expect(homes(planOf({}, new Map([[w, g.mul(w.tensor, 0.5)]])))).toEqual(['w'])
    const m = new g.Variable<g.Matrix['shape']>([20, 20], { name: 'm' })
    const x = g.input('x', [20, 20]) as g.Matrix
    expect(homes(planOf({}, new Map([[m, g.sub(m.tensor, g.matmul(x, x))]])))).toEqual(['m'])
  })

  test('and copied at the end where somebody does', () => {
    const [a, b] = [v('a'), v('b')]
    expect(
      homes(
        planOf(
          {},
          new Map([
            [a, b.tensor],
            [b, a.tensor],
          ]),
        ),
      ).filter(Boolean),
    ).toEqual(['a', 'b'])
    expect(
      stepsOf(
        planOf(
          {},
          new Map([
            [a, b.tensor],
            [b, a.tensor],
          ]),
        ),
      ),
    ).toHaveLength(4)
    const m = new g.Variable<g.Matrix['shape']>([20, 20], { name: 'm' })
    expect(homes(planOf({}, new Map([[m, g.matmul(m.tensor, m.tensor)]])))).toEqual([undefined, 'm'])
    // Read by another step of the same group.
    expect(homes(planOf({ s: g.sum(g.exp(a.tensor)) }, new Map([[a, g.mul(a.tensor, 2)]]))).filter(Boolean)).toEqual([
      'a',
    ])
  })
})

describe('as text', () => {
  test('LeNet-5 at batch 128', async () => {
    await expect(`${formatPlan(lenetTraining(128))}\n`).toMatchFileSnapshot('snapshots/lenet5-training-128.txt')
  })

  test('is the same whatever was traced before', () => {
    expect(formatPlan(lenetTraining(32))).toBe(formatPlan(lenetTraining(32)))
  })

  test('tells a value from its rows, and names views after what they view', () => {
    const x = g.input('x', [32, 6], { batched: true })
    const y = g.relu(x).named('y')
    expect(formatPlan(planOf({ y, sum: g.sum(g.exp(g.reshape(y, [32, 2, 3])), [1, 2]) }))).toMatchInlineSnapshot(`
      "plan: 4 steps in 1 group, 0 multiply-adds
      memory: arena 1.7 kB, scratch 256 B per thread
      input: x f32 [32, 6] arena+0 (768 B)

      group 0: for each of 8 blocks of 4 samples
        y = relu(x)  ·  [32, 6] scratch+0 (96 B, blocked)
        %1 = exp(y)  ·  [32, 2, 3] scratch+128 (96 B, blocked)
        %2 = sum(%1 over axes 1, 2)  ·  [32] arena+1536 (128 B)
        y' = y  ·  [32, 6] arena+768 (768 B)"
    `)
  })
})
