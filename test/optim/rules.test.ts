/** Update rules that PyTorch lacks, against their papers' formulas written out in plain numbers; state; groups. */
import { afterAll, describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { Parameter, zeros } from '../../src/nn/index.ts'
import * as optim from '../../src/optim/index.ts'
import { adagrad, adam, classicMomentum, lars, lion, type Optimizer, sgd } from '../../src/optim/index.ts'
import { expectClose } from '../support/fixtures.ts'
import { problem, takeSteps } from '../support/optimFixtures.ts'

const engine = await createWasmEngine({ threads: 1 })
afterAll(() => engine.close())

type Rule = (w: number[], g: number[], state: Record<string, number[]>, lr: number) => number[]

/** The problem's tensors under a rule over plain arrays, which may keep arrays in `state`. */
function byHand(rule: Rule, rates: readonly number[]): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(problem.start).map(([name, { data }]) => {
      const state: Record<string, number[]> = { v: data.map(() => 0) }
      const rows: number[] = []
      let w = [...data]
      rates.forEach((lr, step) => {
        const g = w.map(
          (x, i) => problem.curvature[name]!.data[i]! * (x - problem.targets[name]!.data[step * w.length + i]!),
        )
        w = rule(w, g, state, lr)
        rows.push(...w)
      })
      return [name, rows]
    }),
  )
}

const norm = (values: readonly number[]) => Math.hypot(...values)
const falling = [0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.02, 0.02, 0.02]

const rules: [name: string, make: () => Optimizer, rule: Rule][] = [
  [
    'classicMomentum: AlexNet’s v ← μ v − λ ε w − ε g; w ← w + v',
    () => classicMomentum({ lr: 1, momentum: 0.9, weightDecay: 0.05 }),
    (w, g, state, lr) => {
      state.v = state.v!.map((v, i) => 0.9 * v - 0.05 * lr * w[i]! - lr * g[i]!)
      return w.map((x, i) => x + state.v![i]!)
    },
  ],
  [
    'classicMomentum, Nesterov: w ← w − μ v + (1 + μ) v′',
    () => classicMomentum({ lr: 1, momentum: 0.8, nesterov: true }),
    (w, g, state, lr) => {
      const before = state.v!
      state.v = before.map((v, i) => 0.8 * v - lr * g[i]!)
      return w.map((x, i) => x - 0.8 * before[i]! + 1.8 * state.v![i]!)
    },
  ],
  [
    'LARS',
    () => lars({ lr: 1, momentum: 0.9, trust: 0.02, weightDecay: 0.1 }),
    (w, g, state, lr) => {
      const rate = (0.02 * norm(w)) / (norm(g) + 0.1 * norm(w))
      state.v = state.v!.map((v, i) => 0.9 * v + lr * rate * (g[i]! + 0.1 * w[i]!))
      return w.map((x, i) => x - state.v![i]!)
    },
  ],
  [
    'Lion',
    () => lion({ lr: 1, betas: [0.8, 0.9], weightDecay: 0.1 }),
    (w, g, state, lr) => {
      const m = state.v!
      state.v = m.map((x, i) => 0.9 * x + 0.1 * g[i]!)
      return w.map((x, i) => x - lr * (Math.sign(0.8 * m[i]! + 0.2 * g[i]!) + 0.1 * x))
    },
  ],
]

describe.each(rules)('%s', (name, make, rule) => {
  const expected = byHand(rule, falling)

  test('in double precision', async () => {
    const rows = await takeSteps(make(), { rates: falling })
    for (const tensor of ['weight', 'bias']) {
      expectClose(rows[tensor]!, expected[tensor]!, { relative: 1e-12, absolute: 1e-13 }, `${name}, ${tensor}`)
    }
  })

  test('on WebAssembly', async () => {
    const rows = await takeSteps(make(), { rates: falling, engine })
    for (const tensor of ['weight', 'bias']) {
      expectClose(rows[tensor]!, expected[tensor]!, { relative: 3e-6, absolute: 3e-6 }, `${name}, ${tensor}`)
    }
  })
})

test('the rate inside or outside of the velocity: the same while it is constant, not when it falls', async () => {
  for (const nesterov of [false, true]) {
    const inside = () => classicMomentum({ lr: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov })
    const outside = () => sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov })
    const [a, b] = [await takeSteps(inside()), await takeSteps(outside())]
    expectClose(a.weight!, b.weight!, { absolute: 1e-14 }, 'constant rate')
    const [c, d] = [await takeSteps(inside(), { rates: falling }), await takeSteps(outside(), { rates: falling })]
    expect(Math.abs(c.weight![30]! - d.weight![30]!)).toBeGreaterThan(0.01)
  }
})

test('LARS steps plainly where weights or gradients are zero, and adapts vectors only when asked', async () => {
  const parameter = new Parameter([2], zeros())
  const updates = lars({ lr: 0.5, momentum: 0 }).update(
    new Map([['w', parameter]]),
    new Map([['w', input('g', [2])]]),
    input('lr', []),
  )
  const program = await engine.compile({ outputs: {}, updates })
  await program.run({ lr: 0.5, g: [1, -2] })
  expect([...(await engine.read(parameter))]).toEqual([-0.5, 1])

  const all = await takeSteps(lars({ lr: 1 }))
  const weights = await takeSteps(lars({ lr: 1, adapt: 'weights' }))
  const plain = await takeSteps(sgd({ lr: 1, momentum: 0.9 }))
  expect(weights.weight).toEqual(all.weight)
  expectClose(weights.bias!, plain.bias!, { relative: 1e-13 }, 'bias')
})

test('RAdam’s ρ has no cancellation: single precision gives the rectified steps of double precision', async () => {
  const rates = Array.from({ length: 40 }, () => 0.05)
  const exact = await takeSteps(optim.radam(), { rates, steps: 40 })
  const single = await takeSteps(optim.radam(), { rates, steps: 40, engine })
  expectClose(single.weight!, exact.weight!, { relative: 1e-5, absolute: 1e-5 }, 'weight')
})

describe('state', () => {
  const parameters = new Map([
    ['conv1.weight', new Parameter([2, 1, 3, 3], zeros())],
    ['fc1.bias', new Parameter([4], zeros())],
  ])
  const gradients = new Map<string, Tensor>([...parameters].map(([path, { tensor }]) => [path, mul(tensor, 2)]))
  const lr = input('lr', [])

  const kept: [name: string, optimizer: Optimizer, shared: string[], each: string[]][] = [
    ['sgd, dampened', sgd({ lr: 1, momentum: 0.9, dampening: 0.1 }), ['started'], ['momentum']],
    ['classicMomentum', classicMomentum({ lr: 1 }), [], ['velocity']],
    ['adagrad', adagrad({ lrDecay: 1 }), ['steps'], ['squareSum']],
    ['adadelta', optim.adadelta(), [], ['squareMean', 'stepMean']],
    ['rmsprop', optim.rmsprop({ momentum: 0.5, centered: true }), [], ['momentum', 'squareMean', 'gradientMean']],
    [
      'adam',
      adam({ amsgrad: true }),
      ['firstCorrection', 'secondCorrection'],
      ['firstMoment', 'secondMoment', 'largestMoment'],
    ],
    ['adamax', optim.adamax(), ['firstCorrection'], ['firstMoment', 'largest']],
    ['nadam', optim.nadam(), ['steps', 'momentumProduct', 'secondCorrection'], ['firstMoment', 'secondMoment']],
    [
      'radam',
      optim.radam(),
      ['firstCorrection', 'secondCorrection', 'steps', 'power', 'weighted'],
      ['firstMoment', 'secondMoment'],
    ],
    ['lars', lars({ lr: 1 }), [], ['momentum']],
    ['lion', lion(), [], ['firstMoment']],
  ]
  test.each(kept)('%s keeps what its documentation says', (_, optimizer, shared, each) => {
    const updates = optimizer.update(parameters, gradients, lr)
    const paths = [...parameters.keys()]
    expect([...optimizer.state().keys()]).toEqual([
      ...shared,
      ...paths.flatMap(path => each.map(name => `${name}.${path}`)),
    ])
    for (const [name, variable] of optimizer.state()) {
      expect(variable.name).toBe(name)
      expect(updates.get(variable)?.shape).toEqual(variable.shape)
    }
  })

  test('a momentum can be scheduled only where there is one', () => {
    for (const optimizer of [sgd({ lr: 1 }), optim.adadelta(), optim.rmsprop(), adagrad()]) {
      expect(optimizer.defaults.momentum).toBeUndefined()
      expect(() => optimizer.update(parameters, gradients, lr, input('momentum', []))).toThrow(
        `${optimizer.name}: has no momentum that could be scheduled`,
      )
    }
    expect(adam().defaults).toEqual({ lr: 0.001, momentum: 0.9 })
  })
})

test('options are checked', () => {
  expect(() => adagrad({ eps: -1 })).toThrow('adagrad: eps (=-1) must be a number ≥ 0')
  expect(() => optim.adadelta({ rho: 1 })).toThrow('adadelta: rho (=1) must be at least 0 and less than 1')
  expect(() => optim.rmsprop({ alpha: 2 })).toThrow('rmsprop: alpha (=2)')
  expect(() => optim.adamax({ betas: [1, 0] })).toThrow('adamax: betas[0] (=1)')
  expect(() => optim.nadam({ momentumDecay: -1 })).toThrow('nadam: momentumDecay (=-1)')
  expect(() => lars({ lr: 1, trust: 0 })).toThrow('lars: trust (=0) must be a number > 0')
  expect(() => lion({ betas: [0.9, 1] })).toThrow('lion: betas[1] (=1)')
  expect(() => classicMomentum({ lr: 1, momentum: 1 })).toThrow('classicMomentum: momentum (=1)')
})
