/** What the browser tests train: the package, the data, and the same training in a process of Node. */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { mnist } from '../../src/data/index.node.ts'
import { idxBytes } from '../data/writeIdx.ts'
import { buildPackage } from './buildPackage.ts'

/** Steps of `train50`, and images in each. */
export const steps = 50
const batch = 128

/** How to train. */
export interface TrainingOptions {
  readonly threads: number
  readonly precise: boolean
}

/** What `train50` returns. */
export interface Training {
  readonly engine: { readonly backend: string; readonly threads: number; readonly simd: string }
  /** Loss of every step. */
  readonly losses: readonly number[]
  /** Median time of a step after the first. */
  readonly milliseconds: number
  /** Hash of all weights. */
  readonly sha256: string
}

/** Where things are. */
export interface Material {
  /** The built package. */
  readonly package: string
  /** IDX files `images` and `labels`: the first 6,400 digits of MNIST's training set. */
  readonly data: string
}

/** Builds the package and writes the data into a folder. */
export async function prepareMaterial(folder: string): Promise<Material> {
  const material = { package: join(folder, 'package'), data: join(folder, 'data') }
  mkdirSync(material.data)
  const { train } = await mnist()
  const count = steps * batch
  writeFileSync(join(material.data, 'images'), idxBytes([count, 28, 28], train.images.subarray(0, count * 784)))
  writeFileSync(join(material.data, 'labels'), idxBytes([count], train.labels.subarray(0, count)))
  await buildPackage(material.package)
  return material
}

/** Trains in a process of its own, of this Node or another. */
export async function trainInNode(
  material: Material,
  options: TrainingOptions,
  node = process.execPath,
): Promise<Training> {
  const script = fileURLToPath(new URL('trainInNode.js', import.meta.url))
  const paths = [material.package, join(material.data, 'images'), join(material.data, 'labels')]
  const { stdout } = await promisify(execFile)(node, [script, ...paths, JSON.stringify(options)])
  return JSON.parse(stdout) as Training
}
