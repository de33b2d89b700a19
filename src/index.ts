/**
 * Fovea's front door: graph values and operations, gradients, engines. Layers, models, data and training have doors of
 * their own (`fovea/nn`, `fovea/models`, `fovea/data`, `fovea/train`, …).
 * @module fovea
 */
import { createEngine } from './backends/createEngine.ts'
import type { Engine } from './backends/engine.ts'
import { installEvaluator, type Tensor } from './graph/tensor.ts'
import type { TypedArray } from './graph/variable.ts'

export { createEngine, type EngineOptions } from './backends/createEngine.ts'
export type { Engine, EngineDescription, Executable } from './backends/engine.ts'
export {
  createWasmEngine,
  type StepTime,
  type WasmEngine,
  type WasmEngineOptions,
  type WasmExecutable,
} from './backends/wasm/engine.ts'
export * from './graph/index.ts'
export { type Group, makePlan, type Plan, type PlanOptions, type Space, type Value } from './plan/plan.ts'
export type { Program } from './plan/program.ts'
export type { Epilogue, Step } from './plan/steps.ts'

let shared: Engine | undefined

/**
 * Computes tensors and returns copies of their values, row-major. Without an engine, a shared one with one thread is used.
 * @example const [y] = await evaluate([relu(x)])
 */
export async function evaluate(tensors: readonly Tensor[], engine?: Engine): Promise<TypedArray[]> {
  shared ??= engine ? undefined : createEngine({ threads: 1 })
  const on = (engine ?? shared) as Engine
  const outputs = Object.fromEntries(tensors.map((tensor, index) => [String(index), tensor]))
  const executable = await on.compile({ outputs, updates: new Map() })
  await executable.run()
  return tensors.map((_, index) => executable.output(String(index)).slice())
}

installEvaluator(async tensor => (await evaluate([tensor]))[0])
