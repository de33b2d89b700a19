/** `fovea predict` of files, folders and patterns, as a process. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { picturesOf } from '../../src/cli/commands/predict/pictureFiles.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
/** More than one batch of an evaluation, whose images are 256. */
const count = 270
const nameOf = (k: number) => `scans/${k % 2 === 0 ? 'even' : 'odd/deep'}/${String(k).padStart(3, '0')}.png`
const sorted = Array.from({ length: count }, (_, k) => nameOf(k)).sort()

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 512, test: 10 })
  await succeed(cwd, ['train', '--data-dir', 'data', '--validation', '64', '--epochs', '1', '--no-test', '--quiet'])
  for (const path of ['scans/even', 'scans/odd/deep', 'scans/.hidden', 'nothing/in/here']) {
    mkdirSync(join(cwd, path), { recursive: true })
  }
  const { test } = await mnist()
  for (let k = 0; k < count; k++) {
    const pixels = test.images.subarray(k * 784, (k + 1) * 784)
    const picture = sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } })
    await picture.png().toFile(join(cwd, nameOf(k)))
  }
  writeFileSync(join(cwd, 'scans/notes.txt'), 'no picture')
  writeFileSync(join(cwd, 'scans/.hidden/a.png'), 'no picture')
}, 300_000)
afterAll(folder.remove)

interface Answer {
  readonly file: string
  readonly error?: string
  readonly predictions?: readonly { readonly class: string; readonly probability: number }[]
}
const answers = (text: string): Answer[] => JSON.parse(text) as Answer[]

describe('a folder', () => {
  it('is all pictures in it, at any depth, in the order of their paths, batch by batch', async () => {
    const { stdout, stderr } = await succeed(cwd, ['predict', 'runs/lenet5', 'scans', '--top', '10', '--json'])
    expect(stderr).toBe('')
    const all = answers(stdout)
    expect(all.map(({ file }) => file)).toEqual(sorted)
    // The same answers as one at a time; kernels for one image add up in another order, which is a few units in the last place.
    for (const file of [nameOf(0), nameOf(131), nameOf(269)]) {
      const [alone] = answers((await succeed(cwd, ['predict', 'runs/lenet5', file, '--top', '10', '--json'])).stdout)
      const among = all.find(answer => answer.file === file)!
      const probabilities = ({ predictions = [] }: Answer) => new Map(predictions.map(p => [p.class, p.probability]))
      const [one, other] = [alone!, among].map(probabilities)
      expect(one!.size).toBe(10)
      for (const [name, probability] of one!) expect(Math.abs(probability - other!.get(name)!)).toBeLessThan(1e-6)
    }
  }, 300_000)

  it('is a table with one line for each picture, whose columns are the same in all batches', async () => {
    const { stdout } = await succeed(cwd, ['predict', 'runs/lenet5', 'scans', '--top', '1'])
    const [head, rule, ...rows] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^file {20}class {2}probability {2}note$/)
    expect(rule).toMatch(/^─+ {2}─+ {2}─+ {2}─+$/)
    expect(rows.map(row => row.split(' ')[0])).toEqual(sorted)
    for (const row of rows) expect(row).toMatch(/^\S+ +\d {5,}\d+\.\d %$/)
    expect(new Set(rows.map(row => row.length)).size).toBe(1)
  }, 300_000)

  it('with pictures that cannot be read gives the others, names and counts those, and ends with 1', async () => {
    const broken = join(cwd, 'mixed')
    mkdirSync(broken)
    for (const name of ['b.png', 'd.jpg']) writeFileSync(join(broken, name), 'no picture')
    for (const name of ['a.png', 'c.png']) symlinkSync(join(cwd, nameOf(1)), join(broken, name))
    // A link that leads in a circle is not followed.
    symlinkSync('..', join(broken, 'up'))
    const { code, stdout, stderr } = await fovea(cwd, [
      'predict',
      'runs/lenet5',
      'mixed/*.*',
      'nothing',
      'z*.png',
      '--json',
    ])
    expect(answers(stdout).map(({ file, error }) => [file, error !== undefined])).toEqual([
      ['mixed/a.png', false],
      ['mixed/b.png', true],
      ['mixed/c.png', false],
      ['mixed/d.jpg', true],
      ['nothing', true],
      ['z*.png', true],
    ])
    const lines = stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/^fovea: mixed\/b\.png: not an image that can be read/)
    expect(lines.slice(2)).toEqual([
      'fovea: nothing: has no pictures in it, at any depth',
      'fovea: z*.png: no picture fits this pattern',
      'fovea: 4 of 6 could not be predicted',
    ])
    expect(code).toBe(1)
  }, 300_000)
})

describe('picturesOf', () => {
  const at = (path: string) => join(cwd, path)
  it('a file is itself, whatever its name and whether it is there', async () => {
    for (const path of ['scans/notes.txt', 'nowhere.png'])
      expect(await picturesOf(at(path))).toEqual({ files: [at(path)] })
  })

  it('a pattern gives pictures only, sorted', async () => {
    const found = await picturesOf(at('scans/**/00?.*'))
    expect(found).toEqual({ files: sorted.filter(name => /00\d\.png$/.test(name)).map(at) })
  })

  it('a folder that links to itself is read once', async () => {
    mkdirSync(at('circle'))
    symlinkSync(at('circle'), at('circle/again'))
    writeFileSync(at('circle/x.png'), '')
    expect(await picturesOf(at('circle'))).toEqual({ files: [at('circle/x.png')] })
  })

  it('a folder that is linked to from beside it is read once, and under its own name', async () => {
    mkdirSync(at('siblings/real'), { recursive: true })
    writeFileSync(at('siblings/real/x.png'), '')
    symlinkSync('real', at('siblings/before'))
    symlinkSync(at('scans'), at('siblings/scans'))
    const { files } = (await picturesOf(at('siblings'))) as { files: string[] }
    expect(files).toEqual([at('siblings/real/x.png'), ...sorted.map(name => at(join('siblings', name)))])
  })

  it('a file whose name looks like a pattern is that file', async () => {
    writeFileSync(at('a[1].png'), '')
    expect(await picturesOf(at('a[1].png'))).toEqual({ files: [at('a[1].png')] })
  })
})
