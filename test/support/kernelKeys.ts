/**
 * Kernels of equal keys are emitted once, so their code has to be the same: here the kernel of every call is emitted, in a
 * module of its own, and compared with the first one of its key.
 */
import { createHash } from 'node:crypto'
import type { CpuPlan } from '../../src/backends/cpu/layouts/form.ts'
import { plainVectors } from '../../src/backends/wasm/emit/lanes.ts'
import { MathLibrary } from '../../src/backends/wasm/emit/math.ts'
import { ModuleBuilder } from '../../src/backends/wasm/emit/module.ts'
import type { WasmEngine } from '../../src/backends/wasm/engine.ts'
import type { Kernel } from '../../src/backends/wasm/kernel.ts'
import { lower } from '../../src/backends/wasm/lower.ts'

/** What was emitted for the keys seen so far. */
export class KernelKeys {
  /** Calls whose key had been seen before. */
  hits = 0
  readonly #known = new Map<string, string>()

  /** @throws Error when a kernel differs from another one of its key. */
  check(kernel: Kernel): void {
    // The number of units is of the call.
    const { key, operands, tables } = kernel
    const made = JSON.stringify({ operands, tables: tables.map(table => [...table]), code: hashOfCode(kernel) })
    const known = this.#known.get(key)
    this.#known.set(key, made)
    if (known === undefined) return
    this.hits++
    if (known !== made) throw new Error(`two kernels of the key ${key} differ:\n${known}\n${made}`)
  }

  /** Checks the kernels of all calls of a plan. @param joined whether kernels are written for pairs of vectors */
  checkPlan(plan: CpuPlan, joined = false): void {
    const vectors = { ...plainVectors, joined }
    for (const group of [...plan.preparation, ...plan.groups]) {
      for (const step of group.steps) for (const { kernel } of lower(plan, group, step, vectors)) this.check(kernel)
    }
  }
}

function hashOfCode(kernel: Kernel): string {
  const module = new ModuleBuilder(false)
  module.export('kernel', kernel.emit({ module, math: new MathLibrary(module), fused: true }))
  return createHash('sha256').update(module.encode()).digest('hex')
}

const keys = new KernelKeys()

/** The engine, which from now on checks the keys of all that it compiles, together with those of the other engines. */
export function checkingKeys(engine: WasmEngine): WasmEngine {
  const compile = engine.compile.bind(engine)
  engine.compile = async program => {
    const executable = await compile(program)
    keys.checkPlan(executable.plan)
    return executable
  }
  return engine
}
