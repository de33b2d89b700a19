/** Choosing a backend: by its name, with its own options and no others (the expected errors below are checked by `tsc`). */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { backendNames, type Engine } from '../../src/backends/engine.ts'

describe('a backend', () => {
  test.each(backendNames)('%s is chosen by its name, and says it', async backend => {
    const engine: Engine = createEngine({ backend })
    expect(engine.description.backend).toBe(backend)
    expect(engine.description.detail).not.toBe('')
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

  test.each(['webgpu', 'toString'])('a backend that there is not: %s', backend => {
    expect(() => createEngine({ backend: backend as 'wasm' })).toThrow(
      `createEngine: unknown backend '${backend}'; available: wasm, reference`,
    )
  })
})
