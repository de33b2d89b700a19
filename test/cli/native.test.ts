/** Native kernels on the command line: taken where they are there, named in what a run leaves, left out when told so. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nativeKernels } from '../../src/backends/native/native.ts'
import {
  checkpointOf,
  fovea,
  sha256,
  signalAtStep,
  succeed,
  temporaryFolder,
  writeSmallMnist,
} from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const native = nativeKernels('auto')
/** As it is where the environment says nothing. */
const byItself = { FOVEA_NATIVE: 'auto' }
const json = (path: string) => JSON.parse(readFileSync(join(cwd, path), 'utf8'))
const recipe = [
  'train',
  'lenet5',
  '--data-dir',
  'data',
  '--validation',
  '64',
  '--epochs',
  '1',
  '--batch-size',
  '16',
  '--quiet',
]

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 320, test: 100 })
})
afterAll(folder.remove)

it('a choice that is none is refused, as an option and in the environment', async () => {
  for (const { code, stderr } of [
    await fovea(cwd, recipe, { FOVEA_NATIVE: 'maybe' }),
    await fovea(cwd, [...recipe, '--native', 'maybe']),
  ]) {
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('Allowed choices are auto, on') })
  }
})

it.skipIf(native.on)('insisting where there is no native code says why it is impossible', async () => {
  const { code, stderr } = await fovea(cwd, [...recipe, '--native', 'on'])
  expect({ code, stderr }).toEqual({ code: 2, stderr: `fovea: native: 'on' is impossible here: ${native.reason}\n` })
})

it.skipIf(native.on)('without native code, nothing is said of it', async () => {
  await succeed(cwd, [...recipe, '--name', 'without'], byItself)
  expect(json('runs/without/result.json').engine.native).toEqual({ on: false, reason: native.reason })
})

describe.skipIf(!native.on)('where the processor can be reached', () => {
  it('a run is trained natively by itself, notes it, and scores as WebAssembly does', async () => {
    await succeed(cwd, [...recipe, '--name', 'native'], byItself)
    await succeed(cwd, [...recipe, '--name', 'wasm', '--native', 'off'])
    expect(json('runs/native/result.json').engine).toMatchObject({ native: { on: true, reason: native.reason } })
    expect(json('runs/wasm/result.json').engine.native).toBeUndefined()
    const events = readFileSync(join(cwd, 'runs/native/events.jsonl'), 'utf8')
    expect(events).toContain(`native: ${native.reason}`)
    const [ours, theirs] = ['native', 'wasm'].map(name => json(`runs/${name}/result.json`).test)
    expect(ours.samples).toBe(100)
    expect(ours.loss).toBeCloseTo(theirs.loss, 4)
  })

  it('a precise run does without', async () => {
    await succeed(cwd, [...recipe, '--name', 'precise', '--set', 'precise=true'], byItself)
    expect(json('runs/precise/result.json').engine.native).toEqual({
      on: false,
      reason: 'precise: the same results on every machine',
    })
    await succeed(cwd, [...recipe, '--name', 'precise-off', '--set', 'precise=true', '--native', 'off'])
    const [one, other] = ['precise', 'precise-off'].map(name => sha256(checkpointOf(join(cwd, 'runs', name))))
    expect(one).toBe(other)
  })

  it('a run that is stopped at a step and resumed ends with the bits of one that was not', async () => {
    const stopped = { ...byItself, ...signalAtStep('SIGTERM', 7) }
    const { code } = await fovea(cwd, [...recipe, '--name', 'stopped'], stopped)
    expect(code).not.toBe(0)
    await succeed(cwd, ['train', '--resume', 'runs/stopped', '--quiet'], byItself)
    const [whole, resumed] = ['native', 'stopped'].map(name => sha256(checkpointOf(join(cwd, 'runs', name))))
    expect(resumed).toBe(whole)
  })

  it('trials of a search take the choice of the search', async () => {
    const search = ['search', 'lenet5', '--data-dir', 'data', '--validation', '64', '--epochs', '1']
    const more = ['--vary', 'optimizer.lr=choice(0.01, 0.1)', '--trials', '1', '--quiet']
    await succeed(cwd, [...search, ...more, '--out', 'taken'], byItself)
    await succeed(cwd, [...search, ...more, '--out', 'left', '--native', 'off'])
    expect(json('taken/trials/t001/result.json').engine.native.on).toBe(true)
    expect(json('left/trials/t001/result.json').engine.native).toBeUndefined()
  })

  it('doctor says what is in use, with both peaks', async () => {
    const { stdout } = await succeed(cwd, ['doctor', '--threads', '1', '--json'], byItself)
    const { native: found, peak, speed } = JSON.parse(stdout)
    expect(found).toEqual({ on: true, reason: native.reason })
    expect(peak.native).toBeGreaterThan(0)
    expect(peak.fma).toBeGreaterThan(0)
    expect(speed.native).toBeGreaterThan(0)
  })
})
