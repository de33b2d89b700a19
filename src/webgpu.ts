/**
 * The WebGPU door: engines on a graphics processor, in browsers and, with the npm package `webgpu`, in Node.
 * `createEngine({ backend: 'webgpu' })` starts one too; this door is for programs that want nothing else, and for types.
 * @module fovea/webgpu
 */
export { findAdapter } from './backends/webgpu/device.ts'
export { createWebGPUEngine, type WebGPUEngine } from './backends/webgpu/engine.ts'
export type { WebGPUExecutable } from './backends/webgpu/executable.ts'
export type { WebGPUAdapter, WebGPUDescription, WebGPUEngineOptions } from './backends/webgpu/options.ts'
export type { StepTime } from './backends/webgpu/profile.ts'
export type { WorkCount } from './backends/webgpu/program.ts'
