/** Compiled shaders, by their text: layers of equal shapes share one. Drivers compile them on threads of their own. */

/** The pipelines of a device. */
export class Pipelines {
  readonly #device: GPUDevice
  readonly #known = new Map<string, Promise<GPUComputePipeline>>()

  constructor(device: GPUDevice) {
    this.#device = device
  }

  /** The pipeline of a shader. @param label names it in the device's messages. @throws Error when it does not compile. */
  get(code: string, label: string): Promise<GPUComputePipeline> {
    const known = this.#known.get(code) ?? this.#compile(code, label)
    this.#known.set(code, known)
    return known
  }

  async #compile(code: string, label: string): Promise<GPUComputePipeline> {
    const device = this.#device
    // What is wrong with a shader is reported for its pipeline, with the rejection below.
    device.pushErrorScope('validation')
    const module = device.createShaderModule({ code, label })
    void device.popErrorScope().catch(() => undefined)
    try {
      return await device.createComputePipelineAsync({ label, layout: 'auto', compute: { module, entryPoint: 'main' } })
    } catch (error) {
      const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }))
      const details = messages.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join('; ')
      throw new Error(`webgpu: the shader of ${label} does not compile: ${details || (error as Error).message}`, {
        cause: error,
      })
    }
  }
}
