/** Matrix products of many rows, whose weights are packed: the results of the definition, and what is done ahead of the runs. */
import { afterAll, describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../../src/backends/wasm/engine.ts'
import { wasmTarget } from '../../../src/backends/wasm/target.ts'
import * as g from '../../../src/graph/index.ts'
import { constant, Parameter } from '../../../src/nn/index.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { makePlan } from '../../../src/plan/plan.ts'
import { expectClose, lcgTensor } from '../../support/fixtures.ts'
import { checkingKeys } from '../../support/kernelKeys.ts'
import { runOn } from '../../support/programs.ts'
import { threadedEngine } from '../../support/threads.ts'

const engines = {
  'one thread': checkingKeys(createWasmEngine({ threads: 1, innermost: 'channels' })),
  'three threads': threadedEngine({ threads: 3, innermost: 'channels' }),
}
afterAll(() => Promise.all(Object.values(engines).map(engine => engine.close())))

const matrix = (name: string, rows: number, columns: number): g.Matrix => g.input(name, [rows, columns]) as g.Matrix

/** Sizes that fill tiles and panels, and that leave some of either. */
const sizes = [
  [32, 128, 128],
  [33, 129, 131],
  [197, 64, 260],
] as const

describe.each(Object.entries(engines))('%s', (_, engine) => {
  test.each(sizes)('%i rows of %i, by weights of %i columns', async (rows, inner, columns) => {
    const [a, b, bT] = [matrix('a', rows, inner), matrix('b', inner, columns), matrix('bT', columns, inner)]
    const [y, yT] = [g.matmul(a, b), g.matmul(a, bT, { transposeB: true })]
    const [bias, residual, column] = [g.input('bias', [columns]), matrix('r', rows, columns), matrix('c', rows, 1)]
    const roots = [
      y,
      yT,
      g.relu(g.add(g.matmul(a, g.mul(b, 2) as g.Matrix), bias)),
      g.add(g.mul(g.matmul(a, g.mul(bT, 2) as g.Matrix, { transposeB: true }), column), residual),
      g.tanh(g.mul(g.matmul(g.mul(a, 0.5) as g.Matrix, b), 1 / 8)),
    ]
    const inputs: Record<string, ArrayLike<number>> = {}
    for (const { source, shape } of g.topologicalOrder(roots)) {
      if (source?.kind === 'input') inputs[source.name] = lcgTensor(shape, source.name.charCodeAt(0), 2)
    }
    const expected = g.evaluateReference(roots, inputs)
    const found = await runOn(engine, roots, inputs)
    // Sums of up to 129 products of numbers up to 1, in single precision.
    const tolerance = { relative: 1e-5, absolute: 1e-5 }
    for (const k of roots.keys()) expectClose(found[k]!, expected[k]!.values, tolerance, `root ${k}`)
  })
})

describe('the plan', () => {
  const plan = (rows: number, inner: number, columns: number, options: Partial<g.MatmulAttributes> = {}): string => {
    const weights = new Parameter(options.transposeB ? [columns, inner] : [inner, columns], constant(1))
    weights.name = 'weights'
    const a = options.transposeA ? matrix('a', inner, rows) : matrix('a', rows, inner)
    const y = g.relu(g.matmul(a, weights.tensor as unknown as g.Matrix, options))
    return formatPlan(makePlan({ outputs: { y }, updates: new Map() }, wasmTarget({ innermost: 'channels' })))
  }

  test.each([false, true])('packs weights ahead of the runs (transposed: %s)', transposeB => {
    const text = plan(32, 128, 128, { transposeB })
    expect(text).toMatch(/ahead of the runs:\n.* = packed weights\(weights\)/)
    expect(text).toContain('relu(matmul by direct(')
  })

  test.each([
    ['few rows', 31, 128, 128, {}],
    ['few weights', 256, 64, 64, {}],
    ['rows that lie across', 128, 128, 128, { transposeA: true }],
  ] as const)('leaves %s as they are', (_, rows, inner, columns, options) => {
    const text = plan(rows, inner, columns, options)
    expect(text).not.toContain('packed weights')
    expect(text).toMatch(/relu\(matmul\(a[ᵀ]?, weights\)\)/)
  })
})
