/**
 * The network of a run that began with an ONNX file. The run keeps its own copy, `network/NAME.onnx` with the weights in
 * files beside it, so that it does not depend on a file that may change or go.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { makeFolder, writing } from '../data/fileError.node.ts'
import { RecipeError } from '../recipe/errors.ts'
import { isOnnxFile, type NetworkFile, openNetworkFile } from '../recipe/networkFile.node.ts'
import { type CodeReference, isCode } from '../recipe/rules.ts'
import { isRecord } from '../rules/record.ts'

/** Sub-folder of a run folder. */
const folderName = 'network'

/**
 * Copies the network of a recipe into a run folder: what was read when the recipe was resolved, not what may be there
 * now.
 * @returns the recipe as the folder stores it
 * @throws RecipeError when the file has changed since the recipe was resolved; FileError when it cannot be written
 */
export async function keepNetwork(folder: string, recipe: unknown): Promise<unknown> {
  const model = networkOf(recipe)
  if (!model || isInside(folder, model.file)) return asStored(folder, recipe)
  const { contents, sha256 } = await openNetworkFile(model.file, model.sha256)
  if (sha256 !== model.sha256) throw new RecipeError(`${model.file}: was changed while the run began: begin again`)
  const file = join(folder, folderName, basename(model.file))
  await writeContents(file, contents)
  return asStored(folder, { ...(recipe as object), model: { ...model, file } })
}

/** A recipe as its run folder stores it: a network that lies in the folder is named by its path there. */
export function asStored<T>(folder: string, recipe: T): T {
  const model = networkOf(recipe)
  if (!model || !isInside(folder, model.file)) return recipe
  const file = relative(resolve(folder), resolve(model.file)).split(sep).join('/')
  return { ...recipe, model: { ...model, file } }
}

const networkOf = (recipe: unknown): CodeReference | undefined =>
  isRecord(recipe) && isCode(recipe.model) && isOnnxFile(recipe.model.file) ? recipe.model : undefined

const isInside = (folder: string, file: string): boolean => resolve(file).startsWith(resolve(folder) + sep)

async function writeContents(file: string, { bytes, external }: NetworkFile['contents']): Promise<void> {
  const folder = dirname(file)
  await makeFolder(folder)
  await writing(file, () => writePieces(file, [{ offset: 0, bytes }]))
  for (const location of new Set(external.map(piece => piece.location))) {
    const pieces = external.filter(piece => piece.location === location)
    const beside = join(folder, location)
    // A file may hold weights of its own outside of the graph.
    if (beside === file) continue
    await makeFolder(dirname(beside))
    await writing(beside, () => writePieces(beside, pieces))
  }
}

async function writePieces(
  path: string,
  pieces: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const { offset, bytes } of pieces) await writeAll(file, bytes, offset)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Systems write at most 2 GiB at a time. */
async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30), offset + done)
    done += bytesWritten
  }
}
