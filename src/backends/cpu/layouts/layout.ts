/**
 * Layout: chooses how volumes are stored, and gives every step its operands in a layout it understands.
 *
 * Logical shapes are PyTorch's everywhere (`[N, C, H, W]`). Convolutions have two physical layouts, one per program:
 * samples innermost (`sampleLayout.ts`), for networks with few channels on large batches, and channels innermost
 * (`channelLayout.ts`), for all others.
 */
import { batchOf } from '../../../plan/batching.ts'
import { type Program, programGraph } from '../../../plan/program.ts'
import type { LayoutChoice } from '../../../plan/target.ts'
import { ChannelLayout } from './channelLayout.ts'
import type { ConvolutionChooser } from './convolution.ts'
import type { CpuForm } from './form.ts'
import { chooseBlock, SampleLayout } from './sampleLayout.ts'

/** What decides the layout of volumes. */
export interface CpuLayoutOptions {
  /**
   * Block sizes the backend can compute with, largest first; the largest that divides the batch into enough blocks is
   * used.
   */
  readonly blockSizes: readonly number[]
  /** How the backend computes convolutions channels last; absent when it cannot. */
  readonly convolutions?: ConvolutionChooser
  /** Which values are innermost in volumes; by default the program's convolutions decide. */
  readonly innermost?: 'samples' | 'channels'
}

/** Decides layouts for a program. @throws ShapeError when it is inconsistent. */
export function cpuLayout(program: Program, options: CpuLayoutOptions): LayoutChoice<CpuForm> {
  const { blockSizes, convolutions } = options
  if (convolutions && (options.innermost ?? preferred(program, blockSizes)) === 'channels') {
    return new ChannelLayout(program, convolutions).run()
  }
  return new SampleLayout(program, blockSizes).run()
}

/** Channels in a pair of vector registers: with fewer, channel lanes stay empty. */
const enoughChannels = 8

/**
 * Samples innermost where blocks of samples fill vectors and most of the work has too few channels to do so (LeNet-5);
 * channels innermost elsewhere.
 */
function preferred(program: Program, blockSizes: readonly number[]): 'samples' | 'channels' {
  const { order } = programGraph(program)
  if (chooseBlock(batchOf(order), blockSizes) < 4) return 'channels'
  let [few, all] = [0, 0]
  for (const tensor of order) {
    if (tensor.op !== 'conv2d') continue
    const [out, channels, height, width] = tensor.inputs[1].shape
    const work = tensor.shape[0] * tensor.shape[2] * tensor.shape[3] * out * channels * height * width
    all += work
    if (Math.min(out, tensor.inputs[0].shape[1]) < enoughChannels) few += work
  }
  return few * 2 >= all ? 'samples' : 'channels'
}
