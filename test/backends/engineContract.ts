/**
 * What every engine promises about programs: variables and their updates, outputs of all kinds, and clear errors. A
 * backend's test file is one call: `describeEngine('reference', createReferenceEngine)`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { regionOf } from '../../src/backends/region.ts'
import * as g from '../../src/graph/index.ts'
import type { Program } from '../../src/plan/program.ts'

const variable = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): g.Variable =>
  new g.Variable(shape, { name, value: Float32Array.from(values) })

const program = (outputs: Program['outputs'], updates: readonly (readonly [g.Variable, g.Tensor])[] = []): Program => ({
  outputs,
  updates: new Map(updates),
})

/** Registers the suite for one kind of engine. @param create starts one; several are at work at a time */
export function describeEngine(name: string, create: () => Engine | Promise<Engine>): void {
  describe(name, () => engineContract(create))
}

function engineContract(create: () => Engine | Promise<Engine>): void {
  let engine: Engine
  beforeAll(async () => {
    engine = await create()
  })
  afterAll(() => engine.close())
  const current = async (v: g.Variable): Promise<number[]> => Array.from(await engine.read(v))
  /** Compiles and runs once; the outputs as lists. */
  const run = async (p: Program, inputs: Readonly<Record<string, readonly number[]>> = {}) => {
    const executable = await engine.compile(p)
    const results = await executable.run(inputs)
    return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, Array.from(values)]))
  }

  describe('variables', () => {
    test('start with their host value, are written, read and updated; reading gives a copy', async () => {
      const x = variable('x', [1, 2, 3])
      const executable = await engine.compile(program({ x: x.tensor }, [[x, g.add(x.tensor, 1)]]))
      expect(await current(x)).toEqual([1, 2, 3])
      await executable.run()
      await executable.run()
      expect(await current(x)).toEqual([3, 4, 5])
      const copy = await engine.read(x)
      copy.fill(0)
      expect(copy.buffer).toBeInstanceOf(ArrayBuffer)
      await engine.write(x, [7, 8, 9])
      expect(Array.from(x.value)).toEqual([7, 8, 9])
      await executable.run()
      expect(await current(x)).toEqual([8, 9, 10])
    })

    test('may be read and written before any program knows them', async () => {
      const x = variable('x', [1, 2])
      expect(await current(x)).toEqual([1, 2])
      await engine.write(x, [3, 4])
      expect(await current(x)).toEqual([3, 4])
      expect(await run(program({ y: g.mul(x.tensor, 2) }))).toEqual({ y: [6, 8] })
    })

    test('are shared by the programs of an engine, not by engines', async () => {
      const x = variable('x', [1])
      const other = await create()
      const double = await engine.compile(program({}, [[x, g.mul(x.tensor, 2)]]))
      const increment = await engine.compile(program({ x: g.add(x.tensor, 0.5) }, [[x, g.add(x.tensor, 1)]]))
      const elsewhere = await other.compile(program({}, [[x, g.sub(x.tensor, 1)]]))
      await double.run()
      await increment.run()
      await elsewhere.run()
      await double.run()
      expect(await current(x)).toEqual([6])
      expect(Array.from(await other.read(x))).toEqual([0])
      await other.close()
    })

    test('keep their type: integers and bytes', async () => {
      const i = new g.Variable<readonly [number]>([3], {
        name: 'i',
        dtype: 'i32',
        value: Int32Array.of(1, 2 ** 24 + 1, -5),
      })
      const b = new g.Variable<readonly [number, number]>([2, 2], {
        name: 'b',
        dtype: 'u8',
        value: Uint8Array.of(1, 2, 3, 255),
      })
      const last = new g.Variable([2], { name: 'last', dtype: 'i32' })
      const order = g.constantTensor([2, 0, 1], [3], 'i32')
      const updates = [
        [i, g.gather(i.tensor, order)],
        [b, g.transpose(b.tensor)],
        [last, g.argmax(b.tensor, 1)],
      ] as const
      const executable = await engine.compile(program({ i: i.tensor, b: b.tensor, sum: g.add(i.tensor, 0) }, updates))
      await executable.run()
      expect(await engine.read(i)).toEqual(Int32Array.of(-5, 1, 2 ** 24 + 1))
      expect(await engine.read(b)).toEqual(Uint8Array.of(1, 3, 2, 255))
      expect(await engine.read(last)).toEqual(Int32Array.of(1, 1))
      await executable.run()
      expect(await engine.read(i)).toEqual(Int32Array.of(2 ** 24 + 1, -5, 1))
    })

    test('contents that do not fit are refused, and change nothing', async () => {
      const weights = variable('weights', [1, 2])
      const bytes = new g.Variable([2], { name: 'bytes', dtype: 'u8' })
      await expect(engine.write(weights, [1])).rejects.toThrow('weights: 1 values given for shape [2]')
      await expect(engine.write(bytes, [255, 256])).rejects.toThrow(
        'bytes: value 1 (=256) must be a whole number from 0 to 255 (u8)',
      )
      expect([await current(weights), await current(bytes)]).toEqual([
        [1, 2],
        [0, 0],
      ])
    })
  })

  describe('a region', () => {
    test('shows variables side by side, as programs leave them; programs see what is changed in it', async () => {
      const [x, y] = [variable('x', [1, 2, 3]), variable('y', [4], [])]
      const region = regionOf(engine, [x, y], 5)
      expect([...region.offsets, region.length].filter(place => place % 5 !== 0)).toEqual([])
      expect(region.offsets[0]).toBe(0)
      expect(region.offsets[1]).toBeGreaterThanOrEqual(3)
      const both = () =>
        region.read(values => [...values.subarray(0, 3), values[region.offsets[1]!]!, values.reduce((a, b) => a + b)])
      expect(await both()).toEqual([1, 2, 3, 4, 10])
      const executable = await engine.compile(program({ z: g.mul(x.tensor, y.tensor) }, [[x, g.add(x.tensor, 1)]]))
      await executable.run()
      expect(await both()).toEqual([2, 3, 4, 4, 13])
      await region.change(values => {
        values.set([5, 6, 7])
        values[region.offsets[1]!] = 10
      })
      expect(Array.from((await executable.run()).z!)).toEqual([50, 60, 70])
      expect(await current(x)).toEqual([6, 7, 8])
      expect(await current(y)).toEqual([10])
    })

    test('waits for earlier work, and later work waits for it', async () => {
      const x = variable('x', [1])
      const region = regionOf(engine, [x])
      const executable = await engine.compile(program({}, [[x, g.mul(x.tensor, 3)]]))
      const seen: number[] = []
      const look = (values: Float32Array) => void seen.push(values[0]!)
      await Promise.all([executable.run(), region.read(look), executable.run(), region.read(look)])
      expect(seen).toEqual([3, 9])
    })

    test('is changed while a run computes its values: each of them is told once, and the end last', async () => {
      const [x, y, other] = [variable('x', [1, 2, 3]), variable('y', [4], []), variable('other', [1])]
      const region = regionOf(engine, [x, y])
      const updates = [x, y, other].map(of => [of, g.mul(of.tensor, 2)] as const)
      const executable = await engine.compile(program({ sum: g.sum(x.tensor) }, updates))
      const [told, ends]: [number[], boolean[]] = [[], []]
      const result = await region.changeDuring(
        options => executable.run({}, options),
        async (values, { updated, isLast }) => {
          await undefined
          told.push(...updated)
          ends.push(isLast)
          if (!isLast) return
          expect([...values.subarray(0, 3), values[region.offsets[1]!]]).toEqual([2, 4, 6, 8])
          values[1] = 10
        },
      )
      expect(Array.from(result.sum!)).toEqual([6])
      expect(told.sort()).toEqual([0, 1])
      expect(ends.indexOf(true)).toBe(ends.length - 1)
      expect([await current(x), await current(y), await current(other)]).toEqual([[2, 10, 6], [8], [2]])
      expect(await run(program({ x: x.tensor }))).toEqual({ x: [2, 10, 6] })
    })

    test('holds f32 only', () => {
      const count = new g.Variable([1], { name: 'count', dtype: 'i32' })
      expect(() => regionOf(engine, [count])).toThrow('region: count is i32, a region holds f32 only')
    })
  })

  describe('updates happen at the end of a run', () => {
    test('two variables change places', async () => {
      const [x, y] = [variable('x', [1, 2]), variable('y', [3, 4])]
      const executable = await engine.compile(
        program({}, [
          [x, y.tensor],
          [y, x.tensor],
        ]),
      )
      await executable.run()
      expect(await Promise.all([current(x), current(y)])).toEqual([
        [3, 4],
        [1, 2],
      ])
      await executable.run()
      expect(await Promise.all([current(x), current(y)])).toEqual([
        [1, 2],
        [3, 4],
      ])
    })

    test('three variables go round, with arithmetic on the way', async () => {
      const [x, y, z] = [variable('x', [1]), variable('y', [2]), variable('z', [3])]
      const cycle = [
        [x, g.add(y.tensor, z.tensor)],
        [y, g.mul(z.tensor, x.tensor)],
        [z, g.sub(x.tensor, y.tensor)],
      ] as const
      await run(program({}, cycle))
      expect(await Promise.all([current(x), current(y), current(z)])).toEqual([[5], [3], [-1]])
    })

    test('everything else sees the old value, outputs too', async () => {
      const x = variable('x', [1, 2, 3, 4], [2, 2])
      const next = g.add(x.tensor, 1)
      const results = await run(
        program(
          {
            old: x.tensor,
            seen: g.reshape(x.tensor, [4]),
            sum: g.sum(x.tensor),
            product: g.matmul(x.tensor as g.Matrix, x.tensor as g.Matrix),
            next,
            later: g.mul(g.sum(next), g.sum(x.tensor)),
          },
          [[x, next]],
        ),
      )
      expect(results).toEqual({
        old: [1, 2, 3, 4],
        seen: [1, 2, 3, 4],
        sum: [10],
        product: [7, 10, 15, 22],
        next: [2, 3, 4, 5],
        later: [140],
      })
      expect(await current(x)).toEqual([2, 3, 4, 5])
    })

    test('one value may update several variables and be an output', async () => {
      const [x, y, z] = [variable('x', [1, 2]), variable('y', [0, 0]), variable('z', [0, 0])]
      const next = g.square(x.tensor)
      const p = program({ next }, [
        [x, next],
        [y, next],
        [z, g.add(next, y.tensor)],
      ])
      expect(await run(p)).toEqual({ next: [1, 4] })
      expect(await run(p)).toEqual({ next: [1, 16] })
      expect(await Promise.all([current(x), current(y), current(z)])).toEqual([
        [1, 16],
        [1, 16],
        [2, 20],
      ])
    })

    test('a variable may become an input, a constant, a reshape or a transpose of itself', async () => {
      const given = variable('given', [0, 0])
      const fixed = variable('fixed', [0, 0])
      const reshaped = variable('reshaped', [1, 2, 3, 4], [2, 2])
      const turned = variable('turned', [1, 2, 3, 4], [2, 2])
      const rows = g.input('rows', [1, 2])
      const p = program({}, [
        [given, g.reshape(rows, [2])],
        [fixed, g.constantTensor([5, 6], [2])],
        [reshaped, g.reshape(g.constantTensor([9, 8, 7, 6], [4]), [2, 2])],
        [turned, g.transpose(turned.tensor as g.Matrix)],
      ])
      await run(p, { rows: [3, 4] })
      expect(await Promise.all([given, fixed, reshaped, turned].map(current))).toEqual([
        [3, 4],
        [5, 6],
        [9, 8, 7, 6],
        [1, 3, 2, 4],
      ])
    })

    test('a product may change the matrix it multiplies', async () => {
      // Long enough inner sums that a kernel might store parts of them.
      const size = 40
      const values = Array.from({ length: size * size }, (_, k) => ((k * 7) % 5) - 2)
      const w = variable('w', values, [size, size])
      const m = w.tensor as g.Matrix
      await run(program({}, [[w, g.sub(m, g.matmul(m, m))]]))
      const expected = values.map((value, at) => {
        const [i, j] = [Math.floor(at / size), at % size]
        let sum = 0
        for (let k = 0; k < size; k++) sum += values[i * size + k]! * values[k * size + j]!
        return value - sum
      })
      expect(await current(w)).toEqual(expected)
    })

    test('an update that does not fit its variable is refused', async () => {
      const w = variable('w', [1, 2])
      await expect(engine.compile(program({}, [[w, g.sum(w.tensor)]]))).rejects.toThrow(
        /w: update of type f32 \[\] does not fit the variable's f32 \[2\]/,
      )
    })
  })

  describe('outputs', () => {
    test('may be inputs, variables, constants, views of them, and each other', async () => {
      const x = g.input('x', [2, 2])
      const v = variable('v', [1, 2, 3])
      const c = g.constantTensor([7, 8], [2])
      const y = g.relu(x)
      const outputs = {
        x,
        flat: g.reshape(x, [4]),
        v: v.tensor,
        column: g.reshape(v.tensor, [3, 1]),
        c,
        row: g.reshape(c, [1, 2]),
        y,
        again: y,
        view: g.reshape(y, [4]),
      }
      expect(await run(program(outputs), { x: [-1, 2, -3, 4] })).toEqual({
        x: [-1, 2, -3, 4],
        flat: [-1, 2, -3, 4],
        v: [1, 2, 3],
        column: [1, 2, 3],
        c: [7, 8],
        row: [7, 8],
        y: [0, 2, 0, 4],
        again: [0, 2, 0, 4],
        view: [0, 2, 0, 4],
      })
    })

    test('have the type of their value', async () => {
      const bytes = g.input('bytes', [2, 2], { dtype: 'u8' })
      const integers = g.input('integers', [2, 2], { dtype: 'i32', batched: true })
      const executable = await engine.compile(
        program({ bytes, integers, turned: g.transpose(bytes), best: g.argmax(integers, 1), half: g.mul(bytes, 0.5) }),
      )
      const inputs = { bytes: [1, 2, 3, 255], integers: [-1, 5, 2 ** 31 - 1, 7] }
      const results = await executable.run(inputs)
      expect(results.bytes).toEqual(Uint8Array.of(1, 2, 3, 255))
      expect(results.integers).toEqual(Int32Array.of(-1, 5, 2 ** 31 - 1, 7))
      expect(results.turned).toEqual(Uint8Array.of(1, 3, 2, 255))
      expect(results.best).toEqual(Int32Array.of(1, 0))
      expect(results.half).toEqual(Float32Array.of(0.5, 1, 1.5, 127.5))
    })

    test('a program may have none, or compute nothing', async () => {
      expect(await run(program({}))).toEqual({})
      const x = variable('x', [1])
      await run(program({}, [[x, g.add(x.tensor, 1)]]))
      expect(await current(x)).toEqual([2])
    })
  })

  describe('inputs', () => {
    test('are all given to every run, in the types that the program tells; scalars as numbers', async () => {
      const x = g.input('x', [2, 3], { dtype: 'u8', batched: true })
      const picks = g.input('picks', [4], { dtype: 'i32' })
      const executable = await engine.compile(
        program({ y: g.gather(g.mul(x, g.input('rate', [])), g.reshape(picks, [4]), 1) }),
      )
      expect([...executable.inputs]).toEqual(
        expect.arrayContaining([
          ['x', { shape: [2, 3], dtype: 'u8' }],
          ['rate', { shape: [], dtype: 'f32' }],
          ['picks', { shape: [4], dtype: 'i32', limit: 3 }],
        ]),
      )
      expect([...executable.outputs]).toEqual([['y', { shape: [2, 4], dtype: 'f32' }]])
      const values = { x: [1, 2, 3, 4, 5, 6], picks: [2, 0, 0, 1] }
      expect((await executable.run({ ...values, rate: 2 })).y).toEqual(Float32Array.of(6, 2, 2, 4, 12, 8, 8, 10))
      expect((await executable.run({ ...values, rate: [-1] })).y).toEqual(
        Float32Array.of(-3, -1, -1, -2, -6, -4, -4, -5),
      )
    })

    test('of the last run are not seen by the next, nor what other programs have left in memory', async () => {
      const fresh = await create()
      const x = g.input('x', [3])
      const small = await fresh.compile(program({ y: g.add(x, 1) }))
      expect((await small.run({ x: [1, 2, 3] })).y).toEqual(Float32Array.of(2, 3, 4))
      // A new variable lies behind the memory of the first program, which can then not grow where it is.
      const between = variable('between', [1])
      const big = await fresh.compile(
        program({ z: g.sum(g.exp(g.add(g.input('x', [70_000]), g.input('y', [70_000])))), between: between.tensor }),
      )
      const none = new Float32Array(70_000)
      expect((await small.run({ x: [4, 5, 6] })).y).toEqual(Float32Array.of(5, 6, 7))
      expect((await big.run({ x: none, y: none })).z).toEqual(Float32Array.of(70_000))
      await fresh.close()
    })

    test('that nothing depends on are not part of the program', async () => {
      const [x, y] = [g.input('x', [1]), g.input('y', [1])]
      const executable = await engine.compile(program({ x: g.add(x, g.mul(y, 0)) }))
      expect([...executable.inputs.keys()]).toEqual(['x'])
      await expect(executable.run({ x: [1], y: [1] })).rejects.toThrow("no input is named 'y'; it reads x f32 [1]")
    })

    test('and outputs are the caller’s: arrays may be changed as soon as the call has returned', async () => {
      const executable = await engine.compile(program({ y: g.mul(g.input('x', [2]), 10) }))
      const x = Float32Array.of(1, 2)
      const runs = []
      for (let k = 0; k < 5; k++) {
        runs.push(executable.run({ x }))
        x.set([k, -k])
      }
      const answers = await Promise.all(runs)
      expect(answers.map(({ y }) => Array.from(y!))).toEqual([[10, 20], ...[0, 1, 2, 3].map(k => [10 * k, -10 * k])])
      answers[0]!.y!.fill(7)
      expect((await executable.run({ x: [3, 3] })).y).toEqual(Float32Array.of(30, 30))
    })
  })

  describe('errors of one call, which disturb no other', () => {
    const picking = () =>
      program({
        rows: g.gather(g.input('table', [3, 2]), g.input('picks', [2], { dtype: 'i32' })),
        scaled: g.mul(g.input('bytes', [2], { dtype: 'u8' }), 0.5),
      })
    const right = { table: [1, 2, 3, 4, 5, 6], picks: [2, 0], bytes: [1, 2] }

    test.each([
      ['an input that is missing', { table: right.table, picks: [0, 1] }, "the input 'bytes' is missing: u8 [2]"],
      ['an input that is unknown', { ...right, toString: [1] }, "no input is named 'toString'"],
      ['too few values', { ...right, table: [1, 2] }, 'table: 2 values given for shape [3, 2]'],
      ['too many values', { ...right, picks: [1, 2, 0] }, 'picks: 3 values given for shape [2]'],
      [
        'fractions for bytes',
        { ...right, bytes: Float32Array.of(1, 0.5) },
        'bytes: value 1 (=0.5) must be a whole number',
      ],
      [
        'too large for bytes',
        { ...right, bytes: [256, 1] },
        'bytes: value 0 (=256) must be a whole number from 0 to 255',
      ],
      ['fractions for indices', { ...right, picks: [0.5, 1] }, 'picks: value 0 (=0.5) must be a whole number'],
      [
        'an index too large',
        { ...right, picks: [0, 3] },
        'picks: an index or a label (=3) is out of range: expected 0 … 2',
      ],
      [
        'an index below zero',
        { ...right, picks: [-1, 0] },
        'an index or a label (=-1) is out of range: expected 0 … 2',
      ],
    ])('%s', async (_, inputs, message) => {
      const executable = await engine.compile(picking())
      const [before, wrong, after] = await Promise.allSettled([
        executable.run(right),
        executable.run(inputs),
        executable.run(right, { read: ['scaled'] }),
      ])
      expect(wrong).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining(message) } })
      expect(before).toMatchObject({ value: { rows: Float32Array.of(5, 6, 1, 2), scaled: Float32Array.of(0.5, 1) } })
      expect(after).toEqual({ status: 'fulfilled', value: { scaled: Float32Array.of(0.5, 1) } })
    })

    const labels = g.input('labels', [4], { dtype: 'i32', batched: true }) as g.Vector
    const scores = g.input('scores', [4, 3], { batched: true }) as g.Matrix
    const lossOf = g.sum(g.softmaxCrossEntropy(scores, labels)) as g.Scalar
    test.each<[string, g.Tensor]>([
      ['oneHot', g.oneHot(labels, 3)],
      ['softmaxCrossEntropy', lossOf],
      ['its gradient', g.gradients(lossOf, [scores])[0]!],
      ['gather', g.gather(g.transpose(scores), labels)],
      ['scatterAdd', g.scatterAdd(scores, g.transpose(g.reshape(g.reshape(labels, [2, 2]), [4])) as g.Vector, 0, 3)],
    ])('labels out of range: %s', async (_, y) => {
      const executable = await engine.compile(program({ y }))
      const given = executable.inputs.has('scores') ? { scores: new Float32Array(12).fill(1) } : {}
      for (const wrong of [3, -1, 2 ** 31 - 1]) {
        await expect(executable.run({ ...given, labels: [0, 1, wrong, 2] })).rejects.toThrow(
          new RangeError(`labels: an index or a label (=${wrong}) is out of range: expected 0 … 2`),
        )
      }
      await executable.run({ ...given, labels: [0, 1, 2, 2] })
    })

    test('an output that does not exist', async () => {
      const executable = await engine.compile(picking())
      await expect(executable.run(right, { read: ['loss'] })).rejects.toThrow("no output is named 'loss'")
    })

    test('a constant index out of range: the program is refused', async () => {
      const outside = g.oneHot(g.constantTensor([7], [1], 'i32'), 3)
      await expect(engine.compile(program({ outside }))).rejects.toThrow(
        'an index or a label (=7) is out of range: expected 0 … 2',
      )
    })

    test('two inputs of one name, two batch sizes', async () => {
      const twice = g.add(g.input('x', [2]), g.input('x', [2]))
      await expect(engine.compile(program({ twice }))).rejects.toThrow(/two inputs are named 'x'/)
      const sums = [g.input('images', [4, 2], { batched: true }), g.input('labels', [5], { batched: true })].map(x =>
        g.sum(x),
      )
      await expect(engine.compile(program({ y: g.add(sums[0]!, sums[1]!) }))).rejects.toThrow(
        /batched inputs differ in batch size: 4, 5|batched inputs differ in batch size: images 4, labels 5/,
      )
    })

    test('a closed engine: what waits is refused, and whatever is asked for later', async () => {
      const closed = await create()
      const x = variable('x', [1])
      const executable = await closed.compile(program({ y: g.mul(g.input('x', [1]), 2) }, [[x, g.add(x.tensor, 1)]]))
      await executable.run({ x: [1] })
      const waiting = [...Array.from({ length: 5 }, () => executable.run({ x: [1] })), closed.read(x)]
      const settled = Promise.allSettled(waiting)
      await Promise.all([closed.close(), closed.close()])
      for (const result of await settled) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ message: 'the engine is closed' })
      }
      await expect(executable.run({ x: [1] })).rejects.toThrow('the engine is closed')
      await expect(closed.compile(program({}))).rejects.toThrow('the engine is closed')
      await expect(closed.read(x)).rejects.toThrow('the engine is closed')
      await expect(closed.write(x, [1])).rejects.toThrow('the engine is closed')
    })
  })
}
