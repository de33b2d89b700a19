/** What the layer sweep measures: every distinct convolution of the networks, in each of its three directions. */
import type { NetName } from '../nets.ts'
import { netOf } from '../recipes.ts'

/** Forward at inference, or one of the two gradients of a training step. */
export type Pass = 'forward' | 'inputGradient' | 'weightGradient'

/** All passes, in the order of the tables. */
export const passes: readonly Pass[] = ['forward', 'inputGradient', 'weightGradient']

/** Kinds of convolutions that the summary tells apart. */
export const classes = ['first layers', '1×1', '3×3', '3×3 strided', '5×5', 'depthwise'] as const

/** A convolution without bias; windows and padding are square. */
export interface Geometry {
  /** `[C, H, W]` of the input. */
  readonly input: readonly [number, number, number]
  /** `[K, H′, W′]` of the result. */
  readonly output: readonly [number, number, number]
  readonly kernel: number
  readonly stride: number
  readonly pad: number
  readonly groups: number
}

/** One line of the tables. */
export interface Task extends Geometry {
  /** Equal for equal work. */
  readonly id: string
  readonly pass: Pass
  readonly batch: number
  readonly kind: (typeof classes)[number]
  /** Which values lie innermost in volumes: what the network's own plan chooses. */
  readonly innermost: 'samples' | 'channels'
  /** How often it occurs, by network. */
  readonly uses: readonly { readonly net: NetName; readonly count: number }[]
}

/** A network of the sweep. */
interface Entry {
  readonly net: NetName
  readonly title: string
  /** Images of an inference and of a training step: those of the network's rows, 8 where it has no row of training. */
  readonly inference: number
  readonly training: number
}

/** The networks, in the order of the tables. */
export const entries: readonly Entry[] = [
  { net: 'lenet5', title: 'LeNet-5', inference: 128, training: 128 },
  { net: 'resnet20-cifar', title: 'ResNet-20', inference: 128, training: 128 },
  { net: 'resnet18', title: 'ResNet-18', inference: 1, training: 8 },
  { net: 'resnet50', title: 'ResNet-50', inference: 1, training: 8 },
  { net: 'se-resnet50', title: 'SE-ResNet-50', inference: 1, training: 8 },
  { net: 'vgg16', title: 'VGG-16', inference: 1, training: 4 },
  { net: 'alexnet', title: 'AlexNet', inference: 1, training: 8 },
  { net: 'googlenet', title: 'GoogLeNet', inference: 1, training: 8 },
  { net: 'mobilenet_v2', title: 'MobileNetV2', inference: 1, training: 8 },
]

/** Multiply-adds of one pass over the batch, as the definition has them; the same in all three directions. */
export function multiplyAdds({ batch, input, output, kernel, groups }: Task): number {
  const [maps, height, width] = output
  return batch * maps * height * width * (input[0] / groups) * kernel ** 2
}

/** Shapes `[N, C, H, W]`, `[K, C / groups, k, k]` and `[N, K, H′, W′]` of input, weights and result. */
export function shapesOf({ batch, input, output, kernel, groups }: Task): {
  x: [number, number, number, number]
  w: [number, number, number, number]
  y: [number, number, number, number]
} {
  return {
    x: [batch, ...input],
    w: [output[0], input[0] / groups, kernel, kernel],
    y: [batch, ...output],
  }
}

/**
 * All tasks, in the order in which the networks have them. What several networks share is there once. The gradient to the
 * images is left out: no training computes it.
 */
export function allTasks(): Task[] {
  const found = new Map<string, Task>()
  for (const { net, inference, training } of entries) {
    const { nodes } = netOf(net)
    for (const node of nodes) {
      if (node.op !== 'conv') continue
      const readsImages = node.inputs[0] === 0
      const { kernel, stride, pad, groups, shape: output } = node
      const geometry: Geometry = { input: nodes[node.inputs[0]].shape, output, kernel, stride, pad, groups }
      for (const pass of passes) {
        if (readsImages && pass === 'inputGradient') continue
        const batch = pass === 'forward' ? inference : training
        const id = `${pass}-${[batch, ...geometry.input, output[0], kernel, stride, pad, groups].join('-')}`
        const known = found.get(id)
        const uses = known?.uses ?? []
        const before = uses.find(use => use.net === net)?.count ?? 0
        found.set(id, {
          id,
          pass,
          batch,
          ...geometry,
          kind: kindOf(geometry, readsImages),
          // The rule of the plan: few channels on a large batch.
          innermost: net === 'lenet5' ? 'samples' : 'channels',
          uses: [...uses.filter(use => use.net !== net), { net, count: before + 1 }],
        })
      }
    }
  }
  return [...found.values()]
}

function kindOf({ kernel, stride, groups }: Geometry, readsImages: boolean): Task['kind'] {
  if (readsImages) return 'first layers'
  if (groups > 1) return 'depthwise'
  if (kernel === 1) return '1×1'
  if (kernel > 3) return '5×5'
  return stride > 1 ? '3×3 strided' : '3×3'
}
