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
  type WasmEngine,
  type WasmEngineOptions,
} from './backends/wasm/engine.ts'
export type { KernelInfo, WasmExecutable } from './backends/wasm/executable.ts'
export { type KernelTime, kernelTimes } from './backends/wasm/kernelTimes.ts'
export { measureWasmPeak, type WasmPeak } from './backends/wasm/peak.ts'
export type { StepTime } from './backends/wasm/profile.ts'
export type { TileShape } from './backends/wasm/tile.ts'
export type { WideChoice, WideVectors } from './backends/wasm/wide.ts'
export * from './graph/index.ts'
export type {
  ConvolutionChooser,
  ConvolutionMethod,
  ConvolutionStage,
  ConvolutionTask,
  MomentKind,
} from './plan/convolution.ts'
export type { Layout } from './plan/layout.ts'
export { type Group, makePlan, type Plan, type PlanOptions, type Space, type Value } from './plan/plan.ts'
export type { Program } from './plan/program.ts'
export { type Epilogue, type Step, type StoredMoments, stepInputs, stepOutputs } from './plan/steps.ts'

let shared: Engine | undefined

/** The evaluation that each engine is at: results last until the next run only, so evaluations take turns. */
const turns = new WeakMap<Engine, Promise<unknown>>()

/**
 * Computes tensors and returns copies of their values, row-major. Without an engine, a shared one with one thread is used.
 * @throws Error when the tensors depend on an input: inputs are given to the runs of a compiled program.
 * @example const [y] = await evaluate([relu(x)])
 */
export function evaluate(tensors: readonly Tensor[], engine?: Engine): Promise<TypedArray[]> {
  shared ??= engine ? undefined : createEngine({ threads: 1 })
  const on = (engine ?? shared) as Engine
  const before = turns.get(on) ?? Promise.resolve()
  const evaluation = before.then(() => evaluateNow(tensors, on))
  turns.set(
    on,
    evaluation.catch(() => undefined),
  )
  return evaluation
}

async function evaluateNow(tensors: readonly Tensor[], on: Engine): Promise<TypedArray[]> {
  const outputs = Object.fromEntries(tensors.map((tensor, index) => [String(index), tensor]))
  const executable = await on.compile({ outputs, updates: new Map() })
  const [input] = executable.plan.inputs
  if (input) {
    throw new Error(
      `evaluate: the input '${input.label}' has no value; use constants or variables, or compile a program and write its inputs`,
    )
  }
  try {
    await executable.run()
  } catch (error) {
    // An engine does not go on after a failed computation; the next evaluation gets a new one.
    if (on === shared) shared = undefined
    throw error
  }
  return tensors.map((_, index) => executable.output(String(index)).slice())
}

installEvaluator(async tensor => (await evaluate([tensor]))[0])
