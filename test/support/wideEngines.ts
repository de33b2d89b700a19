/**
 * With `FOVEA_TEST_WIDE=on` (or `auto`) all engines that the tests make have wide vectors, unless a test says otherwise: so any
 * part of the suite runs under them. A fallback to plain kernels is a failure.
 */
import { vi } from 'vitest'

vi.mock(import('../../src/backends/wasm/engine.ts'), async original => {
  const real = await original()
  const wide = process.env.FOVEA_TEST_WIDE === 'auto' ? 'auto' : 'on'
  return {
    ...real,
    createWasmEngine: options => real.createWasmEngine({ wide, ...options }),
    createWasmEngineWith: (tools, options) => real.createWasmEngineWith(tools, { wide, ...options }),
  }
})

process.on('warning', warning => {
  if (warning.name === 'FoveaWarning') throw warning
})
