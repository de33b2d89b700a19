/**
 * The package `sharp`, which decodes and encodes pictures. It is large and made for Node, so it is not installed with
 * Fovea: those who build pages have no use for it. It is loaded with the first picture, because it takes longer to load
 * than everything else together.
 */
import { DatasetError } from './errors.ts'

/** Loads sharp. @throws DatasetError saying how to install it. */
export async function loadSharp(): Promise<typeof import('sharp').default> {
  const loaded = await import('sharp').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new DatasetError('pictures are read by the npm package sharp, which is missing: run `npm install sharp`', {
      cause: error,
    })
  })
  return loaded.default
}
