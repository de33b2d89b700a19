/**
 * The same recipe makes the same bits: for any number of threads, and after any interruption. Runs are long enough to be
 * caught in the middle: 12 epochs of 15 steps.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  checkpointOf,
  eventsOf,
  fovea,
  sha256,
  signalAtStep,
  start,
  succeed,
  temporaryFolder,
  writeSmallMnist,
} from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const recipe = ['--data-dir', 'data', '--validation', '64', '--epochs', '12', '--seed', '3']
const steps = 180
const run = (name: string) => join(cwd, 'runs', name)

/** What is the same in every run of the recipe: the weights and the optimizer's state, and where the run stands. */
const outcome = (name: string) => ({
  tensors: sha256(checkpointOf(run(name))),
  description: readFileSync(checkpointOf(run(name)).replace('.safetensors', '.json'), 'utf8'),
  best: readFileSync(join(run(name), 'best'), 'utf8'),
})

/** The log tells one story: every step once, whatever happened in between. */
function expectWholeLog(name: string): void {
  const events = eventsOf(run(name))
  const all = Array.from({ length: steps }, (_, k) => k + 1)
  expect(events.filter(({ type }) => type === 'step').map(({ step }) => step)).toEqual(all)
  for (const type of ['epoch', 'validation']) {
    expect(events.filter(event => event.type === type).map(({ epoch }) => epoch)).toEqual(all.slice(0, 12))
  }
  const losses = (of: string) => eventsOf(run(of)).flatMap(({ type, loss }) => (type === 'step' ? [loss] : []))
  expect(losses(name)).toEqual(losses('whole'))
}

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 1024, test: 200 })
  await succeed(cwd, ['train', ...recipe, '--name', 'whole', '--quiet'], { FOVEA_THREADS: '1' })
}, 60_000)
afterAll(folder.remove)

describe('threads', () => {
  it.each(['2', '3'])('%s threads make the same checkpoint as one', async threads => {
    await succeed(cwd, ['train', ...recipe, '--name', `threads${threads}`, '--quiet'], { FOVEA_THREADS: threads })
    expect(outcome(`threads${threads}`)).toEqual(outcome('whole'))
  })

  it('another seed makes another checkpoint', async () => {
    const args = ['train', '--data-dir', 'data', '--limit', '512', '--epochs', '1', '--quiet', '--no-test']
    for (const seed of ['3', '4']) await succeed(cwd, [...args, '--seed', seed, '--name', `seed${seed}`])
    expect(sha256(checkpointOf(run('seed3')))).not.toBe(sha256(checkpointOf(run('seed4'))))
  })
})

describe('kill -9', () => {
  it('at random moments, and resume until done: the same checkpoint, one whole log', async () => {
    const delays: number[] = []
    let killed = 0
    for (let attempt = 0; attempt < 40; attempt++) {
      const begun = existsSync(join(run('killed'), 'recipe.json'))
      if (!begun) rmSync(run('killed'), { recursive: true, force: true })
      const args = begun ? ['train', '--resume', 'runs/killed'] : ['train', ...recipe, '--name', 'killed']
      const child = start(cwd, args)
      // After six kills the run may finish.
      const delay = killed < 6 ? 150 + 500 * Math.random() : 60_000
      delays.push(delay)
      const timer = setTimeout(() => child.process.kill('SIGKILL'), delay)
      const { code, signal, stderr } = await child.finished
      clearTimeout(timer)
      if (signal === 'SIGKILL') killed++
      else {
        expect(code, `${stderr} after delays ${delays.join()}`).toBe(0)
        break
      }
    }
    expect(killed, `delays ${delays.join()}`).toBeGreaterThanOrEqual(1)
    expect(outcome('killed'), `delays ${delays.join()}`).toEqual(outcome('whole'))
    expectWholeLog('killed')
    expect(readdirSync(run('killed')).filter(name => name.startsWith('.') || name.startsWith('lock'))).toEqual([])
  }, 60_000)
})

describe('a signal', () => {
  it.each([
    ['SIGINT', 40, '2'],
    ['SIGTERM', 97, '1'],
  ] as const)('%s saves the very step, ends with 130, and resume goes on exactly', async (signal, step, threads) => {
    const name = signal.toLowerCase()
    const env = { FOVEA_THREADS: threads, ...signalAtStep(signal, step) }
    const { code, stdout, stderr } = await fovea(cwd, ['train', ...recipe, '--name', name], env)
    const events = eventsOf(run(name))
    const last = events.findLast(({ type }) => type === 'step')!.step
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    expect(last).toBeGreaterThanOrEqual(step)
    expect(last).toBeLessThan(steps)
    expect(checkpointOf(run(name))).toContain(`step-000${String(last).padStart(3, '0')}.safetensors`)
    expect(stdout).toContain(`stopped after step ${last} (epoch ${Math.ceil(last / 15)} of 12), saved in runs/${name}/`)
    expect(stdout).toContain(`resume with: fovea train --resume runs/${name}\n`)
    expect(existsSync(join(run(name), 'result.json'))).toBe(false)

    const resumed = await succeed(cwd, ['train', ...recipe, '--resume', `runs/${name}`])
    expect(resumed.stdout).toContain(`resuming after step ${last}\n`)
    expect(outcome(name)).toEqual(outcome('whole'))
    expectWholeLog(name)
    const result = (of: string) => JSON.parse(readFileSync(join(run(of), 'result.json'), 'utf8'))
    const { test, train, validation, best } = result('whole')
    expect(result(name)).toMatchObject({ test, train, validation, best })
  })
})

describe('a run that is finished', () => {
  it('is shown, not trained again', async () => {
    const before = readFileSync(join(run('whole'), 'events.jsonl'), 'utf8')
    const { stdout } = await succeed(cwd, ['train', '--resume', 'runs/whole'])
    expect(stdout).toContain('runs/whole: this run is finished\ntest accuracy')
    expect(readFileSync(join(run('whole'), 'events.jsonl'), 'utf8')).toBe(before)
  })

  it('gets its result when only that is missing', async () => {
    cpSync(run('whole'), run('unreported'), { recursive: true })
    for (const name of ['result.json', 'report.html']) rmSync(join(run('unreported'), name))
    await succeed(cwd, ['train', '--resume', 'runs/unreported', '--quiet'])
    expect(outcome('unreported')).toEqual(outcome('whole'))
    expect(existsSync(join(run('unreported'), 'report.html'))).toBe(true)
    expectWholeLog('unreported')
  })
})

describe('resume refuses', () => {
  it.each([
    [
      ['--epochs', '13'],
      '--epochs 13 conflicts with --resume: a resumed run takes everything from its recipe, which has epochs 12',
    ],
    [['--precise'], '--precise conflicts with --resume'],
    [['--no-test'], '--no-test conflicts with --resume'],
    [
      ['--limit', '9'],
      '--limit 9 conflicts with --resume: a resumed run takes everything from its recipe, which has no limit',
    ],
    [['--name', 'other'], '--name conflicts with --resume: a resumed run stays in its folder'],
  ])('%j', async (args, message) => {
    const result = await fovea(cwd, ['train', '--resume', 'runs/whole', ...args])
    expect(result.stderr).toContain(`fovea: ${message}`)
    expect(result.code).toBe(2)
  })

  it('a recipe with a field that does not exist or does not fit', async () => {
    cpSync(run('whole'), run('misspelled'), { recursive: true })
    const path = join(run('misspelled'), 'recipe.json')
    const text = readFileSync(path, 'utf8').replace('"momentum": 0.9', '"momentun": 0.9')
    rmSync(path)
    await import('node:fs').then(fs => fs.writeFileSync(path, text))
    const result = await fovea(cwd, ['train', '--resume', 'runs/misspelled'])
    expect(result.stderr).toBe(
      "fovea: runs/misspelled/recipe.json: unknown field 'optimizer.momentun' (did you mean 'momentum'?)\n",
    )
    expect(result.code).toBe(1)
  })
})

describe('broken checkpoints', () => {
  /** A finished run whose result was never written. */
  function unfinished(name: string): string {
    cpSync(run('whole'), run(name), { recursive: true })
    rmSync(join(run(name), 'result.json'))
    return run(name)
  }

  it('the last is passed over with a warning, and the run ends as it would have', async () => {
    const path = unfinished('broken-last')
    truncateSync(checkpointOf(path), 1000)
    const { stderr } = await succeed(cwd, ['train', '--resume', 'runs/broken-last', '--quiet'])
    expect(stderr).toMatch(/^fovea: warning: .*step-000180\.safetensors: truncated: 1000 bytes, expected \d+\n$/)
    expect(outcome('broken-last')).toEqual(outcome('whole'))
    expectWholeLog('broken-last')
  })

  it('all of them: an error that names them, and nothing is changed', async () => {
    const path = unfinished('broken-all')
    for (const name of readdirSync(join(path, 'checkpoints'))) truncateSync(join(path, 'checkpoints', name), 10)
    const before = readdirSync(path, { recursive: true })
    const log = readFileSync(join(path, 'events.jsonl'), 'utf8')
    const { code, stderr } = await fovea(cwd, ['train', '--resume', 'runs/broken-all'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^fovea: runs\/broken-all: no usable checkpoint: [^\n]*step-000180\.json: truncated or corrupt/,
    )
    expect(readdirSync(path, { recursive: true })).toEqual(before)
    expect(readFileSync(join(path, 'events.jsonl'), 'utf8')).toBe(log)
  })

  it('of another kind: an error that names the file', async () => {
    const path = unfinished('foreign')
    await succeed(cwd, [
      'train',
      '--data-dir',
      'data',
      '--limit',
      '512',
      '--epochs',
      '1',
      '--momentum',
      '0',
      '--name',
      'plain',
      '--no-test',
      '--quiet',
    ])
    for (const extension of ['.safetensors', '.json']) {
      const [from, to] = ['plain', 'foreign'].map(name => checkpointOf(run(name)).replace('.safetensors', extension))
      copyFileSync(from!, to!)
    }
    const { code, stderr } = await fovea(cwd, ['train', '--resume', 'runs/foreign'])
    expect(code).toBe(1)
    expect(stderr).toBe(
      `fovea: ${join('runs/foreign', 'checkpoints/step-000180.safetensors')}: the checkpoint has no optimizer state 'momentum.conv1.weight'; was it made with sgd?\n`,
    )
    expect(existsSync(join(path, 'result.json'))).toBe(false)
  })
})
