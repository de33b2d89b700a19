/** Convolutions and their gradients by Winograd's algorithm as methods: their stages, and their numbers of parts. */

import { winogradOutputs } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { ConvolutionStage, ConvolutionTask, MethodName } from '../../../../cpu/layouts/convolution.ts'
import type { MachineTile } from '../../../emit/tile.ts'
import type { Kernel } from '../../../kernel.ts'
import { winogradCost, winogradSumsCost } from '../cost.ts'
import { wholeTiles } from '../direct/packing.ts'
import { collectKernel, type WeightGradientSpec } from '../direct/weightGradient.ts'
import { type ConvolutionKernels, correlationOf, windowOnly } from '../tasks.ts'
import { winogradInputKernel, winogradKernel, winogradOutputKernel, winogradProductKernel } from './convolution.ts'
import {
  fitsWinogradGradient,
  positions as gradientPositions,
  gradientSizes,
  type WinogradGradientSpec,
  winogradCollectKernel,
  winogradSumsKernel,
} from './gradient.ts'
import { fitsStages, gradientInputKernel, gradientProductsKernel, gradientUpstreamKernel } from './gradientStages.ts'
import { type WinogradSpec, winogradMoments, winogradSizes } from './spec.ts'
import { winogradWeightsKernel } from './weights.ts'

/** Names of these methods. */
export type WinogradName = Extract<MethodName, `winograd ${string}`>

/** Bytes of transformed values in one chunk: about what a core's second-level cache holds beside the weights. */
const chunkBytes = 768 * 1024

/**
 * Up to this many bytes, the whole layer is always transformed at once, and every stage is split between the threads.
 */
const wholeBytes = 4 * 1024 * 1024

/** With fewer tiles in a chunk, weights are read from memory too often. */
const fewTiles = 32

/** The transformed values of a whole layer never take more bytes than this. */
const mostBytes = 64 * 1024 * 1024

/** The methods that can compute a task, with the expected cost of each. */
export function winogradCosts(task: ConvolutionTask, tile: MachineTile): (readonly [WinogradName, number])[] {
  const outputs = winogradOutputs(task)
  if (outputs.length === 0) return []
  if (task.op === 'conv2dWeightGradient') {
    const [parts, whole] = [gradientOf(task, tile, false), gradientOf(task, tile, true)]
    if (!fitsWinogradGradient(parts)) return []
    const costs: [WinogradName, number][] = [['winograd sums', winogradSumsCost(parts)]]
    if (fitsStages(whole) && transformedBytes(whole) <= mostBytes) {
      costs.push(['winograd staged sums', winogradSumsCost(whole)])
    }
    return costs
  }
  if (task.operands[0][1] % 4 !== 0) return []
  return outputs.map(m => [`winograd ${m}×${m}` as WinogradName, winogradCost(specOf(task, m, tile))])
}

/** The numbers of a method whose tiles are all in one chunk. */
function specOf(task: ConvolutionTask, outputs: number, tile: MachineTile): WinogradSpec {
  const { direction, window, source, weights, result } = correlationOf(task, tile)
  const { padding, kernel, stride } = window
  const [top, left] = [padding.top, padding.left]
  const lead = direction === 'forward' ? ([top, left] as const) : ([kernel[0] - 1 - top, kernel[1] - 1 - left] as const)
  const chunk = Number.MAX_SAFE_INTEGER
  return { direction, lead, source, weights, result, stride: stride[0], outputs, tile, chunk }
}

/** A convolution or its input gradient by F(m×m, r×r). */
export function winograd(task: ConvolutionTask, outputs: 2 | 4, tile: MachineTile): ConvolutionKernels {
  const { moments } = task
  const all: WinogradSpec = { ...specOf(task, outputs, tile), ...(moments && { moments }) }
  const { direction, lead, weights, stride } = all
  const ofWeights = { direction, lead, weights, stride, outputs, tile }
  const { tiles, tileColumns, positions, weightPositions, inputStride, productStride, weightStride } =
    winogradSizes(all)
  const weightStage: ConvolutionStage = {
    name: 'transformed weights',
    reads: [1],
    shape: [weightPositions, weightStride / 4],
  }
  const name = outputs === 4 ? 'winograd 4×4' : 'winograd 2×2'
  const bytes = positions * (inputStride + productStride)
  const fitting = Math.max(1, Math.floor((chunkBytes * tiles) / bytes / wholeTiles)) * wholeTiles
  const chunk = moments ? Math.max(1, Math.round(fitting / tileColumns)) * tileColumns : fitting
  const rows = moments && { moments: winogradMoments(all) }
  if (bytes <= wholeBytes || (chunk < fewTiles && bytes <= mostBytes)) {
    const spec: WinogradSpec = { ...all, chunk: tiles }
    return {
      method: {
        name,
        stages: [
          weightStage,
          { name: 'transformed input', reads: [0], shape: [positions, inputStride / 4] },
          { name: 'products', reads: [3, 2], shape: [positions, productStride / 4] },
        ],
        reads: [4],
        workspace: 0,
        tile,
        ...rows,
      },
      stages: [
        () => winogradWeightsKernel(ofWeights),
        () => winogradInputKernel(spec),
        () => winogradProductKernel(spec),
      ],
      finish: epilogue => winogradOutputKernel(spec, epilogue),
    }
  }
  const spec: WinogradSpec = { ...all, chunk }
  const part = winogradSizes(spec)
  const workspace = positions * (part.inputStride + part.productStride)
  return {
    method: { name, stages: [weightStage], reads: [0, 2], workspace, tile, ...rows },
    stages: [() => winogradWeightsKernel(ofWeights)],
    finish: epilogue => winogradKernel(spec, epilogue),
  }
}

/** A weight gradient by F(r×r, m×m). */
export function winogradSums(task: ConvolutionTask, tile: MachineTile, staged: boolean): ConvolutionKernels {
  const spec = gradientOf(task, tile, staged)
  const { parts, partBytes, workspace, xStride, gStride } = gradientSizes(spec)
  const taps = spec.kernel ** 2
  const sums: WeightGradientSpec = {
    window: windowOnly(task.attributes),
    groups: 1,
    x: spec.x,
    g: spec.g,
    weights: task.output,
    tile,
  }
  const ahead: readonly [ConvolutionStage, () => Kernel][] = staged
    ? [
        [
          { name: 'transformed input', reads: [0], shape: [gradientPositions, xStride / 4] },
          () => gradientInputKernel(spec),
        ],
        [
          { name: 'transformed upstream gradient', reads: [1], shape: [gradientPositions, gStride / 4] },
          () => gradientUpstreamKernel(spec),
        ],
        [{ name: 'transformed sums', reads: [2, 3], shape: [1, partBytes / 4] }, () => gradientProductsKernel(spec)],
      ]
    : [
        [
          { name: 'transformed sums', reads: [0, 1], shape: [parts, partBytes / 4], workspace },
          () => winogradSumsKernel(spec),
        ],
      ]
  const transformed = 1 + ahead.length
  return {
    method: {
      name: staged ? 'winograd staged sums' : 'winograd sums',
      stages: [
        ...ahead.map(([stage]) => stage),
        { name: 'sums', reads: [transformed], shape: [taps, spec.g[1], spec.x[1]] },
      ],
      reads: [transformed + 1],
      workspace: 0,
      tile,
    },
    stages: [...ahead.map(([, kernel]) => kernel), () => winogradCollectKernel(spec)],
    // Winograd's sums are [r², K, C] exactly, whatever the tile.
    finish: epilogue => collectKernel(sums, epilogue, { taps, rows: spec.g[1], columns: spec.x[1], tapsMerged: false }),
  }
}

function gradientOf(
  { attributes, operands }: ConvolutionTask,
  tile: MachineTile,
  staged: boolean,
): WinogradGradientSpec {
  const { padding, kernel } = attributes
  return { lead: [padding.top, padding.left], x: operands[0], g: operands[1], kernel: kernel[0], tile, staged }
}

/** Bytes of the transformed tiles of x and g. */
function transformedBytes(spec: WinogradGradientSpec): number {
  const { xStride, gStride } = gradientSizes(spec)
  return gradientPositions * (xStride + gStride)
}
