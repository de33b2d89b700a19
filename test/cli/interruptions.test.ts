/** What recipes do to the process, and what disks do to the files of a run: one line that says what happened, never a stack. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 80, test: 20 })
})
afterAll(folder.remove)

/** A recipe, and what its module does besides. */
const writeRecipe = (name: string, code: string): void =>
  writeFileSync(
    join(cwd, name),
    `${code}
export default { model: { name: 'lenet5' }, data: { name: 'mnist', directory: 'data', validation: 16 }, epochs: 1, batchSize: 16 }`,
  )

describe('a recipe that', () => {
  it.each([
    [
      'ends the process',
      'process.exit(0)',
      1,
      /the process was ended before the command was done: .* calls process\.exit/,
    ],
    ['refuses a promise that nobody waits for', "Promise.reject(new Error('no luck'))", 2, /no luck/],
    ['refuses one with nothing', 'setTimeout(() => Promise.reject(null))', 2, /threw null, which is not an Error/],
    ['throws in a timer', "setTimeout(() => { throw new Error('too late') }, 50)", 2, /too late/],
  ])('%s', async (_, code, exit, message) => {
    writeRecipe('recipe.mjs', code)
    const { code: got, stderr } = await fovea(cwd, ['train', 'recipe.mjs', '--quiet', '--no-test'])
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^fovea: /)
    expect(stderr).not.toMatch(/^ {4}at |node:internal/m)
    expect(got).toBe(exit)
  })
})

/** A result that is sound but for one field. */
const damaged = (field: string, value: unknown): string => {
  const score = { loss: 1, accuracy: 0.5, samples: 10 }
  const names = { status: 'finished', fovea: '0.1.0', model: 'lenet5', data: 'mnist' }
  const numbers = { parameters: 1, epochs: 1, steps: 1, trainingSeconds: 1 }
  const checkpoint = { file: 'x', sha256: 'x' }
  return JSON.stringify({ ...names, ...numbers, engine: {}, train: score, checkpoint, [field]: value })
}

describe('a run whose', () => {
  beforeAll(async () => {
    const data = ['--data-dir', 'data', '--validation', '16', '--batch-size', '16', '--epochs', '1']
    await succeed(cwd, ['train', 'lenet5', ...data, '--quiet', '--name', 'run'])
  }, 120_000)

  it.each(['[]', '{}', '1', '"x"', 'null', '{"parts":3}', '{"parts":{"test":{"a":1}},"division":"x"}', '{'])(
    'data.json is %s',
    async contents => {
      writeFileSync(join(cwd, 'runs/run/data.json'), contents)
      const { code, stderr } = await fovea(cwd, ['eval', 'runs/run'])
      expect(stderr).toMatch(/^fovea: runs\/run\/data\.json: cannot be read: /)
      expect(code).toBe(1)
    },
  )

  it.each(['[]', '{}', '1', '{"engine":{},"train":{}}', damaged('test', {}), damaged('checkpoint', null)])(
    'result.json is %s',
    async contents => {
      writeFileSync(join(cwd, 'runs/run/result.json'), contents)
      for (const args of [
        ['train', '--resume', 'runs/run'],
        ['compare', 'runs/run', 'runs/run'],
      ]) {
        const { code, stderr } = await fovea(cwd, args)
        expect(stderr).toMatch(
          /^fovea: runs\/run\/result\.json: cannot be read: .*; delete it to finish the run again$/m,
        )
        expect(code).toBe(1)
      }
    },
  )
})

it('a study whose study.json is a list', async () => {
  mkdirSync(join(cwd, 'study'))
  writeFileSync(join(cwd, 'study/study.json'), '[]')
  const args = ['--data-dir', 'data', '--validation', '16', '--vary', 'optimizer.lr=log(0.01, 0.1)', '--out', 'study']
  const { code, stderr } = await fovea(cwd, ['search', 'lenet5', ...args])
  expect(stderr).toContain('study/study.json: cannot be read: it holds no object')
  expect(code).toBe(1)
})
