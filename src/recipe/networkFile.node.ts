/** ONNX files as networks that classify pictures: the door through which commands, recipes and runs open them. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Module } from '../nn/module.ts'
import type { OnnxNetwork } from '../onnx/network.ts'
import type { ReadNetwork } from '../onnx/onnxFile.node.ts'
import { asPictureNetwork, type PictureInput, pictureInput } from '../onnx/pictureNetwork.ts'
import type { ImageShape } from '../train/programs.ts'
import { RecipeError } from './errors.ts'

/** Whether a word names an ONNX file: a recipe that consists only of a network with its weights. */
export const isOnnxFile = (word: string): boolean => word.toLowerCase().endsWith('.onnx')

/** A network of an ONNX file. */
export interface NetworkFile extends PictureInput {
  /** Where it was read from, absolute. */
  readonly path: string
  /** SHA-256 of everything that was read: the file, and the weights in files beside it. */
  readonly sha256: string
  /** What the file says, and its weights; without a softmax at its end. */
  readonly network: OnnxNetwork
  /** What was read, to be stored elsewhere. */
  readonly contents: Pick<ReadNetwork, 'bytes' | 'external'>
  /** A network with its own weights, those of the file, from pictures to logits: see {@link asPictureNetwork}. */
  create(): Module
}

/**
 * The network that was read last: a command that resolves a recipe, and then makes its model, reads the file once. So
 * what it hashes is what it trains.
 */
let latest: NetworkFile | undefined

/**
 * Reads an ONNX file.
 * @param known hash of the contents that are wanted; if they were read last, they are not read again
 * @throws RecipeError when the file is gone, or its network does not take pictures; OnnxError, WeightsError
 */
export async function openNetworkFile(file: string, known?: string): Promise<NetworkFile> {
  const path = resolve(file)
  if (latest?.path === path && latest.sha256 === known) return latest
  if (!existsSync(path)) throw new RecipeError(`${file}: no such file`)
  const { readOnnxFile } = await import('../onnx/onnxFile.node.ts')
  const { network: whole, ...contents } = await readOnnxFile(path)
  const network = whole.withoutSoftmax()
  const input = pictureInput(network)
  if (!input) {
    const found = whole.inputs.map(({ name, type, shape }) => `${name} ${type} [${shape?.join(', ') ?? '…'}]`)
    throw new RecipeError(
      `${file}: takes no pictures: expected one input [N, channels, height, width] or [N, height, width, channels], got ${found.join(' and ') || 'none'}`,
    )
  }
  latest = {
    ...{ ...input, path, sha256: hashOf(contents), network, contents },
    create: () => asPictureNetwork(network.copy(), input),
  }
  return latest
}

function hashOf({ bytes, external }: NetworkFile['contents']): string {
  const hash = createHash('sha256').update(bytes)
  for (const piece of external) hash.update(piece.bytes)
  return hash.digest('hex')
}

/** @throws RecipeError for a network that takes the bytes of pictures, and so contains its own preprocessing */
export function refuseBytes(file: string, { bytes }: PictureInput): void {
  if (!bytes) return
  throw new RecipeError(
    `${file}: takes bytes, so its preprocessing is inside, and a run has its own: export the network without it (of Fovea's, with --preprocessing outside)`,
  )
}

/** The size of the pictures of a network: given, or what its file says. @throws RecipeError when neither is there */
export function pictureShape(file: string, { shape }: PictureInput, given?: ImageShape): ImageShape {
  const found = given ?? shape
  if (found) return found
  throw new RecipeError(`${file}: does not say the size of its pictures: add --input CxHxW`)
}
