// fovea train examples/recipes/mnist.ts: a small VGG-like network with batch norm, moved and turned digits, one cycle.
import { compose, randomAffine } from 'fovea/augment'
import { batchNorm2d, conv2d, dropout, flatten, linear, type Module, maxPool2d, relu, sequential } from 'fovea/nn'
import { defineRecipe } from 'fovea/recipe'

const block = (inputs: number, outputs: number): Module[] => [
  conv2d(inputs, outputs, 3, { padding: 1, bias: false }),
  batchNorm2d(outputs),
  relu(),
]

export default defineRecipe({
  model: ({ classes }) =>
    sequential(
      ...block(1, 16),
      ...block(16, 16),
      maxPool2d(2),
      ...block(16, 32),
      ...block(32, 32),
      maxPool2d(2),
      ...block(32, 64),
      ...block(64, 64),
      maxPool2d(2),
      flatten(),
      dropout(0.4),
      linear(64 * 9, classes),
    ),
  data: {
    name: 'mnist',
    validation: 2000,
    augment: compose([randomAffine({ degrees: 10, translate: [0.08, 0.08], scale: [0.9, 1.1] })]),
  },
  optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 5e-4, decay: 'weights' },
  schedule: { name: 'oneCycle' },
  epochs: 15,
  batchSize: 128,
})
