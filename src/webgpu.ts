/**
 * The WebGPU door: engines on a graphics processor, in browsers and, with the npm package `webgpu`, in Node.
 * `createEngine({ backend: 'webgpu' })` starts one too; this door is for programs that want nothing else, and for types.
 * @module fovea/webgpu
 */
export { createWebGPUEngine, findAdapter } from './backends/webgpu/create.ts'
export type {
  StepTime,
  WebGPUAdapter,
  WebGPUDescription,
  WebGPUEngine,
  WebGPUEngineOptions,
  WebGPUExecutable,
  WorkCount,
} from './backends/webgpu/options.ts'
