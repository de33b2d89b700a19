/**
 * With `FOVEA_TEST_WEBGPU=1` all WebAssembly engines that the tests ask for are WebGPU engines: so parts of the suite run on a
 * graphics processor, or on a driver that acts as one. Options of WebAssembly engines are left out. Without a driver, every
 * test fails with the reason.
 */
import { vi } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { createWebGPUEngine, findAdapter } from '../../src/backends/webgpu/create.ts'
import type { WebGPUEngine } from '../../src/backends/webgpu/options.ts'
import type { Variable } from '../../src/graph/variable.ts'
import type { Program } from '../../src/plan/program.ts'
import { reason } from './webgpu.ts'

if (reason !== undefined) throw new Error(`FOVEA_TEST_WEBGPU=1: ${reason}`)
const adapter = await findAdapter()

vi.mock(import('../../src/backends/wasm/engine.ts'), async original => ({
  ...(await original()),
  createWasmEngine: () => new LaterEngine() as never,
}))

/** A WebGPU engine that is there at once, as tests of WebAssembly engines expect, while the device is being opened. */
class LaterEngine implements Engine {
  readonly description = { backend: 'webgpu', detail: adapter.name }
  readonly #opening = createWebGPUEngine()
  #opened: WebGPUEngine | undefined

  constructor() {
    this.#opening.then(
      engine => {
        this.#opened = engine
      },
      // Whoever uses the engine is told.
      () => undefined,
    )
  }

  get memoryBytes(): number {
    return this.#opened?.memoryBytes ?? 0
  }

  compile(program: Program) {
    return this.#with(engine => engine.compile(program))
  }

  memoryFor(program: Program) {
    if (!this.#opened) throw new Error('the device is still being opened: compile something first')
    return this.#opened.memoryFor(program)
  }

  read(variable: Variable) {
    return this.#with(engine => engine.read(variable))
  }

  write(variable: Variable, values: ArrayLike<number>) {
    return this.#with(engine => engine.write(variable, values))
  }

  close() {
    return this.#with(engine => engine.close())
  }

  /** At once if the device is open: what engines do within a call then happens within this one. */
  async #with<T>(work: (engine: WebGPUEngine) => Promise<T>): Promise<T> {
    return work(this.#opened ?? (await this.#opening))
  }
}
