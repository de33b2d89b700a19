/** Links, pipes and capital letters in image folders, and the encodings of recipes: what file systems and editors leave there. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { imageFolder } from '../../src/data/folder.node.ts'
import { resolveWithFiles } from '../../src/recipe/files.node.ts'
import { readRecipeFile } from '../../src/recipe/recipeFile.node.ts'
import { openData } from '../../src/runs/data.node.ts'
import { temporaryFolder } from '../support/fovea.ts'
import { writePictures } from './pictures.ts'

let folder: ReturnType<typeof temporaryFolder>
let data: string
beforeEach(async () => {
  folder = temporaryFolder()
  data = join(folder.path, 'data')
  mkdirSync(data)
  await writePictures(data)
})
afterEach(() => folder.remove())

const shape = [16, 16, 3] as const
const names = { shape, check: 'names' } as const
const link = (target: string, ...path: string[]): void => symlinkSync(target, join(data, ...path), 'dir')

describe('links to folders', () => {
  it('that lead in circles or into another class are left out and listed', async () => {
    const { files } = await imageFolder(data, names)
    link('..', 'dark', 'a-up')
    link('.', 'dark', 'me')
    link('../../..', 'dark', 'far-up')
    link('../light', 'dark', 'light')
    link('../dark', 'light', 'dark')
    const linked = await imageFolder(data, names)
    expect(linked.files).toEqual(files)
    expect(linked.repeatedLinks).toEqual(
      ['dark/a-up', 'dark/far-up', 'dark/light', 'dark/me', 'light/dark'].map(path => join(...path.split('/'))),
    )
  })

  it('out of the folder are followed once, in the order of names', async () => {
    const { files } = await imageFolder(data, names)
    mkdirSync(join(folder.path, 'more', 'deep'), { recursive: true })
    writeFileSync(join(folder.path, 'more', 'deep', 'x.png'), '')
    symlinkSync('..', join(folder.path, 'more', 'deep', 'round'), 'dir')
    link('../../more', 'dark', '0')
    link('../../more', 'light', 'again')
    const linked = await imageFolder(data, names)
    expect(linked.files).toEqual([join('dark', '0', 'deep', 'x.png'), ...files])
    expect(linked.repeatedLinks).toEqual([join('dark', '0', 'deep', 'round'), join('light', 'again')])
  })

  it('may be the folder of a class, hidden beside the others too', async () => {
    mkdirSync(join(data, '.store'))
    renameSync(join(data, 'dark'), join(data, '.store', 'dark'))
    link('.store/dark', 'dark')
    expect((await imageFolder(data, names)).files).toHaveLength(12)
    link('light', 'twin')
    await expect(imageFolder(data, names)).rejects.toThrow(
      /twin: the class has no pictures, only links to folders that are counted elsewhere \(twin\)$/,
    )
  })
})

describe.skipIf(process.platform === 'win32')('a pipe with the name of a picture', () => {
  it('is unreadable, and is not waited for', async () => {
    execFileSync('mkfifo', [join(data, 'dark', 'pipe.png')])
    await expect(imageFolder(data, { shape })).rejects.toThrow(/pipe\.png: is not a regular file/)
    const { skipped } = await imageFolder(data, { shape, corrupt: 'skip' })
    expect(skipped.map(({ file }) => file)).toEqual([join('dark', 'pipe.png')])
  })
})

it('folders of splits in capitals are warned of', async () => {
  mkdirSync(join(folder.path, 'splits'))
  renameSync(data, join(folder.path, 'splits', 'Train'))
  const directory = join(folder.path, 'splits')
  const warnings: string[] = []
  await openData(resolveWithFiles({ data: { name: 'folder', directory } }), { warn: text => warnings.push(text) })
  expect(warnings).toContain(`${directory}: not taken for splits: Train; they must be named train`)
})

describe('a recipe in JSON', () => {
  const file = (): string => join(folder.path, 'recipe.json')

  it('may begin with a byte order mark', async () => {
    writeFileSync(file(), '\uFEFF{ "epochs": 3 }')
    expect(await readRecipeFile(file())).toEqual({ epochs: 3 })
  })

  it.each([
    ['little-endian', (text: Buffer) => text],
    ['big-endian', (text: Buffer) => text.swap16()],
  ])('in %s UTF-16 is refused by that name', async (_, order) => {
    writeFileSync(file(), order(Buffer.from('\uFEFF{ "epochs": 3 }', 'utf16le')))
    await expect(readRecipeFile(file())).rejects.toThrow(`${file()}: is in UTF-16, expected UTF-8`)
  })
})
