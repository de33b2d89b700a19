/** Fashion-MNIST from a folder, from the cache, and from a server on this machine that is not what it should be. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compose } from '../../src/augment/compose.ts'
import { horizontalFlip } from '../../src/augment/flip.ts'
import { fashionMnist } from '../../src/data/fashionMnist.node.ts'
import { fashionMnistClasses } from '../../src/data/fashionMnist.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { temporaryFolder } from '../support/fovea.ts'
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
      `the md5 of what came is ${md5}, expected 8d4fb7e6c68d591d4c3dfef9ec88bf0d; it was thrown away`,
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
