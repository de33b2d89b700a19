// fovea train examples/recipes/digits.ts: a small network on a part of MNIST, ends when it improves no more.
import { compose, randomAffine } from 'fovea/augment'
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  model: 'lenet5',
  data: {
    name: 'mnist',
    limit: 2000,
    validation: 400,
    augment: compose([randomAffine({ degrees: 10, translate: [0.08, 0.08] })]),
  },
  optimizer: { name: 'adamW', lr: 2e-3, weightDecay: 0.01, decay: 'weights' },
  schedule: { name: 'cosine', warmup: 0.1 },
  gradients: [{ name: 'clipByGlobalNorm', limit: 5 }],
  average: { name: 'ema', decay: 0.98 },
  epochs: 4,
  batchSize: 32,
  earlyStopping: { metric: 'loss', patience: 2 },
  checkpoints: { keep: 2 },
})
