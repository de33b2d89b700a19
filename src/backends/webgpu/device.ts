/** Finding a graphics processor, and opening it with all that it allows. */
import { findGPU } from './gpu.ts'
import type { SubgroupSizes } from './kernels/kernel.ts'
import type { WebGPUAdapter, WebGPUEngineOptions } from './options.ts'

/** A graphics processor, opened. */
export interface OpenDevice {
  readonly device: GPUDevice
  readonly adapter: WebGPUAdapter
  /** Keeps the adapter alive, which Dawn does not do for its devices. */
  readonly source: GPUAdapter
}

/** Limits of which the engine takes whatever the adapter has. */
const wantedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage'] as const

/** Features that the engine uses where the adapter has them. */
const wantedFeatures: readonly GPUFeatureName[] = ['timestamp-query', 'subgroups']

/** Without an adapter: what to look for. */
const noAdapter =
  'webgpu: no graphics processor with a driver was found (no adapter); on Linux a Vulkan driver is needed, in Chromium on Linux also the flag --enable-unsafe-webgpu'

/** @throws Error when there is no WebGPU here, no adapter, or when it refuses a device. */
export async function openDevice(options: WebGPUEngineOptions = {}): Promise<OpenDevice> {
  const source = await requestAdapter(options)
  const requiredLimits = Object.fromEntries(wantedLimits.map(name => [name, source.limits[name]]))
  const requiredFeatures = wantedFeatures.filter(feature => source.features.has(feature))
  try {
    const device = await source.requestDevice({ requiredLimits, requiredFeatures })
    return { device, source, adapter: describe(source) }
  } catch (error) {
    throw new Error(`webgpu: ${describe(source).name} cannot be opened: ${(error as Error).message}`, { cause: error })
  }
}

/** @throws Error when there is none, saying what is missing. */
export async function requestAdapter({ power = 'high-performance' }: WebGPUEngineOptions): Promise<GPUAdapter> {
  const source = await findGPU().requestAdapter({ powerPreference: power })
  if (!source) throw new Error(noAdapter)
  return source
}

/** How large the subgroups of a device are, if it has them. */
export function subgroupsOf({ device, source }: OpenDevice): SubgroupSizes | undefined {
  if (!device.features.has('subgroups')) return undefined
  const { subgroupMinSize: smallest, subgroupMaxSize: largest } = source.info
  return smallest && largest ? { smallest, largest } : undefined
}

/** What an adapter says of itself. */
export function describe({ info }: GPUAdapter): WebGPUAdapter {
  const { vendor, architecture, description, device } = info
  const name = description || device || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter'
  return { name, vendor, architecture, software: info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(name) }
}
