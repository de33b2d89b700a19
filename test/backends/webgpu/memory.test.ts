/** Memory of a process that goes on and on: with FOVEA_FULL=1, since a software driver takes its time. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runChild } from '../../support/childProcess.ts'
import { full } from '../../support/full.ts'
import { driver, reason } from '../../support/webgpu.ts'

const isWanted = driver !== undefined && full
const file = fileURLToPath(new URL('memoryProcess.ts', import.meta.url))

describe.skipIf(!isWanted)(`memory (${driver ?? reason}; with FOVEA_FULL=1)`, () => {
  test.each([
    // A kilobyte a step, and 2 MB an engine, would be a leak; the heaps of Node and of the driver breathe.
    ['10,000 more steps', 'steps', 20e6],
    ['50 more engines', 'engines', 100e6],
  ])('%s hold no more than those before', async (_, kind, most) => {
    const { code, stdout, stderr } = await runChild(file, [kind], { nodeFlags: ['--expose-gc'] })
    expect(code, stderr).toBe(0)
    const { early, late } = JSON.parse(stdout) as { early: number; late: number }
    expect(late - early).toBeLessThan(most)
  })
})
