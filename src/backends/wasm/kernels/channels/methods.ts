/**
 * The methods to compute a convolution on channels-last volumes, and the choice between them.
 *
 * A method is a list of stages, each with its kernel, and the kernel that makes the result. The plan sees the stages
 * (`cpu/layouts/convolution.ts`) and places them; lowering requests their kernels here by the name of the method.
 */

import type { Window2d } from '../../../../graph/window.ts'
import type {
  ConvolutionMethod,
  ConvolutionStage,
  ConvolutionTask,
  MethodName,
} from '../../../cpu/layouts/convolution.ts'
import type { MachineTile } from '../../emit/tile.ts'
import { directCost, sumsCost } from './cost.ts'
import { type CorrelationSpec, correlationKernel, correlationMoments, panelsOf } from './direct/correlation.ts'
import { depthwiseKernel, depthwiseWeightsKernel, isDepthwise } from './direct/depthwise.ts'
import { depthwiseCollectKernel, depthwiseSumsKernel } from './direct/depthwiseGradient.ts'
import { type BorderSpec, borderKernel, packKernel, panelSizes } from './direct/packing.ts'
import { collectKernel, sumLayout, type WeightGradientSpec, weightSumsKernel } from './direct/weightGradient.ts'
import { type ConvolutionKernels, correlationOf, windowOnly } from './tasks.ts'
import { winograd, winogradCosts, winogradSums } from './winograd/methods.ts'

/** Options of the choice. */
export interface MethodOptions {
  /** Whether Winograd's algorithm may be used. */
  readonly winograd: boolean
  /** The register tile that suits the machine. */
  readonly tile: MachineTile
}

/** The method expected to be fastest. */
export function chooseMethod(task: ConvolutionTask, options: MethodOptions): ConvolutionMethod {
  return kernelsOf(task, preferredMethod(task, options), options.tile).method
}

/** The latest method of a task: each of its stages is lowered from it. */
const latest = new WeakMap<ConvolutionTask, ConvolutionKernels>()

/**
 * A method of a task with its kernels.
 * @throws Error when there is no method of that name.
 */
export function kernelsOf(task: ConvolutionTask, name: MethodName, tile: MachineTile): ConvolutionKernels {
  const known = latest.get(task)
  if (known?.method.name === name && known.method.tile === tile) return known
  const kernels = makeKernels(task, name, tile)
  latest.set(task, kernels)
  return kernels
}

function makeKernels(task: ConvolutionTask, name: MethodName, tile: MachineTile): ConvolutionKernels {
  switch (name) {
    case 'direct':
      return direct(task, tile)
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
      throw new Error(`no method of convolution is called '${name satisfies never}'`)
  }
}

function preferredMethod(task: ConvolutionTask, { winograd: allowed, tile }: MethodOptions): MethodName {
  const others = allowed ? winogradCosts(task, tile) : []
  if (task.op === 'conv2dWeightGradient') {
    if (isDepthwise({ groups: task.attributes.groups, weights: task.output })) return 'depthwise sums'
    return cheapest([['sums', sumsCost(task, tile)], ...others])
  }
  const spec = correlationOf(task, tile)
  return isDepthwise(spec) ? 'depthwise' : cheapest([['direct', directCost(spec)], ...others])
}

function cheapest(costs: readonly (readonly [MethodName, number])[]): MethodName {
  return costs.reduce((best, candidate) => (candidate[1] < best[1] ? candidate : best))[0]
}

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

/** Row-major shape of a volume stored channels last. */
const channelsLast = ([batch, channels, height, width]: readonly number[]): number[] => [batch, height, width, channels]

function direct(task: ConvolutionTask, tile: MachineTile): ConvolutionKernels {
  const plain = correlationOf(task, tile)
  const border =
    plain.direction === 'forward' && wantsBorder(plain.source[1], plain.groups, plain.window)
      ? bordered(plain.source, plain.window)
      : undefined
  const still: CorrelationSpec = border ? { ...plain, source: border.shape, window: border.window } : plain
  const measured: CorrelationSpec = { ...still, ...(task.moments && { moments: task.moments }) }
  const moments = correlationMoments(measured)
  const spec = moments ? measured : still
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

function depthwise(task: ConvolutionTask, tile: MachineTile): ConvolutionKernels {
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

function weightSums({ attributes, operands, output }: ConvolutionTask, tile: MachineTile): ConvolutionKernels {
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

function depthwiseSums({ attributes, operands, output }: ConvolutionTask, tile: MachineTile): ConvolutionKernels {
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
