// fovea train examples/recipes/transferScratch.ts --data folder:hymenoptera: what the photographs alone teach.
import { compose, horizontalFlip, randomResizedCrop } from 'fovea/augment'
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  model: 'resnet20-cifar',
  data: {
    name: 'folder',
    directory: 'hymenoptera',
    size: [64, 64],
    validation: 0,
    normalize: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    augment: compose([randomResizedCrop({ size: 64, scale: [0.5, 1] }), horizontalFlip()]),
  },
  optimizer: { name: 'sgd', lr: 0.02, momentum: 0.9, weightDecay: 1e-3, decay: 'weights' },
  schedule: { name: 'oneCycle' },
  epochs: 20,
  batchSize: 32,
})
