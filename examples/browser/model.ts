/** The model of `fovea train lenet5`: what its images need first, and the network. */
import { lenet5 } from 'fovea/models'
import { ImageClassifier, normalize } from 'fovea/nn'

export const createModel = () => new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5())
