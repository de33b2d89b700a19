/**
 * Fashion-MNIST: 60,000 + 10,000 gray pictures of clothes, 28 × 28, ten classes; made as a harder replacement for
 * MNIST.
 *
 * Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
 * algorithms", 2017.
 */
import { join } from 'node:path'
import type { DatasetSplits } from './dataset.ts'
import { cacheFolder, type DownloadProgress, download, inCache } from './download.node.ts'
import { DatasetError } from './errors.ts'
import { fashionMnistClasses } from './fashionMnist.ts'
import { makeFolder } from './fileError.node.ts'
import { mnist } from './mnist.node.ts'

/** Source of the files of {@link fashionMnist}. */
export interface FashionMnistSource {
  /** Folder with the four files as published, plain or `.gz`; nothing is downloaded then. */
  readonly directory?: string
  /** Address to download the files from instead of the official ones; they must have the same contents. */
  readonly url?: string
  readonly onProgress?: DownloadProgress
}

/** The official files with their MD5. */
const files = {
  'train-images-idx3-ubyte.gz': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
  'train-labels-idx1-ubyte.gz': '25c81989df183df01b3e8a0aad5dffbe',
  't10k-images-idx3-ubyte.gz': 'bef4ecab320f06d8554ea6380940ec79',
  't10k-labels-idx1-ubyte.gz': 'bb300cfdad3c16e7a12a480ee83cd310',
} as const

/** The authors' bucket, and their repository. */
const officialUrls = [
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
] as const

/**
 * Fashion-MNIST, images `[28, 28, 1]`, from a folder, from the user's cache, or downloaded (30 MB, checked by MD5).
 *
 * @throws DatasetError when a file is missing, broken, or cannot be downloaded.
 * @example const { train, test } = await fashionMnist()
 */
export async function fashionMnist(source: FashionMnistSource = {}): Promise<DatasetSplits> {
  const directory = source.directory ?? (await fetched(source))
  return mnist({ directory, name: 'fashion-mnist', classes: fashionMnistClasses })
}

/** The folder of the files in the cache; missing files are downloaded first. */
async function fetched({ url, onProgress }: FashionMnistSource): Promise<string> {
  const folder = join(cacheFolder(), 'fashion-mnist')
  await inCache(folder, makeFolder)
  const places = url === undefined ? officialUrls : [url.endsWith('/') ? url : `${url}/`]
  for (const [file, hex] of Object.entries(files)) {
    const failures: string[] = []
    for (const place of places) {
      try {
        const hash = { algorithm: 'md5', hex } as const
        await download({ url: place + file, path: join(folder, file), hash, ...(onProgress && { onProgress }) })
        failures.length = 0
        break
      } catch (error) {
        if (!(error instanceof DatasetError)) throw error
        failures.push(error.message)
      }
    }
    if (failures.length === 0) continue
    throw new DatasetError(
      `fashion-mnist is not in the cache (${folder}) and cannot be downloaded: ${failures.join('; ')}. ` +
        'Give a folder with its four files, or connect and try again.',
    )
  }
  return folder
}
