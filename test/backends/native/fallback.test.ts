/** Where machine code cannot be used, or computes something else, WebAssembly computes, and one clear line says why. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SettledNative } from '../../../src/backends/native/choice.ts'
import type { Door } from '../../../src/backends/native/door.ts'
import { nativeKernels } from '../../../src/backends/native/native.ts'
import { createWasmEngineWith } from '../../../src/backends/wasm/engine.ts'
import type { CheckedKernels } from '../../../src/backends/wasm/runtime/wideCache.ts'
import * as g from '../../../src/graph/index.ts'
import { sharing } from '../../support/threads.ts'

const found = nativeKernels('auto')
const front = new URL('../../../dist/index.js', import.meta.url).href
const advice = 'Results are right, but computing takes longer; please report this.'

/** What is known of kernels: nothing is ever, or everything always. */
const forgetful: CheckedKernels = { has: () => false, add: () => undefined }
const trusting: CheckedKernels = { has: () => true, add: () => undefined }

let warnings: string[]
beforeEach(() => {
  warnings = []
  vi.spyOn(process, 'emitWarning').mockImplementation((message: string | Error) => {
    warnings.push(String(message))
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe.skipIf(!found.on)('an engine', () => {
  /** Two programs on an engine whose way to the processor is changed. */
  async function run(change: (door: Door) => Partial<Door>, checked: CheckedKernels) {
    const { door } = found.processor!
    const native: SettledNative = { ...found, processor: { ...found.processor!, door: { ...door, ...change(door) } } }
    const engine = createWasmEngineWith({ ...sharing, native, checked }, { threads: 2 })
    try {
      const results: number[] = []
      for (const k of [2, 3]) {
        const program = { outputs: { y: g.relu(g.mul(g.input('x', [40]), k)) }, updates: new Map() }
        const executable = await engine.compile(program)
        const { y } = await executable.run({ x: Float32Array.from({ length: 40 }, (_, i) => i - 20) })
        results.push(y![0]!, y![39]!)
      }
      return { results, native: engine.description.native, detail: engine.description.detail }
    } finally {
      await engine.close()
    }
  }

  const right = [0, 38, 0, 57]
  const refuse = (): never => {
    throw new Error('the system does not let pages be executed')
  }

  test.each([
    ['check', forgetful],
    ['link', trusting],
  ] as const)('whose system refuses executable pages when they are needed for the %s', async (_, checked) => {
    const reason = 'the system does not let pages be executed'
    const { results, native, detail } = await run(() => ({ install: refuse }), checked)
    expect(results).toEqual(right)
    expect({ native, detail }).toEqual({ native: { on: false, reason }, detail: '2 threads, SIMD: relaxed' })
    expect(warnings).toEqual([`native kernels are off from now on: ${reason}. ${advice}`])
  })

  test('whose machine code computes something else', async () => {
    const { results, native } = await run(() => ({ caller: () => () => undefined }), forgetful)
    expect(results).toEqual(right)
    expect(native).toEqual({
      on: false,
      reason: expect.stringMatching(/^the kernel 'map .*' computes something else than in WebAssembly$/),
    })
    expect(warnings).toEqual([`native kernels are off from now on: ${native!.reason}. ${advice}`])
  })

  test('whose machine code is right keeps it', async () => {
    const { results, native } = await run(() => ({}), forgetful)
    expect({ results, native }).toEqual({ results: right, native: { on: true, reason: found.reason } })
    expect(warnings).toEqual([])
  })
})

describe('a process', () => {
  /** What an engine says in a process of its own. */
  function engineIn(before: string, options: readonly string[] = []) {
    const script = `${before}
      const { createEngine } = await import(${JSON.stringify(front)})
      const engine = createEngine({ native: 'auto', threads: 1 })
      let problem
      try { createEngine({ native: 'on' }) } catch ({ message }) { problem = message }
      console.log(JSON.stringify({ native: engine.description.native, problem }))`
    const words = [...options, '--input-type=module', '--eval', script]
    const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
    return { ...JSON.parse(stdout), stderr }
  }
  const pretend = (name: 'platform' | 'arch', value: string): string =>
    `Object.defineProperty(process, '${name}', { value: '${value}' })`

  test.each([
    ['arch', 'arm64', 'it needs Linux on x64; this is linux on arm64'],
    ['platform', 'darwin', 'it needs Linux on x64; this is darwin on x64'],
  ] as const)('of another %s, %s', (name, value, reason) => {
    const script = `${pretend('platform', 'linux')}; ${pretend('arch', 'x64')}; ${pretend(name, value)}`
    expect(engineIn(script)).toEqual({
      native: { on: false, reason },
      problem: `native: 'on' is impossible here: ${reason}`,
      stderr: '',
    })
  })

  test.skipIf(!found.on)('that may not load native code', () => {
    const [major = 0] = process.versions.node.split('.').map(Number)
    const permission = major >= 24 ? '--permission' : '--experimental-permission'
    const folder = fileURLToPath(new URL('../../../', import.meta.url))
    const { native, problem } = engineIn('', [permission, `--allow-fs-read=${folder}*`, '--no-warnings'])
    expect(native).toEqual({ on: false, reason: expect.stringMatching(/^(koffi|node:ffi): .*(disabled|restricted)/) })
    expect(problem).toBe(`native: 'on' is impossible here: ${native.reason}`)
  })

  test.skipIf(!found.on)('with native code says nothing of it', () => {
    expect(engineIn('')).toEqual({ native: { on: true, reason: found.reason }, stderr: '' })
  })
})
