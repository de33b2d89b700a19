/**
 * With `FOVEA_TEST_NATIVE=on` all engines that the tests make have native kernels, unless a test says otherwise: so any part of
 * the suite runs under them. `avx2` does the same without AVX-512.
 */
import { vi } from 'vitest'
import { nativeKernels } from '../../src/backends/native/native.ts'

vi.mock(import('../../src/backends/wasm/engine.ts'), async original => {
  const real = await original()
  const found = nativeKernels('on')
  const { processor } = found
  const older = processor && { ...found, processor: { ...processor, avx512: false } }
  const native = process.env.FOVEA_TEST_NATIVE === 'avx2' && older ? older : found
  return {
    ...real,
    createWasmEngine: options => real.createWasmEngineWith({ native }, options),
    createWasmEngineWith: (tools, options) => real.createWasmEngineWith({ native, ...tools }, options),
  }
})
