/** Fingerprints of images: the same wherever a folder lies, another as soon as a file comes, goes or grows. */
import { copyFileSync, cpSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { changesOf, fileSizes, fingerprintOf } from '../../src/data/fingerprint.node.ts'
import { imageFolder } from '../../src/data/folder.node.ts'
import { imageDataset } from '../../src/data/index.ts'
import { temporaryFolder } from '../support/fovea.ts'
import { writePictures } from './pictures.ts'

let root: ReturnType<typeof temporaryFolder>
beforeEach(async () => {
  root = temporaryFolder()
  await writePictures(join(root.path, 'photos'))
})
afterEach(() => root.remove())

const open = (name = 'photos') => imageFolder(join(root.path, name), { shape: [16, 16, 3], check: 'names' })

/** What has changed in `photos` since it was copied to `before`. */
async function changes(): Promise<string | undefined> {
  const [before, now] = [await open('before'), await open()]
  return changesOf([fingerprintOf(before), fingerprintOf(now)], [fileSizes(before), fileSizes(now)])
}

it('is that of names and sizes, wherever the folder lies and however letters of names are composed', async () => {
  copyFileSync(join(root.path, 'photos/dark/0.png'), join(root.path, 'photos/dark/caf\u00e9.png'))
  const fingerprint = fingerprintOf(await open())
  expect(fingerprint).toMatchObject({ images: 13, classes: { dark: 7, light: 6 } })
  expect(fingerprint.sha256).toMatch(/^[0-9a-f]{64}$/)
  renameSync(join(root.path, 'photos'), join(root.path, 'moved'))
  renameSync(join(root.path, 'moved/dark/caf\u00e9.png'), join(root.path, 'moved/dark/cafe\u0301.png'))
  expect(fingerprintOf(await open('moved'))).toEqual(fingerprint)
})

it('says what was added, removed and changed, class by class', async () => {
  cpSync(join(root.path, 'photos'), join(root.path, 'before'), { recursive: true })
  expect(await changes()).toBeUndefined()
  const file = (name: string) => join(root.path, 'photos', name)
  writeFileSync(file('dark/0.png'), 'much shorter')
  expect(await changes()).toBe('of another size: dark/0.png')
  rmSync(file('light/1.jpeg'))
  expect(await changes()).toBe(
    '12 images then, 11 now; light 6 then, 5 now; removed: light/1.jpeg; of another size: dark/0.png',
  )
  for (const name of ['a', 'b', 'c', 'd', 'e']) copyFileSync(file('light/0.png'), file(`dark/${name}.png`))
  expect(await changes()).toBe(
    '12 images then, 16 now; dark 6 then, 11 now, light 6 then, 5 now; ' +
      'added: dark/a.png, dark/b.png, dark/c.png and 2 more; removed: light/1.jpeg; of another size: dark/0.png',
  )
})

it('sees a file that has moved to another class', async () => {
  cpSync(join(root.path, 'photos'), join(root.path, 'before'), { recursive: true })
  renameSync(join(root.path, 'photos/dark/0.png'), join(root.path, 'photos/light/6.png'))
  expect(await changes()).toBe('dark 6 then, 5 now, light 6 then, 7 now; added: light/6.png; removed: dark/0.png')
})

it('tells a change by its numbers where the files are not known', async () => {
  const data = fingerprintOf(await open())
  const more = { images: 13, classes: { dark: 7, light: 6 }, sha256: 'another' }
  expect(changesOf([data, more], [undefined, undefined])).toBe('12 images then, 13 now; dark 6 then, 7 now')
})

it('of images in memory is that of their labels, in order', () => {
  const of = (labels: number[]) =>
    fingerprintOf(
      imageDataset({ images: new Uint8Array(labels.length), labels, shape: [1, 1, 1], classes: ['a', 'b'] }),
    )
  expect(of([0, 1, 1])).toEqual(of([0, 1, 1]))
  expect(changesOf([of([0, 1, 1]), of([1, 0, 1])], [undefined, undefined])).toBe(
    'their labels have changed, or their order has',
  )
  expect(changesOf([of([0, 1, 1]), of([0, 0, 1])], [undefined, undefined])).toBe('a 1 then, 2 now, b 2 then, 1 now')
})
