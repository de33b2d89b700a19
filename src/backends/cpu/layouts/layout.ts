/**
 * Layout: chooses how volumes lie in memory, and makes every step see its operands in a layout it understands.
 *
 * Logical shapes are PyTorch's everywhere (`[N, C, H, W]`). Two physical layouts serve convolutions, one per program:
 * samples innermost (`sampleLayout.ts`), for networks of few channels on large batches, and channels innermost
 * (`channelLayout.ts`), for all others.
 */
import type { Tensor } from '../../../graph/tensor.ts'
import type { Variable } from '../../../graph/variable.ts'
import type { Step } from '../../../plan/fuse.ts'
import { type Program, programGraph } from '../../../plan/program.ts'
import { ChannelLayout } from './channelLayout.ts'
import type { ConvolutionChooser } from './convolution.ts'
import { chooseBlock, SampleLayout } from './sampleLayout.ts'

/** How a value lies in memory: row-major, in blocks of samples (`[N / b, …, b]`), or channels last (`[N, H, W, C]`). */
export type Layout = 'rows' | 'blocked' | 'channels'

/** Steps with their layouts decided. */
export interface LayoutChoice {
  readonly steps: readonly Step[]
  /** Steps that may run block by block. */
  readonly blockable: ReadonlySet<Step>
  readonly block: number
  readonly blocks: number
  /** Layout of a storage. */
  layoutOf(tensor: Tensor): Layout
  /** Storage of values whose axis 0 is cut into blocks, in either layout. */
  readonly sliced: ReadonlySet<Tensor>
  readonly inputs: readonly Tensor[]
  readonly outputs: Readonly<Record<string, Tensor>>
  /** New values of variables, row-major. */
  readonly updates: ReadonlyMap<Variable, Tensor>
  multiplyAdds(step: Step): number
  /** Whether a blocked step reads only its own block of an operand. */
  slices(step: Step, tensor: Tensor): boolean
}

/** What a backend can do with volumes. */
export interface LayoutOptions {
  /**
   * Block sizes the backend can compute with, largest first; the largest that divides the batch into enough blocks is
   * used. Empty: samples are not grouped and every value is row-major.
   */
  readonly blockSizes: readonly number[]
  /** How the backend computes convolutions channels last; absent when it cannot. */
  readonly convolutions?: ConvolutionChooser
  /** Which values lie innermost in volumes; by default chosen by the program's convolutions. */
  readonly innermost?: 'samples' | 'channels'
}

/** Decides layouts for a program. @throws ShapeError when batched inputs differ in batch size. */
export function assignLayouts(program: Program, options: LayoutOptions): LayoutChoice {
  const { blockSizes, convolutions } = options
  if (convolutions && (options.innermost ?? preferred(program, blockSizes)) === 'channels') {
    return new ChannelLayout(program, convolutions).run()
  }
  return new SampleLayout(program, blockSizes).run()
}

/** Channels of a vector register pair: with fewer, channel lanes stay empty. */
const enoughChannels = 8

/**
 * Samples innermost where blocks of samples fill vectors and most of the work has too few channels to do so (LeNet-5);
 * channels innermost elsewhere.
 */
function preferred(program: Program, blockSizes: readonly number[]): 'samples' | 'channels' {
  const { order, inputs } = programGraph(program)
  const batch = inputs.find(({ source }) => source?.kind === 'input' && source.batched)?.shape[0] ?? 1
  if (chooseBlock(batch, blockSizes) < 4) return 'channels'
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
