/** What is measured: the rows of the table. */
import { multiplyAdds, type Net, type NetName } from './nets.ts'
import { netOf } from './recipes.ts'

/** One row: a network, what is done with it, and on how many images at once. */
export interface Row {
  /** For `--rows` and file names. */
  readonly id: string
  /** `ResNet-18, training, batch 8`. */
  readonly title: string
  readonly task: 'train' | 'inference'
  readonly batch: number
  /** Different batches, used in turn. */
  readonly batches: number
  readonly channels: number
  /** Rows and columns of an image. */
  readonly side: number
  readonly classes: number
  readonly learningRate: number
  readonly momentum: number
  readonly weightDecay: number
  /** Turns of each contender. */
  readonly rounds: number
  /** GiB that must be free before a contender is started. */
  readonly freeGiB: number
  readonly net: Net
}

/** Operations of one step or inference: two for each multiply-add. */
export const flopOf = ({ net, task, batch }: Row): number => 2 * batch * multiplyAdds(net, task)

/** The rows of the table, in its order. */
export const rows: readonly Row[] = [
  {
    ...rowOf('lenet5', 'LeNet-5', 'train', 128),
    batches: 8,
    learningRate: 0.05,
    weightDecay: 0,
    rounds: 24,
  },
  rowOf('resnet20-cifar', 'ResNet-20 (CIFAR)', 'train', 128),
  rowOf('resnet20-cifar', 'ResNet-20 (CIFAR)', 'inference', 128),
  rowOf('resnet18', 'ResNet-18', 'train', 8),
  rowOf('resnet18', 'ResNet-18', 'inference', 1),
  rowOf('resnet18', 'ResNet-18', 'inference', 8),
  rowOf('resnet50', 'ResNet-50', 'inference', 1),
  { ...rowOf('vgg16', 'VGG-16', 'inference', 1), freeGiB: 3 },
  rowOf('alexnet', 'AlexNet', 'inference', 1),
  rowOf('googlenet', 'GoogLeNet', 'inference', 1),
  // Without batch normalization, large steps on random labels would end in infinities.
  { ...rowOf('vgg16', 'VGG-16', 'train', 4), learningRate: 1e-4, freeGiB: 5 },
  rowOf('se-resnet50', 'SE-ResNet-50', 'inference', 1),
  rowOf('mobilenet_v2', 'MobileNetV2', 'inference', 1),
]

/** A row as most are. */
export function rowOf(name: NetName, title: string, task: Row['task'], batch: number): Row {
  const net = netOf(name)
  const [channels, side] = net.nodes[0].shape
  return {
    id: `${name}-${task}-b${batch}`,
    title: `${title}, ${task === 'train' ? 'training step' : 'inference'}, batch ${batch}`,
    task,
    batch,
    batches: 2,
    channels,
    side,
    classes: net.nodes[net.nodes.length - 1].shape[0],
    learningRate: 0.01,
    momentum: 0.9,
    weightDecay: 1e-4,
    rounds: 10,
    freeGiB: 1,
    net,
  }
}
