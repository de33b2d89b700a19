/**
 * Files of weights, whatever the format: safetensors or either form of `torch.save`, recognized by their contents. The
 * same code reads a file on the disk, a download, and a file that was dropped on a page.
 */
import { openPyTorch } from './pytorch.ts'
import { isSafetensors, openSafetensors } from './safetensors.ts'
import { type ByteSource, type FileContents, sourceOf } from './source.ts'
import type { WeightsFile } from './weightsFile.ts'

/**
 * Lists what a file of weights holds; the values of a tensor are read on demand.
 * @param name what to call the file in messages; a `File`'s own name by default
 * @throws WeightsError naming the file and what is wrong with it.
 * @example
 * const { tensors, other } = await openWeights(await (await fetch('checkpoint.pth')).blob())
 * tensors.get('state_dict.conv1.weight') // { dtype: 'float32', shape: [16, 3, 3, 3], read }
 * await tensors.get('state_dict.conv1.weight')!.read() // Float32Array(432)
 * other.get('epoch') // 90
 */
export async function openWeights(contents: FileContents, name?: string): Promise<WeightsFile> {
  return openSource(sourceOf(contents, name))
}

/** {@link openWeights} for a source that is read a range at a time. */
export async function openSource(source: ByteSource): Promise<WeightsFile> {
  return (await isSafetensors(source)) ? openSafetensors(source) : openPyTorch(source)
}
