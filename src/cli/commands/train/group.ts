/**
 * The processes of one `fovea train`: who they are, what must be equal for all, and a run folder that all use and only
 * the first one reads and writes.
 */
import { availableParallelism, cpus } from 'node:os'
import process from 'node:process'
import type { EngineDescription } from '../../../backends/engine.ts'
import { broadcastBytes, checkEqual, fromFirst, isShared } from '../../../distributed/agree.ts'
import { type Communicator, nameOf } from '../../../distributed/communicator.ts'
import { usualParts } from '../../../distributed/inParts.ts'
import { launched } from '../../../distributed/launcher.node.ts'
import { openMpi } from '../../../distributed/mpi.node.ts'
import { soloCommunicator } from '../../../distributed/solo.ts'
import type { Module } from '../../../nn/module.ts'
import { parseStoredRecipe } from '../../../recipe/files.node.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { version } from '../../../recipe/version.ts'
import { isRecord } from '../../../rules/record.ts'
import type { RunData } from '../../../runs/data.node.ts'
import { summaryOf } from '../../../runs/fingerprint.node.ts'
import type { RunFolder } from '../../../runs/runFolder.node.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../../train/checkpoint.ts'
import type { RunStore } from '../../../train/session.ts'
import { exitCodeOf, exitCodes, speakAs } from '../../terminal/errors.ts'
import { mute } from '../../terminal/output.ts'

/** Whether `mpirun` or `srun` has started this process. */
const isLaunched = (): boolean => launched() !== undefined

/**
 * Runs a command in the group that this process belongs to, and returns its exit code, the highest of all processes.
 *
 * An error that all processes have is told by the first. One that the others cannot know of ends them all: its message
 * names the process.
 */
export async function inGroup(command: (group: Communicator) => Promise<number>): Promise<number> {
  if (!isLaunched()) return command(soloCommunicator())
  const group = await openMpi()
  if (group.size === 1) return command(group)
  if (group.rank !== 0) mute()
  let [isOver, isTold] = [false, false]
  const leave = async (): Promise<void> => {
    await group.close()
    isOver = true
  }
  // However this process ends, if it is not together with the others: they must not wait for it.
  process.on('exit', code => {
    if (isOver) return
    if (!isTold) {
      process.stderr.write(
        `fovea: ${nameOf(group, group.rank)}: ended with exit code ${code} before the others were done\n`,
      )
    }
    group.abort(code === 0 ? exitCodes.failed : code)
  })
  try {
    const code = Int32Array.of(await command(group))
    await group.allReduce(code, 'max')
    await leave()
    return code[0]!
  } catch (error) {
    if (!isShared(error)) {
      isTold = true
      speakAs(nameOf(group, group.rank))
      throw error
    }
    const code = Int32Array.of(exitCodeOf(error))
    await group.allReduce(code, 'max')
    await leave()
    if (group.rank === 0) throw error
    return code[0]!
  }
}

/** A recipe for a group: in parts, unless it says in how many. @throws RecipeError when batches cannot be cut */
export const forGroup = (recipe: Recipe): Recipe =>
  isLaunched() && recipe.parts === undefined
    ? parseStoredRecipe({ ...recipe, parts: usualParts }, 'processes that train together')
    : recipe

/** The threads of each process when nobody says how many: the cores of a host are shared by the processes on it. */
export function threadsIn({ size, rank, hosts }: Communicator): number | undefined {
  if (size === 1 || (process.env.FOVEA_THREADS ?? '') !== '') return undefined
  const neighbors = hosts.filter(host => host === hosts[rank]).length
  // A launcher may have bound the process to some of the cores.
  return Math.max(1, Math.min(availableParallelism(), Math.floor(cpus().length / neighbors)))
}

/** Fields of a recipe by name, down to those that hold no fields. @param above path of the value */
function leavesOf(value: unknown, above = ''): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return { [`the recipe's ${above}`]: value }
  const inner = Object.entries(value).map(([field, held]) => leavesOf(held, above === '' ? field : `${above}.${field}`))
  // A folder may lie elsewhere on another host; what it contains is in the fingerprint.
  const { "the recipe's data.directory": _folder, ...leaves } = Object.assign({}, ...inner)
  return leaves
}

/** Compares what decides the bits of a run. @throws GroupError naming what differs, and for whom */
export async function checkGroup(
  group: Communicator,
  run: { readonly recipe: Recipe; readonly data: RunData; readonly model: Module; readonly engine: EngineDescription },
): Promise<void> {
  if (group.size === 1) return
  const { recipe, data, model, engine } = run
  const { fovea: _version, ...fields } = recipe
  const {
    threads: _threads,
    alone: _alone,
    detail: _detail,
    ...computing
  } = engine as EngineDescription & Readonly<Record<string, unknown>>
  await checkEqual(group, {
    'the version of Fovea': version,
    ...leavesOf(fields),
    'the fingerprint of the images': summaryOf(data),
    'the shapes of the parameters': Object.fromEntries(
      [...model.parameters()].map(([path, { shape }]) => [path, shape]),
    ),
    'what computes': computing,
    'the version of V8': process.versions.v8,
    'the processor': process.arch,
  })
}

/**
 * The store of a run of a group: the first process logs and saves, and gives the others what it reads.
 * @param folder open for writing, on the first process
 */
export function storeOf(
  group: Communicator,
  folder: RunFolder | undefined,
): RunStore & {
  load(which: 'latest' | 'best'): Promise<Checkpoint>
} {
  if (group.size === 1 && folder) return folder
  return {
    log: event => folder?.log(event),
    async save(checkpoint, options) {
      const { step, epoch } = checkpoint.progress
      return folder ? folder.save(checkpoint, options) : { type: 'checkpoint', step, epoch, file: '' }
    },
    async load(which) {
      return (await checkpointOfFirst(group, folder && (() => folder.load(which))))!
    },
  }
}

/** A checkpoint that the first process has read, on all of them; undefined when there is none. */
export async function checkpointOfFirst(
  group: Communicator,
  read: (() => Promise<Checkpoint | undefined>) | undefined,
): Promise<Checkpoint | undefined> {
  if (group.size === 1) return read?.()
  let checkpoint: Checkpoint | undefined
  let tensors: Uint8Array<ArrayBuffer> = new Uint8Array()
  const description = await fromFirst(group, async () => {
    checkpoint = await read?.()
    const encoded = checkpoint && (await encodeCheckpoint(checkpoint))
    tensors = encoded?.tensors ?? tensors
    return encoded?.description ?? null
  })
  if (description === null) return undefined
  const bytes = await broadcastBytes(group, tensors)
  return checkpoint ?? decodeCheckpoint({ tensors: bytes, description })
}
