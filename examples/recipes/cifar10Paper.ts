// fovea train examples/recipes/cifar10Paper.ts: ResNet-20 on CIFAR-10 as He et al. 2015 trained it (section 4.2): 45,000 images
// without their mean image, 64,000 steps, the rate 0.1, a tenth of it from half-way on, a hundredth from three quarters on. Other
// depths: --set model.name=resnet56-cifar; without shortcuts: plain20-cifar. (From 110 layers on the paper begins with 0.01.)
import { compose, horizontalFlip, randomCrop } from 'fovea/augment'
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  model: 'resnet20-cifar',
  data: {
    name: 'cifar10',
    validation: 5000,
    preprocess: 'mean-image',
    augment: compose([randomCrop({ size: 32, padding: 4 }), horizontalFlip()]),
  },
  optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 1e-4 },
  schedule: { name: 'multiStep', at: [0.5, 0.75], factor: 0.1 },
  epochs: 182, // of 352 steps: 64,064
  batchSize: 128,
})
