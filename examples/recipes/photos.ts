// fovea train examples/recipes/photos.ts --data folder:photos: a small network on a folder of pictures.
import { compose, horizontalFlip, randomCrop } from 'fovea/augment'
import { conv2d, flatten, globalAveragePool2d, linear, relu, sequential } from 'fovea/nn'
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  // biome-ignore format: one line a stage
  model: ({ classes }) => sequential(
    conv2d(3, 8, 3, { stride: 2 }), relu(),
    conv2d(8, 16, 3, { stride: 2 }), relu(), globalAveragePool2d(), flatten(),
    linear(16, classes),
  ),
  data: {
    name: 'folder',
    directory: 'photos',
    size: [32, 32],
    augment: compose([randomCrop({ size: 32 }), horizontalFlip()]),
  },
  optimizer: { name: 'adam', lr: 0.01 },
  epochs: 20,
  batchSize: 10,
})
