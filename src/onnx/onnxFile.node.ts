/** ONNX files by their path, with the separate files that hold their weights. */
import { basename, dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { readWhole, withFile } from '../formats/source.node.ts'
import type { ExternalData } from './elements.ts'
import { OnnxError } from './errors.ts'
import { readOnnx } from './file.ts'
import { OnnxNetwork } from './network.ts'

/** Bytes of a file that holds weights of a model. */
export interface ExternalPiece {
  /** Its path, relative to the model's folder, as the model states it. */
  readonly location: string
  readonly offset: number
  readonly bytes: Uint8Array
}

/** A network, and everything that was read for it. */
export interface ReadNetwork {
  readonly network: OnnxNetwork
  /** The model's own file. */
  readonly bytes: Uint8Array
  /** What was read of other files, in the order of the model. */
  readonly external: readonly ExternalPiece[]
}

/** A network of a file. @throws OnnxError, WeightsError */
export async function importOnnxFile(path: string, external: ExternalData = besides(path)): Promise<OnnxNetwork> {
  return new OnnxNetwork(await readOnnx(await readWhole(path), { file: basename(path), external, copy: false }))
}

/** A network of a file, whose bytes are kept: each is read once. @throws OnnxError, WeightsError */
export async function readOnnxFile(path: string): Promise<ReadNetwork> {
  const bytes = await readWhole(path)
  const external: ExternalPiece[] = []
  const read = besides(path)
  const keep: ExternalData = async (location, offset, length) => {
    const piece = await read(location, offset, length)
    external.push({ location, offset, bytes: piece })
    return piece
  }
  const file = await readOnnx(bytes, { file: basename(path), external: keep, copy: false })
  return { network: new OnnxNetwork(file), bytes, external }
}

/** Reads files of the model's own folder only: a model names them, and its names cannot be trusted. */
function besides(path: string): ExternalData {
  return async (location, offset, length) => {
    const inside = normalize(location)
    if (isAbsolute(location) || inside === '..' || inside.startsWith(`..${sep}`) || location.includes('\0')) {
      throw new OnnxError(`weights lie in '${location}', which is outside of the model's folder`)
    }
    return withFile(join(dirname(path), inside), async source => {
      const end = length === undefined ? source.size : offset + length
      if (end > source.size)
        throw new OnnxError(`'${location}' holds ${source.size} bytes, the model reads ${end} of it`)
      return source.read(offset, end)
    })
  }
}
