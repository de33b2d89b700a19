/**
 * `fovea summary`: the layer table of a network and the memory that training it takes, without training it; drawn on
 * request. For a file of weights, its tensors.
 */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { createWasmEngine } from '../../../backends/wasm/engine.ts'
import type { WasmEngineOptions } from '../../../backends/wasm/options.ts'
import { wasmTarget } from '../../../backends/wasm/target.ts'
import { ShapeError } from '../../../graph/shape.ts'
import { formatSummary, type NetworkGraph, networkGraph, type Summary, summarize } from '../../../inspect/index.ts'
import { models } from '../../../models/index.ts'
import { formatPlan } from '../../../plan/format.ts'
import { makePlan } from '../../../plan/plan.ts'
import { networkDrawing } from '../../../plot/networkDrawing.ts'
import { volumes } from '../../../plot/volumes.ts'
import { version } from '../../../recipe/version.ts'
import { summaryPage } from '../../../report/summaryPage.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { formatBytes, tableBytes } from '../../../text/format.ts'
import { unknownName } from '../../../text/names.ts'
import { largestBatch } from '../../../train/largestBatch.ts'
import { exitCodes, UsageError } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'
import { formatKernels, listKernels } from './kernels.ts'
import { type InputShape, type Subject, subjectOf } from './subject.ts'
import { weightsSummary } from './weights.ts'

/** Options of {@link summary}. */
export interface SummaryOptions {
  /** Size of the images, when it differs from the one the network is made for. */
  readonly input?: InputShape
  /** Images in a training step; the recipe's, or 128, by default. */
  readonly batch?: number
  readonly json?: boolean
  /** Prints the plan of the training step as well. */
  readonly plan?: boolean
  /** Times the kernels of this program and lists them. */
  readonly kernels?: 'training' | 'inference'
  /** Whether those kernels have wide vectors. */
  readonly wide?: WasmEngineOptions['wide']
  /** Whether those kernels are machine code. */
  readonly native?: WasmEngineOptions['native']
  /** File for the drawing of the volumes. */
  readonly svg?: string
  /** File for the drawing of the network as a graph. */
  readonly graph?: string
  /** File for a page with both drawings and the layer table. */
  readonly html?: string
}

/** Default number of images in a training step. */
const usualBatch = 128

/**
 * Shows the layers of a network and its training plan, or the tensors of a file of weights; and writes the requested
 * files.
 * @param word a model's name, a recipe file, a run folder, or a file of weights
 * @returns the exit code
 * @throws UsageError for any other word, and for images that the network does not take; FileError when a file cannot be
 * written.
 */
export async function summary(word: string, options: SummaryOptions): Promise<number> {
  const { input, json, plan: showPlan, kernels: task, wide = 'off', native = 'off' } = options
  checkFiles(options)
  const subject = await subjectOf(word, input)
  if (!subject) return summaryOfFile(word, options)
  const { batch = subject.batch ?? usualBatch } = options
  const plan = taking(word, input, () => makePlan(subject.trainingProgram(batch), wasmTarget()))
  const table = summarize(subject.create().assignPaths(), subject.input, { batch, arenaBytes: plan.arenaBytes })
  const files = await writeDrawings(subject, table, plan.scratchBytes, options)
  const program = task === 'inference' ? subject.predictionProgram(batch) : subject.trainingProgram(batch)
  const listing = task && (await listKernels(program, { wide, native }))
  const excess = await excessOf(subject, batch)
  if (json) {
    const { arenaBytes, scratchBytes, multiplyAdds, block } = plan
    printJson({
      model: word,
      ...table,
      training: {
        batch,
        arenaBytes,
        scratchBytes,
        multiplyAdds,
        block,
        ...(excess && { excess }),
        ...(showPlan ? { plan: formatPlan(plan) } : {}),
      },
      ...(listing ? { kernels: { task, batch, ...listing } } : {}),
    })
    return exitCodes.done
  }
  const { description, reference = [] } = subject
  print(`${word}: ${description}`, ...[reference].flat(), '', formatSummary(table))
  if (plan.scratchBytes > 0) print(`Each thread has ${formatBytes(plan.scratchBytes, tableBytes)} of its own besides.`)
  if (excess) print(describeExcess(excess, batch))
  if (showPlan) print('', `The plan of a training step (${subject.training}, ${batch} images):`, formatPlan(plan))
  if (listing) print('', `The kernels of ${task}, ${batch} images:`, formatKernels(listing))
  if (files.length > 0) print('', ...files.map(file => `Drawn in ${file}`))
  return exitCodes.done
}

/** Options that name a file to write. */
const fileOptions = ['svg', 'graph', 'html'] as const

/** @throws UsageError when two of them name one file */
function checkFiles(options: SummaryOptions): void {
  const named = fileOptions.flatMap(name => (options[name] === undefined ? [] : [{ name, file: options[name] }]))
  for (const [k, { name, file }] of named.entries()) {
    const other = named.slice(k + 1).find(later => resolve(later.file) === resolve(file))
    if (other) throw new UsageError(`--${name} and --${other.name}: both name ${file}; they need two files`)
  }
}

/** A training step too large for an engine: weights, optimizer, arena, and the private memory of one thread. */
interface Excess {
  readonly bytes: number
  readonly limit: number
  /** Absent when not even one image fits. */
  readonly largestBatch?: number
}

/** The excess of a training step over the memory that an engine can address; undefined when it fits. */
async function excessOf(subject: Subject, batch: number): Promise<Excess | undefined> {
  const engine = createWasmEngine({ threads: 1 })
  try {
    const need = engine.memoryFor(subject.trainingProgram(batch))
    if (need.bytes <= need.limit) return undefined
    const bytesOf = (size: number): number => engine.memoryFor(subject.trainingProgram(size)).bytes
    const largest = largestBatch(bytesOf, batch, need.limit)
    return { ...need, ...(largest !== undefined && { largestBatch: largest }) }
  } finally {
    await engine.close()
  }
}

function describeExcess({ bytes, limit, largestBatch: most }: Excess, batch: number): string {
  const fits = most === undefined ? 'not even one image fits' : `the largest batch that fits is ${most}`
  return `Training with ${batch} images a step does not fit: it needs ${formatBytes(bytes, tableBytes)}, an engine can address ${formatBytes(limit, tableBytes)}; ${fits}.`
}

/** Options that need layers. */
const layerOptions = ['input', 'batch', 'plan', 'kernels', ...fileOptions] as const

/**
 * The tensors of a file of weights.
 * @throws UsageError for a word that names no file, and for options that need layers
 */
async function summaryOfFile(word: string, options: SummaryOptions): Promise<number> {
  if (!existsSync(word)) {
    const isPath = /[/\\.]/.test(word)
    throw new UsageError(isPath ? `${word}: no such file or folder` : unknownName('model', word, Object.keys(models)))
  }
  const given = layerOptions.find(name => options[name] !== undefined)
  if (given)
    throw new UsageError(`--${given}: ${word} is a file of weights, which does not describe layers; name a model`)
  await weightsSummary(word, options)
  return exitCodes.done
}

/** Runs code that needs images that the network takes. @throws UsageError when it does not take them */
function taking<T>(word: string, input: InputShape | undefined, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (!(error instanceof ShapeError) || !input) throw error
    throw new UsageError(`--input ${input.join('x')}: ${word} does not take such images: ${error.message}`, {
      cause: error,
    })
  }
}

/** Writes the drawings, and the page around them. @returns the files written */
async function writeDrawings(
  { name, description, reference, create, input }: Subject,
  table: Summary,
  scratchBytes: number,
  { svg, graph, html }: SummaryOptions,
): Promise<string[]> {
  const written: string[] = []
  const write = async (file: string, contents: string): Promise<void> => {
    await writeAtomic(file, contents)
    written.push(file)
  }
  if (svg !== undefined) await write(svg, `${volumes(table.rows, { title: `The volumes of ${name}` })}\n`)
  if (graph === undefined && html === undefined) return written
  const network: NetworkGraph = networkGraph(create().assignPaths(), input)
  if (graph !== undefined) await write(graph, `${networkDrawing(network, { title: `The graph of ${name}` })}\n`)
  if (html !== undefined) {
    await write(
      html,
      summaryPage({
        name,
        description,
        ...(reference !== undefined && { reference }),
        summary: table,
        graph: network,
        scratchBytes,
        version,
      }),
    )
  }
  return written
}
