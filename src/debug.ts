/**
 * The debugging door: plans, kernels, times and the machine's peak, for those who look into an engine or measure it. What is
 * here follows the engine as it is built, and changes with it.
 * @module fovea/debug
 */
export type {
  ConvolutionMethod,
  ConvolutionStage,
  ConvolutionTask,
  MethodName,
  MomentKind,
} from './backends/cpu/layouts/convolution.ts'
export type {
  ConvolutionForm,
  CpuForm,
  CpuPlan,
  CpuStep,
  PartsForm,
  PerBlockForm,
  StageForm,
} from './backends/cpu/layouts/form.ts'
export type { TileShape } from './backends/wasm/emit/tile.ts'
export type { KernelInfo } from './backends/wasm/executable.ts'
export { type KernelTime, kernelTimes } from './backends/wasm/measure/kernelTimes.ts'
export { measureWasmPeak, type WasmPeak } from './backends/wasm/measure/peak.ts'
export type { StepTime } from './backends/wasm/measure/profile.ts'
export type { Winograd } from './backends/webgpu/winograd.ts'
export type { WinogradOp, WinogradSpec } from './backends/webgpu/winogradSpec.ts'
export { formatPlan } from './plan/format.ts'
export { makePlan, type Plan, type PlanOptions, type Space, type Value } from './plan/plan.ts'
export { rowsLayout } from './plan/rowsLayout.ts'
export {
  type Epilogue,
  type Form,
  type FusedStep,
  type Group,
  type Prologue,
  type Step,
  type StepOf,
  type StepPlan,
  stepInputs,
} from './plan/step.ts'
export type { BatchBlocks, KernelTraits, Layout, LayoutChoice, Target } from './plan/target.ts'
