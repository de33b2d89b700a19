/** docs/data.md and docs/augmentation.md show examples/ word for word, they run, and they show what the pages say. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { transformNames } from '../../src/augment/table.ts'
import { writePicture } from '../data/pictures.ts'
import { temporaryFolder } from '../support/fovea.ts'

const root = new URL('../..', import.meta.url)
const folder = temporaryFolder()
let page = ''

beforeAll(async () => {
  const pages = ['data', 'augmentation'].map(name => readFile(new URL(`docs/${name}.md`, root), 'utf8'))
  page = (await Promise.all(pages)).join('\n')
  for (let k = 0; k < 24; k++) {
    await writePicture(join(folder.path, 'dark', `${k}.jpeg`), 80 + k, 90, 4 * k)
    await writePicture(join(folder.path, 'light', `${k}.jpeg`), 90, 80 + k, 160 + 4 * k)
  }
})
afterAll(() => folder.remove())

async function run(name: string, ...given: string[]): Promise<string> {
  const program = [process.execPath, ['--import', 'tsx', `examples/${name}.ts`, ...given], { cwd: root }] as const
  return (await promisify(execFile)(...program)).stdout
}

describe('docs/data.md and docs/augmentation.md', () => {
  it.each(['augmentation', 'photos', 'sources', 'preprocessing'])('shows examples/%s.ts as it is', async name => {
    const example = await readFile(new URL(`examples/${name}.ts`, root), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${example}\`\`\``)
  })

  it('names every transform', () => {
    expect(transformNames.filter(name => !page.includes(`\`${name}`))).toEqual([])
  })

  it('augmentation helps a thousand digits', async () => {
    const text = await run('augmentation')
    const [without, withIt] = ['without', 'with'].map(word =>
      Number(new RegExp(`^${word} augmentation (0\\.\\d+)$`, 'm').exec(text)?.[1]),
    )
    // Seed 0 gives 94.6 % and 95.8 %; five seeds 94.2 ± 0.6 % and 95.7 ± 0.4 %.
    expect(without).toBeGreaterThan(0.93)
    expect(withIt).toBeGreaterThan(without! + 0.005)
  }, 300_000)

  it('arrays and streams are learned alike', async () => {
    const text = await run('sources')
    for (const name of ['arrays', 'stream'])
      expect(Number(new RegExp(`^${name}: ([\\d.]+) % right$`, 'm').exec(text)?.[1]), name).toBeGreaterThan(95)
  }, 300_000)

  it('whitened digits are learned, and the weights bring the whitening along', async () => {
    const text = await run('preprocessing')
    const [, trained, again] = /^test accuracy (0\.\d+), with the weights alone (0\.\d+)$/m.exec(text)!.map(Number)
    expect(trained).toBeGreaterThan(0.9)
    expect(again).toBe(trained)
  }, 300_000)

  it('a folder of dark and light pictures is told apart', async () => {
    const text = await run('photos', folder.path)
    expect(text.match(/waited for images: [\d.]+ %/g)).toHaveLength(3)
    const last = Number(/averaged over mirror images ([\d.]+)/.exec(text)?.[1])
    expect(last).toBeGreaterThan(0.9)
  }, 300_000)
})
