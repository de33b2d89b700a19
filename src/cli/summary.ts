/** `fovea summary`: the layer table of a model and the memory that training it takes, without training it; drawn on request. */
import { resolve } from 'node:path'
import { wasmPlanOptions } from '../backends/wasm/planOptions.ts'
import type { WideChoice } from '../backends/wasm/wide.ts'
import { formatBytes, formatSummary, type Summary, summarize } from '../inspect/index.ts'
import { findModel, models } from '../models/index.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import { crossEntropy } from '../nn/losses.ts'
import { normalize } from '../nn/normalize.ts'
import { sgd } from '../optim/index.ts'
import { makePlan, type Plan } from '../plan/plan.ts'
import type { Program } from '../plan/program.ts'
import { volumes } from '../plot/volumes.ts'
import { writeAtomic } from '../train/atomicFile.node.ts'
import { type ImageShape, predictionProgram, trainingProgram } from '../train/programs.ts'
import { trainingDefaults } from './defaults.ts'
import { CommandError, exitCodes, UsageError } from './errors.ts'
import { formatKernels, listKernels } from './kernels.ts'
import { unknownName } from './names.ts'
import { print, printJson } from './output.ts'
import { summaryPage } from './summaryPage.ts'
import { foveaVersion } from './version.ts'

/** Options of {@link summary}. */
export interface SummaryOptions {
  /** Images in a training step. */
  readonly batch: number
  readonly json?: boolean
  /** Prints the plan of the training step as well. */
  readonly plan?: boolean
  /** Times the kernels of this program and lists them. */
  readonly kernels?: 'training' | 'inference'
  /** Whether those kernels have wide vectors. */
  readonly wide?: WideChoice
  /** File for the drawing of the volumes. */
  readonly svg?: string
  /** File for a page with the drawing and the layer table. */
  readonly html?: string
}

/**
 * Shows the layers of a model and its training plan, and writes the files asked for.
 * @returns the exit code
 * @throws UsageError for an unknown model; CommandError when a file cannot be written.
 */
export async function summary(name: string, options: SummaryOptions): Promise<number> {
  const { batch, json, plan: showPlan, kernels: task, wide = 'off', svg, html } = options
  if (!Object.hasOwn(models, name)) throw new UsageError(unknownName('model', name, Object.keys(models)))
  if (svg !== undefined && html !== undefined && resolve(svg) === resolve(html)) {
    throw new UsageError(`--svg and --html: both name ${svg}; they need two files`)
  }
  const entry = findModel(name)
  const plan = planTraining(name, batch)
  const table = summarize(entry.create().assignPaths(), entry.inputShape, { batch, arenaBytes: plan.arenaBytes })
  const files = await writeDrawings(name, table, plan.scratchBytes, options)
  const program = task === 'inference' ? inferenceOf(name, batch) : trainingOf(name, batch)
  const listing = task && (await listKernels(program, wide))
  if (json) {
    const { arenaBytes, scratchBytes, multiplyAdds, block } = plan
    printJson({
      model: name,
      ...table,
      training: {
        batch,
        arenaBytes,
        scratchBytes,
        multiplyAdds,
        block,
        ...(showPlan ? { plan: plan.toString() } : {}),
      },
      ...(listing ? { kernels: { task, batch, ...listing } } : {}),
    })
    return exitCodes.done
  }
  print(`${name}: ${entry.description}`, entry.reference, '', formatSummary(table))
  if (plan.scratchBytes > 0) print(`Each thread has ${formatBytes(plan.scratchBytes)} of its own besides.`)
  if (showPlan) print('', `The plan of a training step (SGD with momentum, ${batch} images):`, plan.toString())
  if (listing) print('', `The kernels of ${task}, ${batch} images:`, formatKernels(listing))
  if (files.length > 0) print('', ...files.map(file => `Drawn in ${file}`))
  return exitCodes.done
}

/** Writes the drawing, and the page around it. @returns the files written */
async function writeDrawings(
  name: string,
  table: Summary,
  scratchBytes: number,
  { svg, html }: SummaryOptions,
): Promise<string[]> {
  const { description, reference } = findModel(name)
  const written: string[] = []
  const write = async (file: string, contents: string): Promise<void> => {
    try {
      await writeAtomic(file, contents)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const reason = { ENOENT: 'there is no such folder', EISDIR: 'it is a folder' }[code ?? ''] ?? message
      throw new CommandError(`${file}: cannot be written: ${reason}`)
    }
    written.push(file)
  }
  if (svg !== undefined) await write(svg, `${volumes(table.rows, { title: `The volumes of ${name}` })}\n`)
  if (html !== undefined) {
    const version = foveaVersion()
    await write(html, summaryPage({ name, description, reference, summary: table, scratchBytes, version }))
  }
  return written
}

/** The plan of a training step, as the WebAssembly backend makes it. */
export function planTraining(name: string, batch: number): Plan {
  return makePlan(trainingOf(name, batch), wasmPlanOptions())
}

/** A training step of a model that has not been trained. */
function trainingOf(name: string, batch: number): Program {
  const { lr, momentum, weightDecay } = trainingDefaults
  const optimizer = sgd({ lr, momentum, weightDecay })
  return trainingProgram(classifier(name), imageShape(name), batch, crossEntropy(), optimizer)
}

/** The predictions of a model that has not been trained. */
function inferenceOf(name: string, batch: number): Program {
  return predictionProgram(classifier(name), imageShape(name), batch, false)
}

function imageShape(name: string): ImageShape {
  const [channels, height, width] = findModel(name).inputShape
  return [height, width, channels]
}

/** A model behind the scaling of its images. */
function classifier(name: string): ImageClassifier {
  const { create, inputShape } = findModel(name)
  const [channels] = inputShape
  const scale = { mean: new Array<number>(channels).fill(0.5), std: new Array<number>(channels).fill(0.5) }
  return new ImageClassifier(normalize(scale), create())
}
