/** Checkpoints of a run as the Lab opens them: which there are, and the weights of one, verified. */
import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { writeSafetensors } from '../../formats/safetensors.ts'
import { isRecord } from '../../rules/record.ts'
import { weightsOf } from '../../train/checkpoint.ts'
import { checkpointName, checkpointStep, checkpointSteps, readCheckpoint } from '../checkpointFile.node.ts'
import { withRelativePaths } from '../relativePaths.node.ts'
import { readOwnJson } from './ownJson.node.ts'
import type { NetworkReply } from './protocol.ts'

/**
 * The network of a run and its checkpoints, newest first.
 * @param path of the run folder, without links
 */
export async function networkOf(path: string): Promise<NetworkReply> {
  const recipe = await readOwnJson(join(path, 'recipe.json'))
  const folder = join(path, 'checkpoints')
  const isOwn = (await realpath(folder).catch(() => undefined)) === folder
  const steps = isOwn ? await checkpointSteps(folder) : []
  const [last, best] = await Promise.all(['latest', 'best'].map(name => pointed(path, name)))
  const checkpoints = steps.reverse().map(step => ({ step, isLast: step === last, isBest: step === best }))
  const problem = problemOf(recipe)
  return { checkpoints, ...(problem === undefined ? { recipe: withRelativePaths(recipe) } : { problem }) }
}

/**
 * The weights of a checkpoint as a safetensors file, by their names in the model; averaged ones where there are some.
 * @param path of the run folder, without links
 * @returns undefined when there is no such checkpoint
 * @throws CheckpointError when it is damaged
 */
export async function weightsAt(path: string, step: number): Promise<Uint8Array | undefined> {
  const file = join(path, 'checkpoints', checkpointName(step))
  if ((await realpath(file).catch(() => undefined)) !== file) return undefined
  return writeSafetensors(weightsOf(await readCheckpoint(file)))
}

/** The step that `latest` or `best` names. */
async function pointed(path: string, name: string): Promise<number | undefined> {
  const file = join(path, name)
  if ((await realpath(file).catch(() => undefined)) !== file) return undefined
  return checkpointStep((await readFile(file, 'utf8')).trim().split('/').at(-1)!)
}

/** Why a page cannot make the network of a recipe; undefined when it may. */
function problemOf(recipe: Record<string, unknown> | undefined): string | undefined {
  if (!recipe) return 'The run has no recipe that can be read.'
  const { model } = recipe
  if (!isRecord(model) || typeof model.file !== 'string') return undefined
  return model.file.endsWith('.onnx')
    ? 'Its network is an ONNX file. Build opens such files; `fovea inspect` looks into the run.'
    : 'Its network is a function of somebody’s own file, which a page does not run. `fovea inspect` looks into the run.'
}
