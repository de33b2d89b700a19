/**
 * Wide vectors: who gets them, and the check that every kernel passes before it is used with them. The check is tried with
 * compilers that are wrong on purpose, on any Node; the real thing needs Node 24 (see "Wide vectors" in CONTRIBUTING.md).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import v8 from 'node:v8'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { FunctionBuilder } from '../../../src/backends/wasm/emit/assembler.ts'
import { ModuleBuilder } from '../../../src/backends/wasm/emit/module.ts'
import { createWasmEngine, WasmEngine } from '../../../src/backends/wasm/engine.ts'
import type { WasmEngineOptions } from '../../../src/backends/wasm/options.ts'
import { type Compiler, compileModule } from '../../../src/backends/wasm/runtime/compile.ts'
import { hasRelaxedSimd, nodeModules } from '../../../src/backends/wasm/runtime/features.ts'
import * as browser from '../../../src/backends/wasm/runtime/wide.browser.ts'
import { wideVectors } from '../../../src/backends/wasm/runtime/wide.ts'
import { type CheckedKernels, StoredKernels } from '../../../src/backends/wasm/runtime/wideCache.ts'
import * as g from '../../../src/graph/index.ts'
import { expectSameBits, runOn } from '../../support/programs.ts'
import { sharing } from '../../support/threads.ts'

const [major] = process.versions.node.split('.').map(Number)
const possible = major >= 24 && process.arch === 'x64'

/** Nothing has been checked, and nothing is noted. */
const forgetful: CheckedKernels = { has: () => false, add: () => undefined }

const relaxed = hasRelaxedSimd()
const engines: WasmEngine[] = []
let warnings: string[]
beforeEach(() => {
  warnings = []
  vi.spyOn(process, 'emitWarning').mockImplementation((message: string | Error) => {
    warnings.push(String(message))
  })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(engines.splice(0).map(engine => engine.close()))
})

/** An engine that believes in wide vectors and gets its wide modules from `compile`. */
function engineWith(compile: Compiler, options: WasmEngineOptions = {}, checked = forgetful): WasmEngine {
  const tools = { ...sharing, compile, checked, wide: { on: true, reason: 'for the test' } }
  const engine = new WasmEngine(
    { threads: options.threads ?? 1, fused: relaxed, takesPart: true },
    { innermost: 'channels', ...options },
    tools,
  )
  engines.push(engine)
  return engine
}

/** Plain modules only, whatever is asked for. */
const plainly: Compiler = bytes => compileModule(bytes, false)

/** A compiler whose wide modules have other instructions than were asked for: each `from` is a `to` of the same length. */
function wrongly(from: readonly number[], to: readonly number[], which: 'all' | 'last' = 'all'): Compiler {
  return (bytes, wide) => {
    if (!wide) return compileModule(bytes, false)
    const wrong = bytes.slice()
    const found: number[] = []
    for (let at = 0; at + from.length <= wrong.length; at++) {
      if (from.every((byte, k) => wrong[at + k] === byte)) found.push(at)
    }
    expect(found.length).toBeGreaterThan(0)
    for (const at of which === 'all' ? found : found.slice(-1)) wrong.set(to, at)
    return compileModule(wrong, false)
  }
}

const [add, sub, mul, madd, max] = [
  [0xfd, 0xe4, 1],
  [0xfd, 0xe5, 1],
  [0xfd, 0xe6, 1],
  [0xfd, 0x85, 2],
  [0xfd, 0xe9, 1],
]

/** A convolution with bias and ReLU, a pool and a matrix product: its roots and the values of its inputs. */
function network(channels = 16): { roots: g.Tensor[]; inputs: Record<string, Float32Array> } {
  const shapes = { x: [2, channels, 9, 9], w: [20, channels, 3, 3], bias: [20, 1, 1], m: [20, 6] }
  const [x, w, bias, m] = Object.entries(shapes).map(([name, shape]) => g.input(name, shape, { batched: name === 'x' }))
  const h = g.relu(
    g.add(g.conv2d(x as unknown as g.Volume, w as unknown as g.Volume, { padding: 1, stride: 2 }), bias),
  ) as g.Volume
  const pooled = g.reshape(g.maxPool2d(h, 5), [2, 20])
  const inputs = Object.entries(shapes).map(([name, shape], seed) => {
    const size = shape.reduce((a, b) => a * b, 1)
    return [name, Float32Array.from({ length: size }, (_, k) => Math.sin(k * 1.7 + seed) / 2)] as const
  })
  return { roots: [g.matmul(pooled as g.Matrix, m as unknown as g.Matrix), h], inputs: Object.fromEntries(inputs) }
}

async function expectRightResults(engine: WasmEngine): Promise<void> {
  const { roots, inputs } = network()
  const plain = createWasmEngine({ threads: 1, innermost: 'channels', wide: 'off' })
  engines.push(plain)
  const expected = await runOn(plain, roots, inputs)
  const actual = await runOn(engine, roots, inputs)
  expected.forEach((values, k) => {
    expectSameBits(actual[k], values, `root ${k}`)
  })
}

describe('a wide build that computes the same', () => {
  test('is used', async () => {
    const compile = vi.fn(plainly)
    const engine = engineWith(compile)
    await expectRightResults(engine)
    expect(engine.description.wide).toEqual({ on: true, reason: 'for the test' })
    expect(compile.mock.calls.map(([, wide]) => wide)).toEqual([true])
    expect(warnings).toEqual([])
  })

  test('is used by several threads', async () => {
    const engine = engineWith(plainly, { threads: 2 })
    await expectRightResults(engine)
    expect(engine.description.wide?.on).toBe(true)
  })

  test.each([
    [
      'gather, with indices that must be in range',
      () => g.gather(g.input('x', [3, 8]), g.input('at', [4], { dtype: 'i32' })),
    ],
    ['a loss, with labels', () => g.softmaxCrossEntropy(g.input('x', [4, 3]), g.input('at', [4], { dtype: 'i32' }))],
    ['a logarithm, with operands that have none', () => g.log(g.input('x', [3, 8]))],
    ['bytes', () => g.mul(g.input('x', [5, 5], { dtype: 'u8' }), 2)],
  ])('is found to: %s', async (_, root) => {
    const engine = engineWith(plainly)
    await engine.compile({ outputs: { y: root() }, updates: new Map() })
    expect(engine.description.wide?.on).toBe(true)
  })
})

describe('a wide build that is wrong', () => {
  test.each([
    ['adds where it should subtract', wrongly(add, sub)],
    ['multiplies where it should add', wrongly(relaxed ? madd : add, relaxed ? [0xfd, 0x86, 2] : mul)],
    ['takes a minimum for a maximum once', wrongly(max, [0xfd, 0xe8, 1], 'last')],
    ['stores its last vector four lanes too far', wrongly([0xfd, 11, 2, 16], [0xfd, 11, 2, 32], 'last')],
    ['traps', wrongly(add, [0, 0, 0])],
  ])('is not used: it %s', async (_, compile) => {
    const engine = engineWith(compile)
    await expectRightResults(engine)
    expect(engine.description.wide?.on).toBe(false)
    expect(engine.description.wide?.reason).toMatch(
      /^the kernel '.+' computes something else with them than without$|more/,
    )
    expect(warnings).toEqual([
      expect.stringMatching(/^wide vectors are off from now on: the kernel '.+Results are right/),
    ])
  })

  test('is warned of once: later programs are plain from the start', async () => {
    const compile = vi.fn(wrongly(add, sub))
    const engine = engineWith(compile)
    await expectRightResults(engine)
    await engine.compile({ outputs: { y: g.add(g.input('a', [64]), 1) }, updates: new Map() })
    expect(compile.mock.calls.map(([, wide]) => wide)).toEqual([true, false, false])
    expect(warnings).toHaveLength(1)
  })

  test('is found by the tail of an odd number of channels too', async () => {
    const engine = engineWith(wrongly(add, sub, 'last'))
    const { roots } = network(7)
    await engine.compile({ outputs: { y: roots[1] }, updates: new Map() })
    expect(engine.description.wide?.on).toBe(false)
  })
})

describe('kernels that have been checked', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-wide-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  /** A function that calls another, which adds `amount`. */
  function caller(amount: number): FunctionBuilder {
    const module = new ModuleBuilder(false)
    const callee = module.function(['i32'], ['i32']).get(0).i32(amount).op('i32.add')
    return module.function(['i32'], ['i32']).get(0).call(callee)
  }

  test('are known to later processes', () => {
    const kernel = caller(1)
    const first = new StoredKernels(nodeModules(), 'wide', folder)
    expect(first.has(kernel)).toBe(false)
    first.add([kernel])
    expect(first.has(kernel)).toBe(true)
    expect(new StoredKernels(nodeModules(), 'wide', folder).has(caller(1))).toBe(true)
  })

  test('are known by all code that they run', () => {
    const known = new StoredKernels(nodeModules(), 'wide', folder)
    known.add([caller(1)])
    expect(known.has(caller(2))).toBe(false)
  })

  test('are forgotten where nothing can be kept', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const known = new StoredKernels(nodeModules(), 'wide', join(file, 'no folder'))
    known.add([caller(1)])
    expect(known.has(caller(1))).toBe(true)
    expect(new StoredKernels(nodeModules(), 'wide', join(file, 'no folder')).has(caller(1))).toBe(false)
  })

  test('are not tried again', async () => {
    const known = new StoredKernels(nodeModules(), 'wide', folder)
    await expectRightResults(engineWith(plainly, {}, known))
    const later = new StoredKernels(nodeModules(), 'wide', folder)
    const engine = engineWith(wrongly(add, sub), {}, later)
    const { roots } = network()
    const names = Object.fromEntries(roots.map((root, k) => [String(k), root]))
    await engine.compile({ outputs: names, updates: new Map() })
    // The fault comes after the check that is left out: this is what trust means.
    expect(engine.description.wide?.on).toBe(true)
  })
})

describe('the choice', () => {
  test('is off unless asked for, and then not spoken of', () => {
    const engine = new WasmEngine({ threads: 1, fused: relaxed, takesPart: true }, {})
    engines.push(engine)
    expect(engine.description).not.toHaveProperty('wide')
    expect(wideVectors('off').on).toBe(false)
    expect(wideVectors('auto', true)).toEqual({ on: false, reason: expect.stringMatching('precise') })
  })

  test.runIf(!possible)('cannot be on here, and says why', () => {
    const why = /needs Node 24 or later on x64; this is Node \d+\.\d+\.\d+ on \w+/
    expect(() => createWasmEngine({ threads: 1, wide: 'on' })).toThrow(why)
    expect(wideVectors('auto')).toEqual({ on: false, reason: expect.stringMatching(why) })
  })

  test('cannot be on in a browser, and says why', () => {
    const why = 'needs Node 24 or later on x64; this is a browser'
    expect(browser.wideVectors('off')).toEqual(wideVectors('off'))
    expect(browser.wideVectors('auto', true)).toEqual(wideVectors('auto', true))
    expect(browser.wideVectors('auto')).toEqual({ on: false, reason: why })
    expect(() => browser.wideVectors('on')).toThrow(`wide: 'on' ${why}`)
  })

  test.runIf(possible)('on and automatic work here, and the bits are those of the plain build', async () => {
    for (const wide of ['on', 'auto'] as const) {
      const engine = createWasmEngine({ threads: 1, innermost: 'channels', wide })
      engines.push(engine)
      await expectRightResults(engine)
      expect(engine.description.wide).toEqual({ on: true, reason: expect.stringContaining('Node') })
      expect(warnings).toEqual([])
    }
  })

  test('leaves the flags of V8 as they were', async () => {
    const tag = v8.cachedDataVersionTag()
    const module = new ModuleBuilder(false)
    module.function([], [], 'nothing')
    for (const wide of [false, possible]) await compileModule(module.encode(), wide)
    await expect(compileModule(Uint8Array.of(1, 2, 3), possible)).rejects.toThrow(WebAssembly.CompileError)
    expect(v8.cachedDataVersionTag()).toBe(tag)
  })
})
