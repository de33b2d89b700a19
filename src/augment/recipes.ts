/** Pipelines that papers used, by the data set they are for. */
import { randomAffine } from './affine.ts'
import { colorJitter } from './color.ts'
import { type Augmentation, compose } from './compose.ts'
import { randomCrop } from './crop.ts'
import { horizontalFlip } from './flip.ts'
import { pcaColor } from './pcaColor.ts'
import { randomResizedCrop } from './resize.ts'

/** CIFAR's usual pipeline: 4 pixels of padding, a random 32 × 32 crop, a flip (He et al. 2016, section 4.2). */
export const cifarAugmentation = (): Augmentation => compose([randomCrop({ size: 32, padding: 4 }), horizontalFlip()])

/**
 * ImageNet's: a random resized crop, a flip, color jitter and AlexNet's color shift.
 * @param size side of the network's input
 */
export const imagenetAugmentation = (size = 224): Augmentation =>
  compose([
    randomResizedCrop({ size }),
    horizontalFlip(),
    colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4 }),
    pcaColor(),
  ])

/** For digits: small turns, moves and changes of size, none of which turns one digit into another. */
export const digitAugmentation = (): Augmentation =>
  compose([randomAffine({ degrees: 10, translate: [0.08, 0.08], scale: [0.9, 1.1], shear: 8 })])
