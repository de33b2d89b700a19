// fovea train examples/recipes/ownNetwork.ts: functions where data are not enough.
import { batchNorm2d, conv2d, flatten, globalAveragePool2d, linear, maxPool2d, relu, sequential } from 'fovea/nn'
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  // biome-ignore format: one line a stage
  model: ({ classes, shape: [channels] }) => sequential(
    conv2d(channels, 8, 3, { padding: 1 }), batchNorm2d(8), relu(), maxPool2d(2),
    conv2d(8, 16, 3, { padding: 1 }), batchNorm2d(16), relu(), globalAveragePool2d(), flatten(),
    linear(16, classes),
  ),
  data: { name: 'mnist', limit: 1500, validation: 300 },
  optimizer: {
    name: 'sgd',
    lr: 0.1,
    momentum: 0.9,
    groups: [
      { match: /\.bias$/, weightDecay: 0 },
      { match: '9', lrFactor: 0.5 },
    ],
  },
  schedule: (step, totalSteps) => 1 / (1 + (9 * step) / totalSteps),
  epochs: 2,
  batchSize: 32,
})
