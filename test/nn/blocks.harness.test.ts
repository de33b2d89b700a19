/** The building blocks of the architectures, each held to the suite of all layers. */
import { ZeroPadShortcut } from '../../src/models/cifarResnet.ts'
import { Inception } from '../../src/models/googlenet.ts'
import { BasicBlock, Bottleneck } from '../../src/models/resnet.ts'
import { SEModule } from '../../src/models/senet.ts'
import { describeLayers } from './layerSuite.ts'

const norm = (name: string, channels: number) => ({ [`${name}.weight`]: [channels], [`${name}.bias`]: [channels] })
const statistics = (name: string, channels: number) => ({
  [`${name}.running_mean`]: [channels],
  [`${name}.running_var`]: [channels],
  [`${name}.num_batches_tracked`]: [],
})

const bottleneck = {
  parameters: {
    'conv1.weight': [2, 4, 1, 1],
    ...norm('bn1', 2),
    'conv2.weight': [2, 2, 3, 3],
    ...norm('bn2', 2),
    'conv3.weight': [8, 2, 1, 1],
    ...norm('bn3', 8),
    'downsample.0.weight': [8, 4, 1, 1],
    ...norm('downsample.1', 8),
  },
  buffers: {
    ...statistics('bn1', 2),
    ...statistics('bn2', 2),
    ...statistics('bn3', 8),
    ...statistics('downsample.1', 8),
  },
  differsInTraining: true,
} as const

describeLayers([
  {
    name: 'residual block, identity shortcut',
    make: () => new BasicBlock(3, 3),
    input: [2, 3, 4, 4],
    output: [2, 3, 4, 4],
    parameters: {
      'conv1.weight': [3, 3, 3, 3],
      ...norm('bn1', 3),
      'conv2.weight': [3, 3, 3, 3],
      ...norm('bn2', 3),
    },
    buffers: { ...statistics('bn1', 3), ...statistics('bn2', 3) },
    differsInTraining: true,
  },
  {
    name: 'bottleneck, projection shortcut, v1.5',
    make: () => new Bottleneck(4, 2, 2),
    input: [2, 4, 5, 4],
    output: [2, 8, 3, 2],
    ...bottleneck,
  },
  {
    name: 'bottleneck, projection shortcut, v1',
    make: () => new Bottleneck(4, 2, 2, 'v1'),
    input: [2, 4, 5, 4],
    output: [2, 8, 3, 2],
    ...bottleneck,
  },
  { name: 'shortcut A', make: () => new ZeroPadShortcut(2, 6, 2), input: [2, 2, 5, 4], output: [2, 6, 3, 2] },
  {
    name: 'squeeze-and-excitation',
    make: () => new SEModule(8, 4),
    input: [2, 8, 3, 4],
    output: [2, 8, 3, 4],
    parameters: { 'fc1.weight': [2, 8, 1, 1], 'fc1.bias': [2], 'fc2.weight': [8, 2, 1, 1], 'fc2.bias': [8] },
  },
  {
    name: 'inception module with reductions, the paper’s',
    make: () =>
      new Inception('paper', 3, { ones: 2, threesReduce: 2, threes: 3, fivesReduce: 1, fives: 2, poolProjection: 1 }),
    input: [2, 3, 5, 4],
    output: [2, 8, 5, 4],
    parameters: {
      'branch1.conv.weight': [2, 3, 1, 1],
      'branch1.conv.bias': [2],
      'branch2.0.conv.weight': [2, 3, 1, 1],
      'branch2.0.conv.bias': [2],
      'branch2.1.conv.weight': [3, 2, 3, 3],
      'branch2.1.conv.bias': [3],
      'branch3.0.conv.weight': [1, 3, 1, 1],
      'branch3.0.conv.bias': [1],
      'branch3.1.conv.weight': [2, 1, 5, 5],
      'branch3.1.conv.bias': [2],
      'branch4.1.conv.weight': [1, 3, 1, 1],
      'branch4.1.conv.bias': [1],
    },
  },
])
