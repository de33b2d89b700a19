/** What CPU kernels can do besides their operations: the same for every code generator. */
import type { OpName } from '../../../graph/table.ts'
import type { KernelTraits } from '../../../plan/target.ts'

/** With samples innermost, reductions read stored values. */
export const sampleKernels: KernelTraits = {
  epilogues: new Set<OpName>([
    'matmul',
    'conv2d',
    'conv2dInputGradient',
    'conv2dWeightGradient',
    'reduce',
    'maxPool2d',
    'averagePool2d',
  ]),
  prologues: false,
  floatsOnly: new Set<OpName>([
    'matmul',
    'conv2d',
    'conv2dInputGradient',
    'conv2dWeightGradient',
    'maxPool2d',
    'maxPool2dSwitches',
    'averagePool2d',
    'averagePool2dGradient',
  ]),
}

/** With channels innermost. */
export const channelKernels: KernelTraits = { ...sampleKernels, prologues: true }
