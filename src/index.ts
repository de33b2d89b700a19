/**
 * Fovea's front door: graph values and operations, gradients, engines. Layers, models, data and training have doors of
 * their own (`fovea/nn`, `fovea/models`, `fovea/data`, `fovea/train`, …).
 * @module fovea
 */
import { createEngine } from './backends/createEngine.ts'
import type { Engine } from './backends/engine.ts'
import { installEvaluator, type Tensor } from './graph/tensor.ts'
import type { TypedArray } from './graph/variable.ts'

export {
  createEngine,
  type EngineOptions,
  type ReferenceBackend,
  type WasmBackend,
  type WebGPUBackend,
} from './backends/createEngine.ts'
export {
  type BackendName,
  backendNames,
  type Engine,
  type EngineDescription,
  type Executable,
  type Region,
  type RegionPause,
  type RunOptions,
  type RunPause,
} from './backends/engine.ts'
export type { NativeChoice, NativeKernels } from './backends/native/choice.ts'
export type { InputType, RunInputs, RunOutputs, ValueType } from './backends/operands.ts'
export { StoppedError } from './backends/stoppedError.ts'
export {
  createWasmEngine,
  type WasmEngine,
} from './backends/wasm/engine.ts'
export type { BuiltProgram, WasmExecutable } from './backends/wasm/executable.ts'
export type { WasmDescription, WasmEngineOptions } from './backends/wasm/options.ts'
export type { WideChoice, WideVectors } from './backends/wasm/runtime/wideChoice.ts'
export * from './graph/index.ts'
export { MemoryError, type MemoryNeed } from './plan/memoryError.ts'
export type { Program } from './plan/program.ts'

let shared: Engine | undefined

/**
 * Computes tensors and returns copies of their values, row-major. Without an engine, a shared one with one thread is used.
 * @throws Error when the tensors depend on an input: inputs are given to the runs of a compiled program.
 * @example const [y] = await evaluate([relu(x)])
 */
export async function evaluate(tensors: readonly Tensor[], engine?: Engine): Promise<TypedArray[]> {
  shared ??= engine ? undefined : createEngine({ threads: 1 })
  const on = (engine ?? shared) as Engine
  const outputs = Object.fromEntries(tensors.map((tensor, index) => [String(index), tensor]))
  const executable = await on.compile({ outputs, updates: new Map() })
  const [input] = executable.inputs.keys()
  if (input !== undefined) {
    throw new Error(
      `evaluate: the input '${input}' has no value; use constants or variables, or compile a program and give its inputs to \`run\``,
    )
  }
  try {
    return Object.values(await executable.run())
  } catch (error) {
    // An engine does not go on after a failed computation; the next evaluation gets a new one.
    if (on === shared) shared = undefined
    throw error
  }
}

installEvaluator(async tensor => (await evaluate([tensor]))[0])
