/** The host's copy of a variable is made when it is asked for, and not by an engine. */
import { describe, expect, it } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { Variable } from '../../src/graph/variable.ts'
import { gaussian, linear } from '../../src/nn/index.ts'

describe('the contents of a variable', () => {
  it('are zeros, given numbers, or what a rule writes', () => {
    expect([...new Variable([2]).value]).toEqual([0, 0])
    const given = Float32Array.of(1, 2)
    expect(new Variable([2], { value: given }).value).toBe(given)
    const ruled = new Variable([3])
    ruled.fillWith(values => values.fill(4))
    expect([...ruled.value]).toEqual([4, 4, 4])
    ruled.fillWith(values => values.fill(5))
    expect([...ruled.value]).toEqual([5, 5, 5])
  })

  it('are copied to where they are needed, over whatever is there', () => {
    const variable = new Variable([2])
    const target = Float32Array.of(7, 7)
    variable.copyTo(target)
    expect([...target]).toEqual([0, 0])
    variable.fillWith(values => values.fill(3))
    variable.copyTo(target)
    expect([...target]).toEqual([3, 3])
    variable.value[0] = 8
    variable.copyTo(target)
    expect([...target]).toEqual([8, 3])
    variable.setValue([1, 2])
    variable.copyTo(target)
    expect([...target]).toEqual([1, 2])
  })

  it('are written into the engine by their rule, once, and are the same numbers on the host', async () => {
    let calls = 0
    const normal = gaussian(1)
    const counted = {
      name: 'counted',
      fill: (...given: Parameters<typeof normal.fill>) => {
        calls++
        normal.fill(...given)
      },
    }
    const layer = linear(5, 4, { init: counted }).initialize(3)
    expect(calls).toBe(0)
    const engine = createWasmEngine({ threads: 1 })
    await engine.compile({ outputs: { weight: layer.weight.tensor }, updates: new Map() })
    expect(calls).toBe(1)
    const inEngine = await engine.read(layer.weight)
    expect(calls).toBe(1)
    expect([...layer.weight.value]).toEqual([...inEngine])
    expect(calls).toBe(2)
    expect(new Set(inEngine).size).toBe(20)
    await engine.close()
  })
})
