/** A run that is resumed: what is in its folder, what options may change of it, and the way back to its last checkpoint. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fromFirst } from '../../../distributed/agree.ts'
import type { Communicator } from '../../../distributed/communicator.ts'
import { parseStoredRecipe } from '../../../recipe/files.node.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { changeLength } from '../../../runs/changeLength.node.ts'
import { resultFile } from '../../../runs/result.node.ts'
import { RunFolder, type RunFolderOptions } from '../../../runs/runFolder.node.ts'
import type { Progress } from '../../../train/checkpoint.ts'
import { withFileName } from '../../../train/namedCheckpoint.ts'
import { bestEpoch } from '../../../train/session.ts'
import type { Trainer } from '../../../train/trainer.ts'
import { type RecipeOptions, refuseConflicts } from '../../recipeOptions.ts'
import { UsageError } from '../../terminal/errors.ts'
import { warn } from '../../terminal/output.ts'
import { checkpointOfFirst } from './group.ts'

/** Options of the command that a resumed run does not have. */
interface ConflictingOptions {
  readonly out?: string
  readonly name?: string
  readonly file?: string | undefined
  readonly set?: readonly string[]
}

/** A run folder that is there, as all processes know it. */
interface StoredRun {
  readonly path: string
  /** On the first process only: the others may be on hosts that do not see it. */
  readonly folder: RunFolder | undefined
  /** JSON. */
  readonly recipe: unknown
  /** Whether it has a checkpoint to resume from; without one it starts over. */
  readonly hasBegun: boolean
  readonly isFinished: boolean
}

/** A run to resume. */
export interface ExistingRun extends Omit<StoredRun, 'recipe'> {
  /** Its recipe so far. */
  readonly known: Recipe
  /** That recipe, possibly with another number of epochs. */
  readonly recipe: Recipe
}

/** A run folder, as its first process finds it. @throws Error when it is none */
export async function openRun(group: Communicator, path: string): Promise<StoredRun> {
  let folder: RunFolder | undefined
  const facts = await fromFirst(group, async () => {
    folder = await RunFolder.open(path)
    const isFinished = existsSync(join(path, resultFile))
    return { recipe: folder.recipe, hasBegun: hasBegun(folder), isFinished }
  })
  return { path, folder, ...facts }
}

/** @throws UsageError for options that a resumed run cannot have. */
export function refuseConflictingOptions(options: ConflictingOptions): void {
  for (const option of ['out', 'name'] as const) {
    if (options[option] !== undefined) {
      throw new UsageError(`--${option} conflicts with --resume: a resumed run stays in its folder`)
    }
  }
  const more = options.file ?? (options.set ? `--set ${options.set[0]}` : undefined)
  if (more !== undefined) {
    throw new UsageError(`${more} conflicts with --resume: a resumed run takes everything from its recipe`)
  }
}

/** The run to resume. @throws UsageError for options that contradict its recipe. */
export function continued(
  { recipe: held, ...stored }: StoredRun,
  given: RecipeOptions,
  { size }: Communicator,
): ExistingRun {
  const known = parseStoredRecipe(held, join(stored.path, 'recipe.json'))
  if (size > 1 && known.parts === undefined) {
    throw new UsageError(
      `${stored.path}: its batches are not cut into parts, so ${size} processes cannot share them; resume it without mpirun`,
    )
  }
  const { epochs = known.epochs, ...rest } = given
  refuseConflicts(rest, known)
  const recipe = epochs === known.epochs ? known : parseStoredRecipe({ ...known, epochs }, `--epochs ${epochs}`)
  return { ...stored, known, recipe }
}

/** Whether a run has a checkpoint to resume from; without one it starts over. */
export const hasBegun = ({ path }: RunFolder): boolean => existsSync(join(path, 'latest'))

/** Which checkpoints a run keeps. */
export function policyOf({ checkpoints }: Recipe): RunFolderOptions {
  const { keep, every } = checkpoints ?? {}
  return {
    ...(keep === undefined ? {} : { keep }),
    // A checkpoint after an epoch is at the beginning of the next one.
    ...(every === undefined ? {} : { keepAlways: ({ epoch }) => epoch > 1 && (epoch - 1) % every === 0 }),
  }
}

/** The state from which a run resumes; empty for a new run. */
export interface ResumedRun {
  readonly progress?: Progress
  /** The checkpoint's file. */
  readonly file?: string | undefined
}

/** Goes back to the last checkpoint. */
export async function resume(group: Communicator, run: ExistingRun, trainer: Trainer): Promise<ResumedRun> {
  const { folder, known, recipe } = run
  let file: string | undefined
  const checkpoint = await checkpointOfFirst(
    group,
    folder &&
      (async () => {
        const resumed = await folder.resume(policyOf(recipe))
        for (const warning of resumed.warnings) warn(warning)
        file = resumed.file
        return resumed.checkpoint
      }),
  )
  if (checkpoint) await withFileName(file ?? 'the checkpoint', () => trainer.restore(checkpoint))
  await fromFirst(group, async () => {
    if (!folder) return
    if (recipe !== known) for (const note of await changeLength(folder, known, recipe, checkpoint?.progress)) warn(note)
    if (!checkpoint) return
    const { progress } = checkpoint
    // After a crash between a checkpoint and its line in the log, everything after the file is repeated.
    const last = (await folder.events()).at(-1)
    if (last?.type !== 'checkpoint') {
      await folder.save({ ...checkpoint, recipe }, { best: bestEpoch(progress)?.step === progress.step })
    }
  })
  return checkpoint ? { progress: checkpoint.progress, ...(file !== undefined && { file }) } : {}
}
