/** The operators of ONNX against ONNX's own tests: on WebAssembly, or WebGPU with FOVEA_TEST_WEBGPU=1, and on the reference. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { opNames } from '../../src/onnx/index.ts'
import { failing, left, nodeTests, runNodeTest } from './nodeTests.ts'

/** Tests that do not pass in double precision: their answer is a tie that the rounding of single precision breaks. */
const singleOnly: ReadonlySet<string> = new Set(['dynamicquantizelinear'])

const fails = (name: string, backend: string): boolean =>
  name in failing || (backend === 'reference' && singleOnly.has(name))

const engines = [createEngine({ threads: 1 }), createEngine({ backend: 'reference' })]

describe.each(engines.map(engine => [engine.description.backend, engine] as const))('on %s', (backend, engine) => {
  afterAll(() => engine.close())

  test.each(nodeTests.filter(({ name }) => !fails(name, backend)))('$name', async nodeTest => {
    expect(await runNodeTest(nodeTest, engine)).toBe('')
  })

  test.each(nodeTests.filter(({ name }) => fails(name, backend)))('not: $name', async nodeTest => {
    const outcome = await runNodeTest(nodeTest, engine).catch((error: Error) => error.message)
    expect(outcome).not.toBe('')
  })
})

describe('the tests', () => {
  test('pass but for one in a hundred', () => {
    const count = nodeTests.filter(({ name }) => !fails(name, 'reference')).length
    expect(count / nodeTests.length).toBeGreaterThan(0.99)
  })

  test('are of all operators that are imported', () => {
    // What has no test of its own there.
    const untested = ['GlobalLpPool', 'Scatter', 'Upsample']
    const tested = new Set(nodeTests.map(({ op }) => op))
    expect(opNames.filter(name => !tested.has(name))).toEqual(untested.filter(name => !tested.has(name)))
  })

  test('and operators are those of docs/onnx.md', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/onnx.md'), 'utf8')
    const [list = ''] = /^(`\w+`, )+`\w+`\.$/m.exec(page) ?? []
    expect([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(opNames)
    expect(page).toContain(`${nodeTests.length} are run on both backends`)
    for (const count of Object.values(left).filter(count => count < 200 && count > 1))
      expect(page).toContain(`(${count})`)
  })

  test('leave out what is said', () => {
    expect(Object.keys(left).sort()).toEqual([
      'a sequence or an optional value',
      'a tensor of more than 4 axes',
      'an operator that ConvNets do not have',
      'more than 100 kB',
      'numbers of fewer than 8 bits or of 8 bits with a point, strings, complex numbers',
      'the body of a function, as a graph of other operators',
    ])
  })
})
