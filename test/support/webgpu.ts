/**
 * WebGPU for tests: through Dawn (the npm package webgpu) on the driver that VK_ICD_FILENAMES names, else on SwiftShader, which
 * comes with Chromium. Without a driver, tests are skipped with the reason.
 */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findAdapter } from '../../src/backends/webgpu/create.ts'

if (process.env.VK_ICD_FILENAMES === undefined) {
  const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium'
  const folders = [existsSync(chromium) ? dirname(realpathSync(chromium)) : '', '/usr/lib/chromium']
  const file = folders.map(folder => join(folder, 'vk_swiftshader_icd.json')).find(existsSync)
  // The Vulkan loader reads the variable when Dawn starts.
  if (file !== undefined) process.env.VK_ICD_FILENAMES = file
}

/** The driver that tests run on, or why there is none. */
export const { driver, reason } = await findAdapter().then(
  ({ name }) => ({ driver: name, reason: undefined }),
  (error: Error) => ({ driver: undefined, reason: error.message }),
)
