/** What every engine promises about programs: variables and their updates, outputs of all kinds, and clear errors. */
import { afterAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import * as g from '../../src/graph/index.ts'
import type { Program } from '../../src/plan/program.ts'

const variable = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): g.Variable =>
  new g.Variable(shape, { name, value: Float32Array.from(values) })

const program = (outputs: Program['outputs'], updates: readonly (readonly [g.Variable, g.Tensor])[] = []): Program => ({
  outputs,
  updates: new Map(updates),
})

const engines: Record<string, () => Engine> = {
  reference: createReferenceEngine,
  'wasm on one thread': () => createWasmEngine({ threads: 1 }),
  'wasm on two threads': () => createWasmEngine({ threads: 2 }),
}

describe.each(Object.entries(engines))('%s', (_, create) => {
  const engine = create()
  afterAll(() => engine.close())
  const current = (v: g.Variable): number[] => Array.from(engine.read(v))
  /** Compiles and runs once; the outputs as lists. */
  const run = async (p: Program, inputs: Readonly<Record<string, readonly number[]>> = {}) => {
    const executable = await engine.compile(p)
    for (const [name, values] of Object.entries(inputs)) executable.input(name).set(values)
    await executable.run()
    return Object.fromEntries(Object.keys(p.outputs).map(name => [name, Array.from(executable.output(name))]))
  }

  describe('variables', () => {
    test('start with their host value, are written, read and updated; reading gives a copy', async () => {
      const x = variable('x', [1, 2, 3])
      const executable = await engine.compile(program({ x: x.tensor }, [[x, g.add(x.tensor, 1)]]))
      expect(current(x)).toEqual([1, 2, 3])
      await executable.run()
      await executable.run()
      expect(current(x)).toEqual([3, 4, 5])
      const copy = engine.read(x)
      copy.fill(0)
      expect(copy.buffer).toBeInstanceOf(ArrayBuffer)
      engine.write(x, [7, 8, 9])
      expect(Array.from(x.value)).toEqual([7, 8, 9])
      await executable.run()
      expect(current(x)).toEqual([8, 9, 10])
    })

    test('may be read and written before any program knows them', async () => {
      const x = variable('x', [1, 2])
      expect(current(x)).toEqual([1, 2])
      engine.write(x, [3, 4])
      expect(current(x)).toEqual([3, 4])
      expect(await run(program({ y: g.mul(x.tensor, 2) }))).toEqual({ y: [6, 8] })
    })

    test('are shared by the programs of an engine, not by engines', async () => {
      const x = variable('x', [1])
      const other = create()
      const double = await engine.compile(program({}, [[x, g.mul(x.tensor, 2)]]))
      const increment = await engine.compile(program({ x: g.add(x.tensor, 0.5) }, [[x, g.add(x.tensor, 1)]]))
      const elsewhere = await other.compile(program({}, [[x, g.sub(x.tensor, 1)]]))
      await double.run()
      await increment.run()
      await elsewhere.run()
      await double.run()
      expect(current(x)).toEqual([6])
      expect(Array.from(other.read(x))).toEqual([0])
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
      expect(engine.read(i)).toEqual(Int32Array.of(-5, 1, 2 ** 24 + 1))
      expect(engine.read(b)).toEqual(Uint8Array.of(1, 3, 2, 255))
      expect(engine.read(last)).toEqual(Int32Array.of(1, 1))
      await executable.run()
      expect(engine.read(i)).toEqual(Int32Array.of(2 ** 24 + 1, -5, 1))
    })

    test('a wrong number of values is refused', () => {
      expect(() => engine.write(variable('weights', [1, 2]), [1])).toThrow(/weights: 1 values given for shape \[2\]/)
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
      expect([current(x), current(y)]).toEqual([
        [3, 4],
        [1, 2],
      ])
      await executable.run()
      expect([current(x), current(y)]).toEqual([
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
      expect([current(x), current(y), current(z)]).toEqual([[5], [3], [-1]])
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
      expect(current(x)).toEqual([2, 3, 4, 5])
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
      expect([current(x), current(y), current(z)]).toEqual([
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
      expect([given, fixed, reshaped, turned].map(current)).toEqual([
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
      expect(current(w)).toEqual(expected)
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
      executable.input('bytes').set([1, 2, 3, 255])
      executable.input('integers').set([-1, 5, 2 ** 31 - 1, 7])
      await executable.run()
      expect(executable.output('bytes')).toEqual(Uint8Array.of(1, 2, 3, 255))
      expect(executable.output('integers')).toEqual(Int32Array.of(-1, 5, 2 ** 31 - 1, 7))
      expect(executable.output('turned')).toEqual(Uint8Array.of(1, 3, 2, 255))
      expect(executable.output('best')).toEqual(Int32Array.of(1, 0))
      expect(executable.output('half')).toEqual(Float32Array.of(0.5, 1, 1.5, 127.5))
    })

    test('a program may have none, or compute nothing', async () => {
      expect(await run(program({}))).toEqual({})
      const x = variable('x', [1])
      await run(program({}, [[x, g.add(x.tensor, 1)]]))
      expect(current(x)).toEqual([2])
    })
  })

  describe('inputs', () => {
    test('keep their values from run to run of one program', async () => {
      const rate = g.input('rate', [])
      const x = g.input('x', [600], { batched: true })
      // Enough values of the same size that the memory of an input could be used again.
      let y: g.Tensor = g.mul(x, rate)
      for (let k = 0; k < 5; k++) y = g.sub(y, g.mean(y))
      const executable = await engine.compile(program({ y: g.sum(g.square(y)), first: g.sum(g.mul(x, rate)) }))
      executable.input('rate')[0] = 2
      executable.input('x').fill(3)
      for (let step = 0; step < 3; step++) {
        await executable.run()
        expect(Array.from(executable.output('first'))).toEqual([3600])
      }
    })

    test('written before another program is compiled are still there', async () => {
      const fresh = create()
      const x = g.input('x', [3])
      const small = await fresh.compile(program({ y: g.add(x, 1) }))
      small.input('x').set([1, 2, 3])
      // A new variable lies behind the memory of the first program, which can then not grow where it is.
      const between = variable('between', [1])
      const big = await fresh.compile(
        program({ z: g.sum(g.exp(g.add(g.input('x', [70_000]), g.input('y', [70_000])))), between: between.tensor }),
      )
      await small.run()
      expect(Array.from(small.output('y'))).toEqual([2, 3, 4])
      big.input('x').fill(0)
      big.input('y').fill(0)
      await big.run()
      expect(Array.from(big.output('z'))).toEqual([70_000])
      await fresh.close()
    })

    test('that nothing depends on are not part of the program', async () => {
      const [x, y] = [g.input('x', [1]), g.input('y', [1])]
      const executable = await engine.compile(program({ x: g.add(x, g.mul(y, 0)) }))
      expect(executable.plan.inputs.map(({ label }) => label)).toEqual(['x'])
      expect(() => executable.input('y')).toThrow(/no input is named 'y'/)
    })
  })

  describe('errors', () => {
    test('names that do not exist', async () => {
      const executable = await engine.compile(program({ y: g.add(g.input('x', [1]), 1) }))
      expect(() => executable.input('images')).toThrow(/no input is named 'images'/)
      expect(() => executable.output('y')).toThrow(/output 'y' is not there: the program has not run/)
      await executable.run()
      expect(() => executable.output('loss')).toThrow(/no output is named 'loss'/)
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

    test('a run begun before the previous one has finished', async () => {
      const x = variable('x', [1])
      const executable = await engine.compile(program({}, [[x, g.add(x.tensor, 1)]]))
      const first = executable.run()
      await expect(executable.run()).rejects.toThrow(/previous run has not finished/)
      await first
      expect(current(x)).toEqual([2])
      await executable.run()
      expect(current(x)).toEqual([3])
    })

    test('a closed engine', async () => {
      const closed = create()
      const x = variable('x', [1])
      const executable = await closed.compile(program({ y: g.mul(g.input('x', [1]), 2) }, [[x, g.add(x.tensor, 1)]]))
      await executable.run()
      await closed.close()
      await closed.close()
      await expect(executable.run()).rejects.toThrow(/the engine is closed/)
      await expect(closed.compile(program({}))).rejects.toThrow(/the engine is closed/)
      expect(() => closed.read(x)).toThrow(/the engine is closed/)
      expect(() => closed.write(x, [1])).toThrow(/the engine is closed/)
      expect(() => executable.output('y')).toThrow(/the engine is closed/)
      expect(() => executable.input('x')).toThrow(/the engine is closed/)
    })
  })
})
