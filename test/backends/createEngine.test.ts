/** Choosing a backend: by its name, with its own options and no others (the expected errors below are checked by `tsc`). */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { backendNames, type Engine } from '../../src/backends/engine.ts'
import { driver, reason } from '../support/webgpu.ts'

describe('a backend', () => {
  test.each(backendNames.filter(name => name !== 'webgpu'))('%s is chosen by its name, and says it', async backend => {
    const engine: Engine = createEngine({ backend })
    expect(engine.description.backend).toBe(backend)
    expect(engine.description.detail).not.toBe('')
    await engine.close()
  })

  test.skipIf(driver === undefined)(`webgpu comes as a promise, with its adapter (${driver ?? reason})`, async () => {
    const engine = await createEngine({ backend: 'webgpu', power: 'low-power' })
    expect(engine.description).toMatchObject({ backend: 'webgpu', detail: driver, adapter: { name: driver } })
    await engine.close()
  })

  test('is WebAssembly by default, with its options', async () => {
    const engine = createEngine({ threads: 1, precise: true, wide: 'off' })
    expect(engine.description).toEqual({
      backend: 'wasm',
      detail: '1 thread, SIMD: precise',
      threads: 1,
      simd: 'precise',
    })
    await engine.close()
  })
})

describe('is refused', () => {
  test('an option that the backend does not have', () => {
    const wide = () =>
      // @ts-expect-error: the reference backend has no vectors
      createEngine({ backend: 'reference', wide: 'on' })
    expect(wide).toThrow("createEngine: the backend 'reference' has no option 'wide' (='on'); it has none")
    // @ts-expect-error: nor threads
    expect(() => createEngine({ backend: 'reference', threads: 2 })).toThrow("no option 'threads' (=2)")
  })

  test('of webgpu: precise, with the reason, and what is unknown', async () => {
    await expect(createEngine({ backend: 'webgpu', precise: true })).rejects.toThrow(
      'webgpu: precise is impossible: WGSL lets every driver choose how it rounds multiply-adds',
    )
    // @ts-expect-error: a graphics processor has no threads to choose
    await expect(createEngine({ backend: 'webgpu', threads: 2 })).rejects.toThrow("no option 'threads' (=2)")
    await expect(createEngine({ backend: 'webgpu', power: 'most' as 'low-power' })).rejects.toThrow(
      `power (="most") must be 'high-performance' or 'low-power'`,
    )
  })

  test.each(['webgl', 'toString'])('a backend that there is not: %s', backend => {
    expect(() => createEngine({ backend: backend as 'wasm' })).toThrow(
      `createEngine: unknown backend '${backend}'; available: wasm, reference, webgpu`,
    )
  })
})
