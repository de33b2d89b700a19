/** The normalization layers, each held to the suite of all layers. */
import {
  batchNorm1d,
  batchNorm2d,
  groupNorm,
  instanceNorm1d,
  instanceNorm2d,
  layerNorm,
  localResponseNorm,
} from '../../src/nn/index.ts'
import { describeLayers } from './layerSuite.ts'

const affine = (channels: number) =>
  ({ parameters: { weight: [channels], bias: [channels] }, fixedInitialWeights: true }) as const
const statistics = (channels: number) => ({
  running_mean: [channels],
  running_var: [channels],
  num_batches_tracked: [],
})

describeLayers([
  {
    name: 'batchNorm2d',
    make: () => batchNorm2d(3),
    input: [4, 3, 3, 2],
    output: [4, 3, 3, 2],
    ...affine(3),
    buffers: statistics(3),
    differsInTraining: true,
  },
  {
    name: 'batchNorm2d, cumulative average, without parameters',
    make: () => batchNorm2d(2, { momentum: 'cumulative', affine: false }),
    input: [2, 2, 3, 3],
    output: [2, 2, 3, 3],
    buffers: statistics(2),
    differsInTraining: true,
  },
  {
    name: 'batchNorm2d without running statistics',
    make: () => batchNorm2d(2, { trackRunningStats: false }),
    input: [2, 2, 3, 3],
    output: [2, 2, 3, 3],
    ...affine(2),
  },
  {
    name: 'batchNorm1d of features',
    make: () => batchNorm1d(5),
    input: [4, 5],
    output: [4, 5],
    ...affine(5),
    buffers: statistics(5),
    differsInTraining: true,
  },
  {
    name: 'batchNorm1d of series',
    make: () => batchNorm1d(3),
    input: [2, 3, 5],
    output: [2, 3, 5],
    ...affine(3),
    buffers: statistics(3),
    differsInTraining: true,
  },
  {
    name: 'layerNorm',
    make: () => layerNorm(6),
    input: [3, 6],
    output: [3, 6],
    ...affine(6),
  },
  {
    name: 'layerNorm over two axes',
    make: () => layerNorm([3, 4]),
    input: [2, 2, 3, 4],
    output: [2, 2, 3, 4],
    parameters: { weight: [3, 4], bias: [3, 4] },
    fixedInitialWeights: true,
  },
  { name: 'groupNorm', make: () => groupNorm(2, 6), input: [2, 6, 3, 2], output: [2, 6, 3, 2], ...affine(6) },
  { name: 'instanceNorm1d', make: () => instanceNorm1d(3), input: [2, 3, 5], output: [2, 3, 5] },
  { name: 'instanceNorm2d', make: () => instanceNorm2d(3), input: [2, 3, 3, 4], output: [2, 3, 3, 4] },
  {
    name: 'instanceNorm2d with parameters',
    make: () => instanceNorm2d(3, { affine: true }),
    input: [2, 3, 3, 4],
    output: [2, 3, 3, 4],
    ...affine(3),
  },
  {
    name: 'localResponseNorm',
    make: () => localResponseNorm(5, { alpha: 0.3 }),
    input: [2, 7, 3, 2],
    output: [2, 7, 3, 2],
  },
  {
    name: "localResponseNorm, even size, PyTorch's alpha",
    make: () => localResponseNorm(4, { alpha: 0.5, k: 1, divideAlphaBySize: true }),
    input: [2, 3, 3, 2],
    output: [2, 3, 3, 2],
  },
])
