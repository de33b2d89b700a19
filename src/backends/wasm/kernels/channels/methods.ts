/**
 * The ways to compute a convolution on channels-last volumes, and the choice between them.
 *
 * A way is a list of stages, each with its kernel, and the kernel that makes the result. The plan sees the stages
 * (`plan/convolution.ts`) and places them; lowering asks here for their kernels by the name of the method.
 */

import type { Conv2dAttributes } from '../../../../graph/ops/conv2d.ts'
import type { Window2d } from '../../../../graph/window.ts'
import type { ConvolutionMethod, ConvolutionStage, ConvolutionTask } from '../../../../plan/convolution.ts'
import { type Operand, stridesAlong } from '../../access.ts'
import type { Kernel } from '../../kernel.ts'
import type { TileShape } from '../../tile.ts'
import type { EpilogueSpec } from '../epilogue.ts'
import { nestKernel } from '../map.ts'
import { type CorrelationSpec, correlationKernel, correlationMoments, panelsOf } from './correlation.ts'
import { directCost, sumsCost, winogradCost, winogradSumsCost } from './cost.ts'
import { depthwiseKernel, depthwiseWeightsKernel, isDepthwise } from './depthwise.ts'
import { depthwiseCollectKernel, depthwiseSumsKernel } from './depthwiseGradient.ts'
import { type BorderSpec, borderKernel, packKernel, panelSizes } from './packing.ts'
import { type SumLayout, sumLayout, type WeightGradientSpec, weightSumsKernel } from './weightGradient.ts'
import { winogradInputKernel, winogradKernel, winogradOutputKernel, winogradProductKernel } from './winograd.ts'
import {
  fitsWinogradGradient,
  positions as gradientPositions,
  gradientSizes,
  type WinogradGradientSpec,
  winogradCollectKernel,
  winogradSumsKernel,
} from './winogradGradient.ts'
import {
  fitsStages,
  gradientInputKernel,
  gradientProductsKernel,
  gradientUpstreamKernel,
} from './winogradGradientStages.ts'
import { type WinogradSpec, winogradMoments, winogradSizes } from './winogradSpec.ts'
import { winogradWeightsKernel } from './winogradWeights.ts'

/** A method with its kernels. */
export interface ConvolutionKernels {
  readonly method: ConvolutionMethod
  /** Kernel of each stage. Operand addresses: what the stage reads, its result. */
  readonly stages: readonly (() => Kernel)[]
  /**
   * Kernel of the result. Operand addresses: what the method reads, the epilogue's operands, the workspace if the method
   * wants one, the result.
   */
  finish(epilogue: EpilogueSpec): Kernel
}

/** Names of methods. */
export type MethodName =
  | 'direct'
  | 'depthwise'
  | 'winograd 4×4'
  | 'winograd 2×2'
  | 'sums'
  | 'depthwise sums'
  | 'winograd sums'
  | 'winograd staged sums'

/** Options of the choice. */
export interface MethodOptions {
  /** Whether Winograd's algorithm may be used. */
  readonly winograd: boolean
  /** The register tile that suits the machine. */
  readonly tile: TileShape
}

/** The method that should be fastest. */
export function chooseMethod(task: ConvolutionTask, options: MethodOptions): ConvolutionMethod {
  return kernelsOf(task, preferredMethod(task, options), options.tile).method
}

/** A method of a task with its kernels. */
export function kernelsOf(task: ConvolutionTask, name: MethodName | string, tile: TileShape): ConvolutionKernels {
  switch (name) {
    case 'depthwise':
      return depthwise(task, tile)
    case 'winograd 4×4':
      return winograd(task, 4, tile)
    case 'winograd 2×2':
      return winograd(task, 2, tile)
    case 'sums':
      return weightSums(task, tile)
    case 'depthwise sums':
      return depthwiseSums(task, tile)
    case 'winograd sums':
      return winogradSums(task, tile, false)
    case 'winograd staged sums':
      return winogradSums(task, tile, true)
    default:
      return direct(task, tile)
  }
}

function preferredMethod(task: ConvolutionTask, { winograd: allowed, tile }: MethodOptions): MethodName {
  if (task.op === 'conv2dWeightGradient') {
    if (isDepthwise({ groups: task.attributes.groups, weights: task.output })) return 'depthwise sums'
    const whole = gradientOf(task, tile, true)
    if (!allowed || !isPlain3x3(task.attributes) || !fitsWinogradGradient(whole)) return 'sums'
    const parts = gradientOf(task, tile, false)
    const costs: [MethodName, number][] = [
      ['sums', sumsCost(parts)],
      ['winograd sums', winogradSumsCost(parts)],
    ]
    if (fitsStages(whole) && transformedBytes(whole) <= mostBytes) {
      costs.push(['winograd staged sums', winogradSumsCost(whole)])
    }
    return cheapest(costs)
  }
  const spec = correlationOf(task, tile)
  if (isDepthwise(spec)) return 'depthwise'
  if (!allowed || !isPlain3x3(task.attributes) || spec.source[1] % 4 !== 0) return 'direct'
  const costs: readonly (readonly [MethodName, number])[] = [
    ['direct', directCost(spec)],
    ['winograd 2×2', winogradCost(spec, 2)],
    ['winograd 4×4', winogradCost(spec, 4)],
  ]
  return cheapest(costs)
}

function cheapest(costs: readonly (readonly [MethodName, number])[]): MethodName {
  return costs.reduce((best, candidate) => (candidate[1] < best[1] ? candidate : best))[0]
}

/** A 3×3 kernel of stride 1 without dilation or groups. */
function isPlain3x3({ kernel, stride, dilation, groups }: Conv2dAttributes): boolean {
  return groups === 1 && [...stride, ...dilation].every(size => size === 1) && kernel.every(size => size === 3)
}

function gradientOf({ attributes, operands }: ConvolutionTask, tile: TileShape, staged: boolean): WinogradGradientSpec {
  return { lead: [attributes.padding.top, attributes.padding.left], x: operands[0], g: operands[1], tile, staged }
}

/** Bytes of the transformed tiles of x and g. */
function transformedBytes(spec: WinogradGradientSpec): number {
  const { xStride, gStride } = gradientSizes(spec)
  return gradientPositions * (xStride + gStride)
}

function correlationOf({ op, attributes, operands, output }: ConvolutionTask, tile: TileShape): CorrelationSpec {
  const { groups, ...window } = attributes
  return {
    direction: op === 'conv2d' ? 'forward' : 'inputGradient',
    window: windowOnly(window),
    groups,
    source: operands[0],
    weights: operands[1],
    result: output,
    tile,
  }
}

/** Without the attributes that only the gradients have, so that equal windows make equal keys. */
const windowOnly = ({ kernel, stride, padding, dilation }: Window2d): Window2d => ({
  kernel,
  stride,
  padding,
  dilation,
})

/** Source channels below which the taps of a row are read as one run, which needs an image with a border. */
const fewChannels = 16

/** The image with its padding written out, and the window without padding. */
function bordered(
  shape: readonly number[],
  window: Window2d,
): { border: BorderSpec; shape: number[]; window: Window2d } {
  const { top, bottom, left, right } = window.padding
  return {
    border: { shape, top, bottom, left, right },
    shape: [shape[0], shape[1], shape[2] + top + bottom, shape[3] + left + right],
    window: { ...window, padding: { top: 0, bottom: 0, left: 0, right: 0 } },
  }
}

function wantsBorder(channels: number, groups: number, { kernel, padding }: Window2d): boolean {
  return groups === 1 && channels < fewChannels && kernel[1] > 1 && Object.values(padding).some(size => size > 0)
}

/** Row-major shape of a volume that lies channels last. */
const channelsLast = ([batch, channels, height, width]: readonly number[]): number[] => [batch, height, width, channels]

function direct(task: ConvolutionTask, tile: TileShape): ConvolutionKernels {
  const plain = correlationOf(task, tile)
  const border =
    plain.direction === 'forward' && wantsBorder(plain.source[1], plain.groups, plain.window)
      ? bordered(plain.source, plain.window)
      : undefined
  const still: CorrelationSpec = border ? { ...plain, source: border.shape, window: border.window } : plain
  const measured: CorrelationSpec | undefined = task.moments && { ...still, moments: task.moments }
  const moments = measured && correlationMoments(measured)
  const spec = moments && measured ? measured : still
  const panels = panelsOf(spec)
  const { sums, width, panels: perGroup } = panelSizes(panels)
  const stages: ConvolutionStage[] = [
    { name: 'packed weights', reads: [1], shape: [spec.groups * perGroup, panels.taps.length, sums, width] },
  ]
  if (border) stages.push({ name: 'bordered input', reads: [0], shape: channelsLast(border.shape) })
  return {
    method: {
      name: 'direct',
      stages,
      reads: [border ? 3 : 0, 2],
      workspace: 0,
      tile,
      ...(moments && { moments }),
    },
    stages: [() => packKernel(panels), ...(border ? [() => borderKernel(border.border)] : [])],
    finish: epilogue => correlationKernel(spec, epilogue),
  }
}

function depthwise(task: ConvolutionTask, tile: TileShape): ConvolutionKernels {
  const spec = correlationOf(task, tile)
  const [channels, , height, width] = spec.weights
  return {
    method: {
      name: 'depthwise',
      stages: [{ name: 'packed weights', reads: [1], shape: [height * width, channels] }],
      reads: [0, 2],
      workspace: 0,
      tile,
    },
    stages: [() => depthwiseWeightsKernel(spec)],
    finish: epilogue => depthwiseKernel(spec, epilogue),
  }
}

/** Transformed values of one chunk: about what a core's second-level cache holds beside the weights. */
const chunkBytes = 768 * 1024

/** Transformed values up to this size are always made for the whole layer, and every stage is split between the threads. */
const wholeBytes = 4 * 1024 * 1024

/** Chunks are whole register tiles of four or of six rows. */
const wholeTiles = 12

/** With fewer tiles in a chunk, weights are read from memory too often. */
const fewTiles = 32

/** Transformed values of the whole layer never take more memory than this. */
const mostBytes = 64 * 1024 * 1024

function winograd(task: ConvolutionTask, outputs: 2 | 4, tile: TileShape): ConvolutionKernels {
  const { direction, window, source, weights, result } = correlationOf(task, tile)
  const { moments } = task
  const { top, left } = window.padding
  const lead = direction === 'forward' ? ([top, left] as const) : ([2 - top, 2 - left] as const)
  const shapes = { direction, lead, source, weights, result, outputs, tile, ...(moments && { moments }) }
  const all: WinogradSpec = { ...shapes, chunk: Number.MAX_SAFE_INTEGER }
  const { tiles, tileColumns, positions, inputStride, productStride, weightStride } = winogradSizes(all)
  const weightStage: ConvolutionStage = {
    name: 'transformed weights',
    reads: [1],
    shape: [positions, weightStride / 4],
  }
  const name = `winograd ${outputs}×${outputs}`
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
        () => winogradWeightsKernel({ direction, weights, outputs, tile }),
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
    stages: [() => winogradWeightsKernel({ direction, weights, outputs, tile })],
    finish: epilogue => winogradKernel(spec, epilogue),
  }
}

function weightSums({ attributes, operands, output }: ConvolutionTask, tile: TileShape): ConvolutionKernels {
  const { groups } = attributes
  const [x, g] = operands
  const border = wantsBorder(x[1], groups, attributes) ? bordered(x, windowOnly(attributes)) : undefined
  const spec: WeightGradientSpec = {
    window: border?.window ?? windowOnly(attributes),
    groups,
    x: border?.shape ?? x,
    g,
    weights: output,
    tile,
  }
  const layout = sumLayout(spec)
  const stages: ConvolutionStage[] = border
    ? [{ name: 'bordered input', reads: [0], shape: channelsLast(border.shape) }]
    : []
  stages.push({
    name: 'sums',
    reads: [border ? 2 : 0, 1],
    shape: [groups, layout.taps, layout.rows, layout.columns],
  })
  return {
    method: { name: 'sums', stages, reads: [border ? 3 : 2], workspace: 0, tile },
    stages: [...(border ? [() => borderKernel(border.border)] : []), () => weightSumsKernel(spec)],
    finish: epilogue => collectKernel(spec, epilogue),
  }
}

function depthwiseSums({ attributes, operands, output }: ConvolutionTask, tile: TileShape): ConvolutionKernels {
  const spec = { window: windowOnly(attributes), x: operands[0], g: operands[1], weights: output }
  const [channels, , height, width] = output
  return {
    method: {
      name: 'depthwise sums',
      stages: [{ name: 'sums', reads: [0, 1], shape: [height * width, channels] }],
      reads: [2],
      workspace: 0,
      tile,
    },
    stages: [() => depthwiseSumsKernel(spec)],
    finish: epilogue => depthwiseCollectKernel(spec, epilogue),
  }
}

function winogradSums(task: ConvolutionTask, tile: TileShape, staged: boolean): ConvolutionKernels {
  const spec = gradientOf(task, tile, staged)
  const { parts, partBytes, workspace, xStride, gStride } = gradientSizes(spec)
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
        { name: 'sums', reads: [transformed], shape: [9, spec.g[1], spec.x[1]] },
      ],
      reads: [transformed + 1],
      workspace: 0,
      tile,
    },
    stages: [...ahead.map(([, kernel]) => kernel), () => winogradCollectKernel(spec)],
    // Winograd's sums are [9, K, C] exactly, whatever the tile.
    finish: epilogue =>
      collectKernel(sums, epilogue, { taps: 9, rows: spec.g[1], columns: spec.x[1], tapsMerged: false }),
  }
}

/** Brings sums into the order of the weights. Operand addresses: sums, epilogue operands, weight gradient. */
function collectKernel(
  spec: WeightGradientSpec,
  epilogue: EpilogueSpec,
  { taps, rows, columns, tapsMerged }: Omit<SumLayout, 'tileColumns'> = sumLayout(spec),
): Kernel {
  const { groups, weights } = spec
  const [outChannels, groupChannels, height, width] = weights
  const tap = rows * columns * 4
  const perGroup = outChannels / groups
  const sums = tapsMerged
    ? [taps * tap, columns * 4, 4, tap, groupChannels * 4]
    : [taps * tap, columns * 4, 4, width * tap, tap]
  const result: Operand = { shape: weights, dtype: 'f32', block: 0 }
  const dimensions = weights.map((size, axis) => ({ axis, size, stride: 1 }))
  const others = [...epilogue.operands, result].map(operand => {
    const [perChannel, ...rest] = stridesAlong(operand, dimensions, weights)
    return [perChannel * perGroup, perChannel, ...rest]
  })
  const dtypes = ['f32' as const, ...epilogue.operands.map(({ dtype }) => dtype)]
  const sizes = [groups, perGroup, groupChannels, height, width]
  return nestKernel(epilogue.expression, dtypes, { sizes, strides: [sums, ...others] })
}
