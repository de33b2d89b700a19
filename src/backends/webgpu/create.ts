/** Starting an engine on a graphics processor, and finding out whether there is one. */
import { describe, openDevice, requestAdapter } from './device.ts'
import { DeviceEngine } from './engine.ts'
import type { WebGPUAdapter, WebGPUEngine, WebGPUEngineOptions } from './options.ts'

/**
 * Starts an engine on a graphics processor.
 * @throws Error when there is no WebGPU, no adapter, or for an option that there is not: `precise` among them, since
 *   drivers may fuse multiply-adds or not, so results differ between devices in their last bits.
 * @example const engine = await createWebGPUEngine()
 */
export async function createWebGPUEngine(options: WebGPUEngineOptions = {}): Promise<WebGPUEngine> {
  checkOptions(options)
  return new DeviceEngine(await openDevice(options), { half: options.storage === 'f16' })
}

function checkOptions({ power, storage, ...others }: WebGPUEngineOptions): void {
  if (power !== undefined && power !== 'high-performance' && power !== 'low-power') {
    throw new Error(`webgpu: power (=${JSON.stringify(power)}) must be 'high-performance' or 'low-power'`)
  }
  if (storage !== undefined && storage !== 'f32' && storage !== 'f16') {
    throw new Error(`webgpu: storage (=${JSON.stringify(storage)}) must be 'f32' or 'f16'`)
  }
  for (const [option, value] of Object.entries(others) as [string, unknown][]) {
    if (value === undefined || value === false || option === 'backend') continue
    throw new Error(
      option === 'precise'
        ? "webgpu: precise is impossible: WGSL lets every driver choose how it rounds multiply-adds, so that results differ between devices in their last bits; the backend 'wasm' computes the same everywhere"
        : `webgpu: there is no option '${option}' (=${JSON.stringify(value)}); there are: power, storage`,
    )
  }
}

/** The adapter that an engine would use. @throws Error when there is none, saying what is missing. */
export async function findAdapter(options: WebGPUEngineOptions = {}): Promise<WebGPUAdapter> {
  return describe(await requestAdapter(options))
}
