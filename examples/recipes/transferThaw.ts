// fovea train examples/recipes/transferThaw.ts --data folder:hymenoptera: the last layer first, then one stage after another.
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
  pretrained: { weights: 'resnet20-12fca82f.th', classes: 10 },
  freeze: [
    { match: 'layer3', until: 5 },
    { match: 'layer2', until: 9 },
    { match: ['conv1', 'bn1', 'layer1'], until: 13 },
  ],
  optimizer: {
    name: 'sgd',
    lr: 0.05,
    momentum: 0.9,
    weightDecay: 1e-3,
    decay: 'weights',
    groups: [
      { match: ['conv1', 'bn1', 'layer1'], lrFactor: 0.1 },
      { match: 'layer2', lrFactor: 0.2 },
      { match: 'layer3', lrFactor: 0.5 },
    ],
  },
  schedule: { name: 'oneCycle' },
  epochs: 20,
  batchSize: 32,
})
