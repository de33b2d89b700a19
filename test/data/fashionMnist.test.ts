/** Fashion-MNIST from a folder, from the cache, and from a server on this machine that is not what it should be. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { compose } from '../../src/augment/compose.ts'
import { horizontalFlip } from '../../src/augment/flip.ts'
import { fashionMnist } from '../../src/data/fashionMnist.node.ts'
import { fashionMnistClasses } from '../../src/data/fashionMnist.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { setup as build } from '../support/build.ts'
import { eventsOf, succeed, temporaryFolder } from '../support/fovea.ts'
import { idxBytes } from './writeIdx.ts'

let folder: ReturnType<typeof temporaryFolder>
let previous: string | undefined
let server: Server
let asked: (string | undefined)[]
let url: string

/** Four compressed files of three pictures each. */
function writeFiles(directory: string): void {
  mkdirSync(directory, { recursive: true })
  for (const part of ['train', 't10k']) {
    const images = idxBytes(
      [3, 28, 28],
      Uint8Array.from({ length: 3 * 784 }, (_, i) => i % 256),
    )
    writeFileSync(join(directory, `${part}-images-idx3-ubyte.gz`), gzipSync(images))
    writeFileSync(join(directory, `${part}-labels-idx1-ubyte.gz`), gzipSync(idxBytes([3], Uint8Array.of(9, 0, 4))))
  }
}

beforeAll(build, 60_000)
beforeEach(async () => {
  folder = temporaryFolder()
  previous = process.env.FOVEA_CACHE
  process.env.FOVEA_CACHE = join(folder.path, 'cache')
  asked = []
  server = createServer((request, response) => {
    asked.push(request.url)
    response.end('something else')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror`
})
afterEach(async () => {
  if (previous === undefined) delete process.env.FOVEA_CACHE
  else process.env.FOVEA_CACHE = previous
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  folder.remove()
})

describe('Fashion-MNIST', () => {
  it('is read from a folder, with the names of its classes', async () => {
    writeFiles(folder.path)
    const { train, test } = await fashionMnist({ directory: folder.path })
    expect([train.name, train.shape, train.classes.length]).toEqual(['fashion-mnist', [28, 28, 1], 10])
    expect([...test.labels].map(label => test.classes[label])).toEqual(['Ankle boot', 'T-shirt/top', 'Coat'])
    expect(fashionMnistClasses).toHaveLength(10)
    expect(train.images[784]).toBe(784 % 256)
  })

  it('is trained on and scored by the command line, with its own numbers and names', async () => {
    // Each class has a bright row of its own: easy to learn.
    const data = join(folder.path, 'files')
    mkdirSync(data)
    for (const [part, count] of [
      ['train', 240],
      ['t10k', 40],
    ] as const) {
      const labels = Uint8Array.from({ length: count }, (_, i) => (7 * i) % 10)
      const images = Uint8Array.from({ length: count * 784 }, (_, i) => {
        const row = Math.floor((i % 784) / 28)
        return Math.floor(row / 2.8) === labels[Math.floor(i / 784)] ? 200 + (i % 50) : i % 30
      })
      writeFileSync(join(data, `${part}-images-idx3-ubyte.gz`), gzipSync(idxBytes([count, 28, 28], images)))
      writeFileSync(join(data, `${part}-labels-idx1-ubyte.gz`), gzipSync(idxBytes([count], labels)))
    }
    const from = ['--data', 'fashion-mnist', '--data-dir', data]
    const how = ['--validation', '40', '--epochs', '4', '--batch-size', '20', '--quiet', '--json']
    const trained = JSON.parse((await succeed(folder.path, ['train', 'lenet5', ...from, ...how])).stdout)
    expect(trained.test.samples).toBe(40)
    const recipe = JSON.parse(readFileSync(join(folder.path, trained.run, 'recipe.json'), 'utf8'))
    // Mean and standard deviation of the 60,000 published training images: 0.28604 and 0.35302.
    expect(recipe.data).toMatchObject({ name: 'fashion-mnist', normalize: { mean: [0.286], std: [0.353] } })
    expect(eventsOf(join(folder.path, trained.run))[0]).toMatchObject({ trainSamples: 200, validationSamples: 40 })
    const score = JSON.parse((await succeed(folder.path, ['eval', trained.run, '--json', '--quiet'])).stdout)
    expect(score.classes.map((entry: { class: string }) => entry.class)).toEqual([...fashionMnistClasses])
    expect(score.classes.map((entry: { images: number }) => entry.images)).toEqual(new Array(10).fill(4))
    expect(score.accuracy).toBeGreaterThan(0.9)
  }, 300_000)

  it('may be mirrored, as digits may not', async () => {
    writeFiles(folder.path)
    const augment = compose([horizontalFlip()])
    augment.checkLabels((await fashionMnist({ directory: folder.path })).train)
    const digits = (await mnist()).train
    expect(() => augment.checkLabels(digits)).toThrow('the classes of mnist are written symbols')
  })

  it('is taken from the cache without asking anyone', async () => {
    writeFiles(join(folder.path, 'cache', 'fashion-mnist'))
    expect((await fashionMnist({ url })).train.labels).toHaveLength(3)
    expect(asked).toEqual([])
  })

  it('is asked for by file, and what is not the published file is thrown away', async () => {
    const md5 = createHash('md5').update('something else').digest('hex')
    await expect(fashionMnist({ url })).rejects.toThrow(
      `the md5 of the download is ${md5}, expected 8d4fb7e6c68d591d4c3dfef9ec88bf0d; the download was deleted`,
    )
    expect(asked).toEqual(['/mirror/train-images-idx3-ubyte.gz'])
    expect(existsSync(join(folder.path, 'cache', 'fashion-mnist', 'train-images-idx3-ubyte.gz'))).toBe(false)
  })

  it('says in one message that it is offline and what to do', async () => {
    const refused = fashionMnist({ url: 'http://127.0.0.1:1/' })
    await expect(refused).rejects.toThrow(/fashion-mnist is not in the cache .* are you offline\?/)
    await expect(refused).rejects.toThrow(/Give a folder with its four files, or connect and try again/)
  })
})
