/**
 * Folding with subgroups: the text for every range of sizes, run member by member here, and on a device that has them. The
 * bits are those of the tree in the memory of workgroups.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDevice, subgroupsOf } from '../../../src/backends/webgpu/device.ts'
import { DeviceEngine } from '../../../src/backends/webgpu/engine.ts'
import type { SubgroupSizes } from '../../../src/backends/webgpu/kernels/kernel.ts'
import { laneFold } from '../../../src/backends/webgpu/kernels/lanes.ts'
import { lanes } from '../../../src/backends/webgpu/wgsl/shader.ts'
import * as g from '../../../src/graph/index.ts'
import { expectSameBits, runOn } from '../../support/programs.ts'
import { driver, reason } from '../../support/webgpu.ts'

const uneven = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, k) => Math.sin(12.9898 * k) * 10 ** (k % 5))

/** The tree in memory, in double precision. */
function tree(values: readonly number[], join: (a: number, b: number) => number): number {
  const shares = [...values]
  for (let half = lanes / 2; half >= 1; half /= 2) {
    for (let lane = 0; lane < half; lane++) shares[lane] = join(shares[lane]!, shares[lane + half]!)
  }
  return shares[0]!
}

/** Runs the statements of a fold between its barriers, all members of a subgroup of `members` in step. */
function runFold(text: string, members: number, shares: readonly number[]): number[] {
  const [, body] = text.split('workgroupBarrier();')
  const lines = body!
    .replaceAll(/\b(\d+)u\b/g, '$1')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
  let all: number[] = []
  for (const line of lines) {
    const before = all
    all = Array.from({ length: members }, (_, member) => {
      const scope = {
        shares,
        members,
        place: member % lanes,
        all: before[member],
        larger: Math.max,
        smaller: Math.min,
        select: (no: number, yes: number, condition: boolean) => (condition ? yes : no),
        // What a member that is not there gives is undefined, and must not be used.
        subgroupShuffleDown: (_: number, by: number) => before[member + by] ?? Number.NaN,
        subgroupBroadcastFirst: () => before[0],
      }
      const code = line.replace(/^let place = .*$/, '').replace(/^var all = .*$/, 'all = 0')
      return new Function(...Object.keys(scope), `${code}; return all`)(...Object.values(scope))
    })
  }
  return all
}

describe('the text of a fold', () => {
  const ranges: readonly SubgroupSizes[] = [
    { smallest: 4, largest: 4 },
    { smallest: 8, largest: 32 },
    { smallest: 32, largest: 32 },
    { smallest: 32, largest: 64 },
    { smallest: 4, largest: 128 },
  ]
  const sizesOf = ({ smallest, largest }: SubgroupSizes): number[] =>
    [4, 8, 16, 32, 64, 128].filter(size => size >= smallest && size <= largest)
  const cases = ranges.flatMap(range => sizesOf(range).map(size => ({ range, size })))

  test.each(cases)(
    'of subgroups of $range.smallest to $range.largest, here $size, has the tree’s sums',
    ({ range, size }) => {
      const shares = Array.from(uneven(lanes))
      const expected = {
        sum: tree(shares, (a, b) => a + b),
        max: Math.max(...shares),
        min: Math.min(...shares),
      }
      for (const fn of ['sum', 'max', 'min'] as const) {
        const found = runFold(laneFold('fold', fn, { subgroups: range }), size, shares)
        expect(found, fn).toEqual(new Array(size).fill(expected[fn]))
      }
    },
  )

  test('has a barrier before and one after, and without subgroups one for each level', () => {
    const barriers = (text: string): number => text.split('workgroupBarrier()').length - 1
    expect(barriers(laneFold('fold', 'sum', { subgroups: ranges[0] }))).toBe(2)
    const inMemory = laneFold('fold', 'sum', {})
    expect(inMemory).not.toContain('subgroup')
    expect(barriers(inMemory)).toBe(3)
  })
})

const opened = driver === undefined ? undefined : await openDevice()
const sizes = opened && subgroupsOf(opened)
const missing = driver === undefined ? reason : `${driver} has no subgroups`

describe.skipIf(!sizes)(
  `on a device with subgroups (${sizes ? `${driver}, ${sizes.smallest} to ${sizes.largest}` : missing})`,
  () => {
    const engines: Record<'subgroups' | 'memory', DeviceEngine> = {} as never
    beforeAll(async () => {
      // Reductions fold together only in the forms for graphics processors.
      engines.subgroups = new DeviceEngine(opened!, { parallel: true })
      engines.memory = new DeviceEngine(await openDevice(), { parallel: true, subgroups: undefined })
    })
    afterAll(async () => {
      for (const engine of Object.values(engines)) await engine.close()
    })

    async function expectAlike(
      roots: readonly g.Tensor[],
      values: Readonly<Record<string, ArrayLike<number>>>,
    ): Promise<void> {
      const [found, expected] = [
        await runOn(engines.subgroups, roots, values),
        await runOn(engines.memory, roots, values),
      ]
      expected.forEach((values, k) => {
        expectSameBits(found[k], values, `root ${k}`)
      })
    }

    test('reductions have the same bits: sums, extremes, pairs of sums, and parts', async () => {
      const x = g.input('x', [3, 2, 400])
      const variance = g.sub(g.mean(g.square(x), [2]), g.square(g.mean(x, [2])))
      await expectAlike([g.sum(x, [2]), g.max(x, [2]), g.min(x, [1, 2]), variance], { x: uneven(2400) })
      const long = g.input('x', [9000])
      await expectAlike([g.sum(long), g.max(long)], { x: uneven(9000) })
    })

    test('so have cross-entropy and its gradient', async () => {
      const logits = g.input('logits', [5, 70])
      const loss = g.softmaxCrossEntropy(logits, g.constantTensor([0, 1, 2, 1, 69], [5], 'i32'))
      await expectAlike([loss, ...g.gradients(g.sum(loss), [logits])], {
        logits: uneven(350).map(value => value / 1e3),
      })
    })

    test('a NaN makes them NaN, wherever it is', async () => {
      const x = g.input('x', [200])
      for (const at of [0, 63, 64, 199]) {
        const values = uneven(200)
        values[at] = Number.NaN
        const results = await runOn(engines.subgroups, [g.sum(x), g.max(x), g.min(x)], { x: values })
        expect(results.map(([value]) => value)).toEqual([Number.NaN, Number.NaN, Number.NaN])
      }
    })
  },
)
