/** A folder of many pictures trains in the memory of a few batches. With FOVEA_FULL=1 there are 100,000 of them. */
import { linkSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runChild } from '../support/childProcess.ts'
import { temporaryFolder } from '../support/fovea.ts'
import { full } from '../support/full.ts'
import { writePicture } from './pictures.ts'

const files = full ? 100_000 : 1_000
/** Bytes of a picture as it is read: 128 × 192 × 3. */
const pictureBytes = 73_728

const folder = temporaryFolder()
beforeAll(async () => {
  // Twenty pictures under many names: what is measured is memory, not the disk.
  for (let k = 0; k < 20; k++) await writePicture(join(folder.path, `source-${k}.jpeg`), 128, 192, 12 * k)
  for (let k = 0; k < files; k++) {
    const to = join(folder.path, 'pictures', `class ${k % 4}`)
    mkdirSync(to, { recursive: true })
    linkSync(join(folder.path, `source-${k % 20}.jpeg`), join(to, `${k}.jpeg`))
  }
}, 300_000)
afterAll(() => folder.remove())

it.each(['0', '1'])(
  `${files} pictures with %s worker threads`,
  async workers => {
    const file = join(import.meta.dirname, 'manyFilesProcess.ts')
    const { code, stdout, stderr } = await runChild(file, [join(folder.path, 'pictures'), workers], {
      nodeFlags: ['--expose-gc'],
      timeout: full ? 3_600_000 : 290_000,
    })
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const result = JSON.parse(stdout) as {
      files: number
      held: { resident: number; arrays: number; heap: number }[]
      waitShare: number
    }
    expect(result.files).toBe(files)
    expect(result.held.length).toBeGreaterThanOrEqual(10)
    const [, early, ...later] = result.held
    const most = (of: 'resident' | 'arrays' | 'heap') => Math.max(...later.map(held => held[of]))
    // A batch has 1.2 MB; two or three are under way, and the decoders have buffers of their own. All pictures have 74 MB or more.
    expect(most('arrays') - early!.arrays).toBeLessThan(8e6)
    expect(most('heap') - early!.heap).toBeLessThan(8e6)
    expect(most('resident') - early!.resident).toBeLessThan(Math.min(60e6, (files * pictureBytes) / 2))
    expect(result.waitShare).toBeGreaterThan(0)
    expect(result.waitShare).toBeLessThan(1)
  },
  full ? 3_700_000 : 300_000,
)
