/** `fovea train`: trains a recipe in a new run folder, or resumes a run folder after any interruption. */

import { basename, resolve } from 'node:path'
import type { Engine } from '../../../backends/engine.ts'
import { StoppedError } from '../../../backends/stoppedError.ts'
import type { ImageCollection, Subset } from '../../../data/dataset.ts'
import { FileError } from '../../../data/fileError.node.ts'
import { workerLoader } from '../../../data/workers.node.ts'
import { fromFirst, sharedError, together } from '../../../distributed/agree.ts'
import type { Communicator } from '../../../distributed/communicator.ts'
import { inParts } from '../../../distributed/inParts.ts'
import { soloCommunicator } from '../../../distributed/solo.ts'
import { type EngineChoices, startEngine } from '../../../recipe/engine.ts'
import { createInitialModel } from '../../../recipe/initialModel.ts'
import { createModel } from '../../../recipe/model.ts'
import { trainingOptions } from '../../../recipe/parts.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { loadSetup, readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { createTrainer } from '../../../recipe/trainer.ts'
import { blamingFunctions } from '../../../recipe/userCode.node.ts'
import { loadData, type RunData } from '../../../runs/data.node.ts'
import { keepFingerprint } from '../../../runs/fingerprint.node.ts'
import { openPretrained } from '../../../runs/pretrained.node.ts'
import { writeResult } from '../../../runs/result.node.ts'
import { RunFolder } from '../../../runs/runFolder.node.ts'
import { readSteering, writeSteering } from '../../../runs/steering.node.ts'
import { hasTensorBoardLog, TensorBoardLog } from '../../../runs/tensorboard.node.ts'
import { finalCheckpoint } from '../../../runs/trainedModel.node.ts'
import type { Evaluation } from '../../../train/evaluate.ts'
import type { TrainEvent } from '../../../train/events.ts'
import type { FeatureOptions } from '../../../train/features.ts'
import { DivergedError, runSession } from '../../../train/session.ts'
import { Steering } from '../../../train/steering.ts'
import type { Trainer, TrainerOptions } from '../../../train/trainer.ts'
import { countTrainable } from '../../../train/trainerOptions.ts'
import { checkImages, reading } from '../../images.ts'
import { defaultRuns } from '../../options.ts'
import { commandOf, type RecipeOptions, resolveOptions, runName } from '../../recipeOptions.ts'
import { exitCodes, InterruptError, UsageError } from '../../terminal/errors.ts'
import { EvaluationProgress, FeatureProgress } from '../../terminal/evaluationProgress.ts'
import { Interrupt } from '../../terminal/interrupt.ts'
import { note, warn } from '../../terminal/output.ts'
import { TrainProgress } from '../../terminal/progress.ts'
import type { LabServer } from '../lab/server.ts'
import { site } from '../lab/site.ts'
import {
  continued,
  type ExistingRun,
  hasBegun,
  openRun,
  policyOf,
  type ResumedRun,
  refuseConflictingOptions,
  resume,
} from './existingRun.ts'
import { checkGroup, forGroup, inGroup, storeOf, threadsIn } from './group.ts'
import { brokenOff, divergedError, showFinished, showResult, showStopped, unwritten } from './outcome.ts'
import { SteerDesk } from './steerDesk.ts'
import { asTrial } from './trialLink.ts'

/** Options that are not part of the recipe. */
export interface TrainOptions extends EngineChoices {
  /** Run folder to resume. */
  readonly resume?: string
  /** Folder for run folders, `runs` by default. */
  readonly out?: string
  /** Name of the run folder, the model's by default. */
  readonly name?: string
  readonly quiet?: boolean
  /** Prints the result as JSON; progress then goes to standard error. */
  readonly json?: boolean
  /** A recipe file. */
  readonly file?: string | undefined
  /** Fields of the recipe: `optimizer.lr=0.05`. */
  readonly set?: readonly string[]
  /** Ends this process's part of the run after an epoch; `--resume` continues. */
  readonly stopAfter?: number
  /** Worker threads that read and augment images; on this thread when absent. */
  readonly workers?: number
  /** True to resume a run although its images have changed. */
  readonly allowChangedData?: boolean
  /** Also writes a TensorBoard event file into the run folder; a run that has one continues it. */
  readonly tensorboard?: boolean
  /** For a trial of a study: the token of the study's claim on it. */
  readonly trial?: string
  /** Serves the Lab's page of this run, which steers it. */
  readonly lab?: boolean
}

/**
 * Trains a model, or resumes training, and prints the result. Processes that `mpirun` or `srun` has started train it
 * together.
 * @returns the exit code
 */
export function train(given: RecipeOptions, options: TrainOptions): Promise<number> {
  const { trial, resume } = options
  if (trial === undefined) return inGroup(group => trainIn(group, given, options))
  if (resume === undefined) throw new UsageError('--trial is for a run to --resume')
  // It is on its own, whoever started its study.
  return asTrial(resume, trial, () => trainIn(soloCommunicator(), given, options))
}

async function trainIn(group: Communicator, given: RecipeOptions, options: TrainOptions): Promise<number> {
  if (options.lab && group.size > 1) {
    throw sharedError(new UsageError('--lab steers a run of one process, not of several'))
  }
  // A run that cannot be shown should not begin, and leave an empty folder.
  if (options.lab) (await labServer()).checkBuilt(site)
  if (options.resume !== undefined) await together(group, async () => refuseConflictingOptions(options))
  const stored = options.resume === undefined ? undefined : await openRun(group, options.resume)
  const { existing, recipe } = await together(group, async () => {
    const existing = stored && continued(stored, given, group)
    const base = options.file === undefined ? {} : await readRecipeFile(options.file, { say: note, data: given.data })
    return { existing, recipe: existing?.recipe ?? forGroup(resolveOptions(given, options.set, base)) }
  })
  if (existing && recipe === existing.known && existing.isFinished) {
    if (existing.folder) await showFinished(existing.folder, options)
    return exitCodes.done
  }
  const { data, engine } = await together(group, async () => {
    const data = await loadData(recipe, { directory: existing && given.dataDir, ...reading })
    for (const note of data.notes) warn(note)
    return { data, engine: await startEngine(recipe, { threads: threadsIn(group), ...options }) }
  })
  try {
    if (existing?.hasBegun) {
      await fromFirst(group, () => checkImages({ run: existing.path, recipe, data }, options.allowChangedData))
    }
    return await blamingFunctions(recipe, () => trainOn(engine, recipe, data, existing, options, group))
  } finally {
    await engine.close()
  }
}

async function trainOn(
  engine: Engine,
  recipe: Recipe,
  data: RunData,
  existing: ExistingRun | undefined,
  options: TrainOptions,
  group: Communicator,
): Promise<number> {
  const isFirst = group.rank === 0
  const isShown = isFirst && !options.quiet
  const stream = options.json ? process.stderr : process.stdout
  const looking = isShown ? new FeatureProgress(stream) : undefined
  const changes = existing ? await fromFirst(group, () => readSteering(existing.path)) : []
  const steering = new Steering(changes)
  const { model, trainer, usual } = await together(group, async () => {
    const setup = await loadSetup(recipe, warn)
    // Only a new run reads pretrained weights: a resumed one has its own.
    const model = existing?.hasBegun
      ? createModel(setup)
      : await createInitialModel(setup, openPretrained(options.quiet ? undefined : note))
    const usual = trainingOptions(setup)
    const { parts, exchange, syncBatchNorm = false } = recipe
    // A resumed run fits its preprocessing again: it may have been stopped before its first checkpoint.
    const trainer = await createTrainer(setup, {
      engine,
      model,
      train: data.train,
      steering,
      ...(data.validation ? { validation: data.validation } : {}),
      ...(options.workers === undefined ? {} : { loader: workerLoader({ workers: options.workers }) }),
      ...(looking && withProgress(usual, (images, of) => looking.update(images, of))),
      ...(parts !== undefined && {
        distribution: inParts({ parts, communicator: group, syncBatchNorm, ...(exchange && { exchange }) }),
      }),
    })
    return { model, trainer, usual }
  })
  await checkGroup(group, { recipe, data, model, engine: engine.description })
  const progress = isShown ? new TrainProgress({ stream }) : undefined
  let desk: SteerDesk | undefined
  let lab: LabServer | undefined
  const interrupt = new Interrupt(() => {
    trainer.stop()
    desk?.stop()
  })
  let folder = existing?.folder
  let board: TensorBoardLog | undefined
  let resumed: ResumedRun = {}
  try {
    resumed = existing ? await resume(group, existing, trainer) : {}
    const events = trainer.run()
    // The first event comes when the step is compiled: until then a new run leaves no trace on the disk.
    const first = await together(group, () => events.next())
    await fromFirst(group, async () => {
      folder ??= await RunFolder.create(
        options.out ?? defaultRuns,
        options.name ?? runName(recipe, options.file),
        recipe,
        policyOf(recipe),
      )
      if (!hasBegun(folder)) await keepFingerprint(folder, data)
      if (options.tensorboard || hasTensorBoardLog(folder.path)) board = new TensorBoardLog(folder.path)
      const own = folder
      desk = new SteerDesk({
        steering,
        store: all => writeSteering(own, all),
        stop: () => trainer.stop(),
        logged: (await folder.events()).filter(event => event.type === 'steer' && event.action === 'rate').length,
      })
      if (options.lab) lab = await serveSteered(folder.path, desk)
    })
    const store = storeOf(group, folder)
    const all = shown(recipe, prepend(first, events))
    const outcome = await runSession({
      trainer,
      events: desk ? desk.steered(all) : all,
      store,
      recipe,
      epochs: recipe.epochs,
      hasValidation: data.validation !== undefined,
      metric: recipe.checkpoints?.best,
      earlyStopping: recipe.earlyStopping,
      // Repeating steps is work of all processes, which the failure of one must not leave in the middle.
      locateBreaks: recipe.alarms !== false && group.size === 1,
      listeners: [...(board ? [board.append.bind(board)] : []), ...(progress ? [progress.event.bind(progress)] : [])],
      progress: resumed.progress,
      stopAfter: options.stopAfter,
    })
    // A bar that is still open would be drawn over the following output.
    progress?.close()
    // Of several processes, one that is told to stop after the last step stays with the others.
    if (!outcome.finished || (interrupt.requested && group.size === 1)) {
      if (folder) await showStopped(folder, outcome, recipe, options)
      return interrupt.requested ? interrupt.exitCode : exitCodes.done
    }
    const final = await fromFirst(group, async () => finalCheckpoint(folder!, recipe))
    if (final === 'best') await trainer.restore(await store.load('best'))
    const test =
      recipe.test && data.test
        ? await evaluateTest(trainer, data.test, group.size === 1 ? interrupt : undefined, progress && stream)
        : undefined
    if (test === 'interrupted') {
      if (folder) await showStopped(folder, outcome, recipe, options)
      return interrupt.exitCode
    }
    if (test) board?.scalars(outcome.step, { 'accuracy/test': test.accuracy, 'loss/test': test.loss })
    if (!folder) return exitCodes.done
    const result = await writeResult({
      folder,
      recipe,
      model,
      command: commandOf(recipe),
      trainable: countTrainable({ ...usual, model }),
      engine: engine.description,
      final,
      ...(test && data.test ? { test: { evaluation: test, images: data.test } } : {}),
    })
    showResult(folder, result, options)
    return exitCodes.done
  } catch (error) {
    if (error instanceof DivergedError) throw sharedError(divergedError(error, folder, recipe, resumed.file))
    if (error instanceof StoppedError && folder) throw await brokenOff(error, folder)
    throw error instanceof FileError ? await unwritten(error, folder) : error
  } finally {
    looking?.close()
    progress?.close()
    interrupt.dispose()
    await lab?.close()
    board?.close()
    await folder?.close()
  }
}

/** Loaded where it is needed, as a server is much. */
const labServer = () => import('../lab/server.ts')

/** Serves the page of a run that steers it, and says where. */
async function serveSteered(path: string, desk: SteerDesk): Promise<LabServer> {
  const { serveLab } = await labServer()
  const run = basename(resolve(path))
  const steered = {
    run,
    get isOver() {
      return desk.isOver
    },
    take: desk.take.bind(desk),
  }
  const server = await serveLab({ port: 0, site, warn, runs: path, steered })
  note(`The Lab shows and steers this run at ${server.address}#screen=runs`)
  return server
}

/** The option for cached features, with a listener for their progress. */
const withProgress = (
  { cacheFeatures }: Pick<TrainerOptions, 'cacheFeatures'>,
  onProgress: NonNullable<FeatureOptions['onProgress']>,
): Pick<TrainerOptions, 'cacheFeatures'> =>
  cacheFeatures ? { cacheFeatures: { ...(cacheFeatures === true ? {} : cacheFeatures), onProgress } } : {}

async function* prepend<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done) return
  yield first.value
  yield* rest
}

/** Hides the notice about the first loss for pretrained networks, whose first loss is not that of an untrained one. */
async function* shown({ pretrained }: Recipe, events: AsyncIterable<TrainEvent>): AsyncGenerator<TrainEvent> {
  for await (const event of events) {
    if (!(pretrained && event.type === 'notice' && event.kind === 'initialLoss')) yield event
  }
}

/** The single evaluation on the test set. @param interrupt may end it; absent for processes that evaluate together */
async function evaluateTest(
  trainer: Trainer,
  images: Subset<ImageCollection>,
  interrupt: Interrupt | undefined,
  stream: NodeJS.WriteStream | undefined,
): Promise<Evaluation | 'interrupted'> {
  const bar = stream && new EvaluationProgress(stream, 'test images', images.indices.length)
  try {
    return await trainer.evaluator.evaluate(images, done => {
      if (interrupt?.requested) throw new InterruptError('stopped')
      bar?.update(done)
    })
  } catch (error) {
    if (error instanceof InterruptError) return 'interrupted'
    throw error
  } finally {
    bar?.close()
  }
}
