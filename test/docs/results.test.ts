/** The recipes of docs/results.md train, on a few images in the data sets' own file formats. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setup as build } from '../support/build.ts'
import { succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const root = new URL('../..', import.meta.url)
const page = readFileSync(new URL('docs/results.md', root), 'utf8')
const folder = temporaryFolder()
beforeAll(async () => {
  await build()
  mkdirSync(join(folder.path, 'mnist'))
  await writeSmallMnist(join(folder.path, 'mnist'), { train: 64, test: 16 })
  mkdirSync(join(folder.path, 'cifar10'))
  for (const file of ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'])
    writeFileSync(
      join(folder.path, 'cifar10', `${file}.bin`),
      Buffer.concat(Array.from({ length: 8 }, (_, k) => cifarImage(k))),
    )
}, 300_000)
afterAll(folder.remove)

/** A label and an image of one color, as CIFAR-10's files have them. */
const cifarImage = (label: number): Uint8Array => new Uint8Array(1 + 3072).fill(25 * label).fill(label, 0, 1)

describe('docs/results.md', () => {
  it.each([
    ['mnist', 'mnist', 64],
    ['cifar10', 'cifar10', 40],
    ['cifar10Paper', 'cifar10', 40],
  ])(
    'names examples/recipes/%s.ts, which trains',
    async (name, data, images) => {
      expect(page).toContain(`examples/recipes/${name}.ts`)
      const recipe = fileURLToPath(new URL(`examples/recipes/${name}.ts`, root))
      const short = [
        '--epochs',
        '1',
        '--batch-size',
        '8',
        '--set',
        'data.validation=8',
        '--data-dir',
        data,
        '--json',
        '--quiet',
      ]
      const { stdout } = await succeed(folder.path, ['train', recipe, ...short])
      expect(JSON.parse(stdout)).toMatchObject({ steps: (images - 8) / 8 })
    },
    60_000,
  )

  it('shows what examples/ablation.ts prints, which goes on where it was', async () => {
    const { path } = folder
    const run = (seeds: number) =>
      promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', 'examples/ablation.ts', path, '24', '1', String(seeds), join(path, 'cifar10')],
        { cwd: root },
      )
    const first = await run(1)
    const rows = first.stdout.trim().split('\n')
    // The same rows, with other numbers.
    for (const row of rows) expect(page).toContain(row.slice(0, row.indexOf('|', 1) + 1))
    expect(rows.length).toBeGreaterThan(10)
    const trained = ({ stderr }: { stderr: string }): number => stderr.match(/^seed \d/gm)?.length ?? 0
    expect([trained(first), trained(await run(1))]).toEqual([rows.length - 2, 0])
  }, 300_000)
})
