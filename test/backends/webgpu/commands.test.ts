/** The command line on a graphics processor: a run that loses its device and is resumed, and commands that read it. Drivers say things of their own on standard error, before a command does. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../../src/train/index.node.ts'
import { checkpointOf, eventsOf, fovea, succeed, temporaryFolder, writeSmallMnist } from '../../support/fovea.ts'
import { driver, reason } from '../../support/webgpu.ts'

describe.skipIf(driver === undefined)(`commands on WebGPU (${driver ?? reason})`, () => {
  const { path: cwd, remove } = temporaryFolder()
  const env = { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? '' }
  const run = join(cwd, 'runs/lenet5')

  beforeAll(async () => {
    mkdirSync(join(cwd, 'data'))
    await writeSmallMnist(join(cwd, 'data'), { train: 40, test: 10 })
  })
  afterAll(remove)

  test('a run that loses its device says so, keeps its last checkpoint, and is resumed', async () => {
    const train = [
      'train',
      '--data-dir',
      'data',
      '--validation',
      '8',
      '--batch-size',
      '8',
      '--epochs',
      '3',
      '--set',
      'alarms=false',
      '--quiet',
    ]
    const { code, stderr } = await fovea(cwd, [...train, '--backend', 'webgpu'], {
      ...env,
      NODE_OPTIONS: `--import=${new URL('../../support/loseDevice.mjs', import.meta.url)}`,
      FOVEA_TEST_LOSS_STEP: '6',
    })
    expect(stderr).toMatch(
      /^fovea: (the engine has stopped: )?the graphics device was lost \(.*\): .*; the last checkpoint is runs\/lenet5\/checkpoints\/step-0*4\.safetensors; continue with: fovea train --resume runs\/lenet5$/m,
    )
    expect(code).toBe(1)
    expect((await readCheckpoint(checkpointOf(run))).progress.step).toBe(4)
    await succeed(cwd, ['train', '--resume', 'runs/lenet5', '--quiet'], env)
    const steps = eventsOf(run).filter(({ type }) => type === 'step')
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  })

  test('reading commands compute as the recipe says, or on the backend that they are given', async () => {
    expect(JSON.parse(readFileSync(join(run, 'recipe.json'), 'utf8')).backend).toBe('webgpu')
    const score = async (...args: string[]) =>
      JSON.parse((await succeed(cwd, ['eval', 'runs/lenet5', '--json', ...args], env)).stdout)
    const [graphics, processor] = [await score(), await score('--backend', 'wasm')]
    expect(Math.abs(graphics.loss - processor.loss)).toBeLessThan(1e-5 * processor.loss)
    expect(graphics.confusion).toEqual(processor.confusion)
  })

  test('without a graphics processor they name the recipe, and the option that does without', async () => {
    const { code, stderr } = await fovea(cwd, ['eval', 'runs/lenet5'], { VK_ICD_FILENAMES: join(cwd, 'none.json') })
    expect(stderr).toMatch(
      /^fovea: webgpu: no graphics processor .*; the run's recipe says backend webgpu: --backend wasm computes without a graphics processor$/m,
    )
    expect(code).toBe(2)
  })
})
