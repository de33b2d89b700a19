/**
 * Loaded into a process of the command line before it starts (`node --import`): the process finds WebGPU as a page does, and loses
 * its graphics device as soon as it has logged a step.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { create } from 'webgpu'

const { FOVEA_TEST_LOSS_STEP: step } = process.env
const gpu = create([])
let device

const navigator = {
  gpu: {
    async requestAdapter(options) {
      const adapter = await gpu.requestAdapter(options)
      const request = adapter.requestDevice.bind(adapter)
      adapter.requestDevice = async wanted => {
        device = await request(wanted)
        return device
      }
      return adapter
    },
  },
}
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })

const { writeSync } = fs
fs.writeSync = (file, data, ...rest) => {
  const written = writeSync(file, data, ...rest)
  const text = typeof data === 'string' ? data : Buffer.from(data).toString()
  if (text.includes('"type":"step"') && text.includes(`"step":${step},`)) device.destroy()
  return written
}
syncBuiltinESMExports()
