// fovea train examples/recipes/transferHead.ts --data folder:hymenoptera: a new last layer, on what a frozen trunk sees, once.
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  model: 'resnet20-cifar',
  data: {
    name: 'folder',
    directory: 'hymenoptera',
    size: [64, 64],
    validation: 0,
    normalize: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
  pretrained: { weights: 'resnet20-12fca82f.th', classes: 10 },
  freeze: [{ match: ['conv1', 'bn1', 'layer?'] }],
  cacheFeatures: true,
  optimizer: { name: 'adamW', lr: 0.02, weightDecay: 1, decay: 'weights' },
  schedule: { name: 'cosine' },
  epochs: 40,
  batchSize: 32,
})
