/** Files of weights from bytes in memory, for the tests of the readers. */
import type { TensorArray, WeightsFile } from '../../src/formats/index.ts'
import { bytesSource } from '../../src/formats/source.ts'
import { openSource } from '../../src/formats/weights.ts'

/** What a file holds. */
export const openBytes = (bytes: Uint8Array, name = 'file'): Promise<WeightsFile> =>
  openSource(bytesSource(bytes, name))

/** The values of all its tensors. */
export async function valuesOf({ tensors }: WeightsFile): Promise<Map<string, TensorArray>> {
  const values = new Map<string, TensorArray>()
  for (const [path, tensor] of tensors) values.set(path, await tensor.read())
  return values
}
