/** Every `fovea` command of docs/getting-started.md runs, in the order of the page; docs/browser.md's test builds its page. */
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writePicture } from '../data/pictures.ts'
import { setup as build } from '../support/build.ts'
import { succeed, temporaryFolder } from '../support/fovea.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/getting-started.md'), 'utf8')
const commands = [...page.matchAll(/^npx fovea (.*)$/gm)].map(([, words]) => words!.split(' '))

/** A one, written with a pen. */
const one =
  '<svg width="60" height="80"><path d="M22 24 L34 14 V66" fill="none" stroke="black" stroke-width="5"/></svg>'

const folder = temporaryFolder()
beforeAll(async () => {
  await build()
  for (const name of ['examples', 'node_modules']) symlinkSync(join(root, name), join(folder.path, name))
  await sharp(Buffer.from(one)).flatten({ background: 'white' }).toFile(join(folder.path, 'digit.png'))
  for (let k = 0; k < 12; k++) {
    await writePicture(join(folder.path, `photos/cats/${k}.jpeg`), 40, 48, 5 * k)
    await writePicture(join(folder.path, `photos/dogs/${k}.jpeg`), 48, 40, 255 - 5 * k)
  }
}, 300_000)
afterAll(folder.remove)

describe('docs/getting-started.md', () => {
  it('has commands that work', async () => {
    expect(commands.map(([name]) => name)).toEqual([
      'train',
      'train',
      'compare',
      'eval',
      'predict',
      'data',
      'train',
      'eval',
      'predict',
    ])
    for (const words of commands) {
      const isFirst = words[0] === 'train' && words[1] === 'lenet5'
      await succeed(folder.path, isFirst ? [...words, '--limit', '1000'] : words)
    }
  }, 300_000)

  it('lists the files of a run folder', () => {
    const files = [...page.matchAll(/^\| `([a-z./]+)` \|/gm)].map(([, name]) => name!)
    expect(files).toHaveLength(5)
    expect(files.filter(name => !existsSync(join(folder.path, 'runs/lenet5', name)))).toEqual([])
  })

  it('copies weights by the name in `best`', () => {
    expect(page).toContain('cp "runs/lenet5/$(cat runs/lenet5/best)" examples/browser/public/lenet5.safetensors')
    const run = join(folder.path, 'runs/lenet5')
    expect(existsSync(join(run, readFileSync(join(run, 'best'), 'utf8').trim()))).toBe(true)
  })
})
