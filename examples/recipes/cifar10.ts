// fovea train examples/recipes/cifar10.ts: ResNet-20 on CIFAR-10 in 40 epochs of one cycle.
import { compose, horizontalFlip, randomCrop } from 'fovea/augment'
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  model: 'resnet20-cifar',
  data: {
    name: 'cifar10',
    validation: 1000,
    augment: compose([randomCrop({ size: 32, padding: 4 }), horizontalFlip()]),
  },
  optimizer: { name: 'sgd', lr: 0.2, momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
  schedule: { name: 'oneCycle' },
  epochs: 40,
  batchSize: 128,
})
