/** Early stopping, babysitting and the learning-rate finder as commands. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkpointOf, eventsOf, fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'
import { renderSvg } from '../support/svg.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const run = (name: string) => join(cwd, 'runs', name)
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 640, test: 100 })
})
afterAll(folder.remove)

describe('a run that stops early', () => {
  // A rate that is far too high after the first steps: the score does not improve for long.
  const recipe = ['--data-dir', 'data', '--validation', '128', '--epochs', '12', '--batch-size', '32', '--seed', '2']
  const stopping = ['--schedule', 'constant', '--lr', '0.12', '--set', 'earlyStopping.patience=2']
  beforeAll(async () => {
    await succeed(cwd, ['train', ...recipe, ...stopping, '--name', 'early'])
  }, 300_000)

  it('ends before its last epoch, with the weights of the best', async () => {
    const events = eventsOf(run('early'))
    const scores = events.filter(({ type }) => type === 'validation') as unknown as {
      epoch: number
      accuracy: number
    }[]
    const best = scores.reduce((a, b) => (b.accuracy > a.accuracy ? b : a))
    expect(scores.length).toBeLessThan(12)
    expect(scores.length).toBe(best.epoch + 2)
    const result = json(join(run('early'), 'result.json'))
    expect(result).toMatchObject({
      epochs: best.epoch + 2,
      validation: { accuracy: best.accuracy },
      best: { epoch: best.epoch },
    })
    expect(join(run('early'), result.checkpoint.file)).toBe(checkpointOf(run('early'), 'best'))
    expect(events.findLast(({ type }) => type === 'notice')).toMatchObject({
      kind: 'earlyStopping',
      epoch: best.epoch + 2,
    })
  })

  it('is scored by eval as it ended', async () => {
    const { test, validation } = json(join(run('early'), 'result.json'))
    const score = async (...args: string[]) =>
      JSON.parse((await succeed(cwd, ['eval', 'runs/early', '--json', ...args])).stdout)
    expect((await score()).accuracy).toBe(test.accuracy)
    expect((await score('--split', 'validation')).accuracy).toBe(validation.accuracy)
    expect(await score('--split', 'validation', '--checkpoint', 'latest')).toMatchObject({
      step: json(join(run('early'), 'result.json')).epochs * 16,
    })
  })

  it('stops at the same epoch when it is interrupted and resumed in between', async () => {
    await succeed(cwd, ['train', ...recipe, ...stopping, '--name', 'pieces', '--stop-after', '1', '--quiet'])
    for (let part = 2; part < 12 && !existsSync(join(run('pieces'), 'result.json')); part++) {
      await succeed(cwd, ['train', '--resume', 'runs/pieces', '--stop-after', String(part), '--quiet'])
    }
    const { trainingSeconds: _a, ...whole } = json(join(run('early'), 'result.json'))
    const { trainingSeconds: _b, ...pieces } = json(join(run('pieces'), 'result.json'))
    expect(pieces).toEqual(whole)
  }, 300_000)
})

describe('fovea train --overfit', () => {
  const data = ['--data-dir', 'data', '--validation', '64']
  it('says that a working network memorizes 20 images', async () => {
    const { stdout } = await succeed(cwd, ['train', 'lenet5', ...data, '--overfit', '20'])
    expect(stdout).toMatch(/^20 images were memorized in \d+ steps/m)
    expect(existsSync(run('lenet5'))).toBe(false)
  })
  it('fails when it does not', async () => {
    const { code, stdout } = await fovea(cwd, ['train', 'lenet5', ...data, '--overfit', '20', '--lr', '1e-6', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ images: 20, learned: false, steps: 300 })
  })
})

describe('fovea lr-find', () => {
  it('suggests a rate at which LeNet-5 learns, and draws it', async () => {
    const { stdout } = await succeed(cwd, [
      'lr-find',
      'lenet5',
      '--data-dir',
      'data',
      '--validation',
      '64',
      '--out',
      'rates.svg',
      '--json',
    ])
    const { steepest, careful, points } = JSON.parse(stdout)
    // Over the range that was tested on all of MNIST (docs/results.md), 0.02 to 0.1 train well; momentum is 0.9.
    expect(steepest).toBeGreaterThan(0.005)
    expect(steepest).toBeLessThan(0.6)
    expect(careful).toBeGreaterThan(0.002)
    expect(points[1].learningRate / points[0].learningRate).toBeCloseTo(10 ** (6 / 99), 6)
    const image = await renderSvg(readFileSync(join(cwd, 'rates.svg'), 'utf8'))
    expect(image.width).toBe(620)
    expect(existsSync(join(cwd, 'runs/lenet5'))).toBe(false)
  })
  it('refuses a range that is none', async () => {
    const { code, stderr } = await fovea(cwd, ['lr-find', '--from', '1', '--to', '0.1'])
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'fovea: --from 1 --to 0.1: expected 0 < from < to\n' })
  })
})

describe('alarms', () => {
  const data = ['--data-dir', 'data', '--validation', '64', '--epochs', '1', '--no-test']
  it('warn of a first loss that is off, in the log and on the terminal', async () => {
    const large = ['--set', 'data.normalize={"mean":[-30],"std":[0.05]}']
    const { stdout } = await succeed(cwd, ['train', ...data, ...large, '--name', 'loud'])
    expect(stdout).toMatch(/^warning: the first loss is [\d.]+, an untrained network would have ln 10 = 2\.30/m)
    expect(eventsOf(run('loud')).some(({ type }) => type === 'notice')).toBe(true)
  })
  it('can be turned off', async () => {
    const large = ['--set', 'data.normalize={"mean":[-30],"std":[0.05]}', '--set', 'alarms=false']
    const { stdout } = await succeed(cwd, ['train', ...data, ...large, '--name', 'silent'])
    expect(stdout).not.toContain('warning')
  })
  it('keep the last good checkpoint of a run that breaks, and name the layer', async () => {
    // Calm for one epoch, then 1e30 times as fast.
    const wild = 'export default { schedule: (step, total) => (step < total / 2 ? 1 : 1e30), epochs: 2 }'
    const { writeFileSync } = await import('node:fs')
    writeFileSync(join(cwd, 'wild.mjs'), wild)
    const { code, stderr } = await fovea(cwd, [
      'train',
      'wild.mjs',
      '--data-dir',
      'data',
      '--validation',
      '64',
      '--quiet',
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^fovea: runs\/wild: training diverged: at step 1[12] the loss became \S+ \(the first to break: the (output|values) of \S+\); the last good checkpoint is runs\/wild\/checkpoints\/step-000009\.safetensors; try/,
    )
    expect(checkpointOf(run('wild'))).toContain('step-000009.safetensors')
    await succeed(cwd, ['eval', 'runs/wild', '--split', 'validation', '--quiet'])
  })
})

describe('--tensorboard', () => {
  it('writes an event file, and another when the run goes on', async () => {
    const boards = (): string[] => readdirSync(run('board')).filter(file => file.startsWith('events.out.tfevents.'))
    const small = ['--data-dir', 'data', '--validation', '128', '--epochs', '2']
    const args = ['train', 'lenet5', ...small, '--quiet', '--tensorboard']
    expect(await fovea(cwd, [...args, '--name', 'board', '--stop-after', '1'])).toMatchObject({ code: 0 })
    expect(boards()).toHaveLength(1)
    expect(await fovea(cwd, ['train', '--resume', 'runs/board', '--quiet'])).toMatchObject({ code: 0 })
    expect(boards()).toHaveLength(2)
  }, 300_000)
})
