/** Networks to begin with. */
import { models } from '../../../../src/models/index.ts'
import type { Layer } from '../../network/kinds.ts'
import { layersOf } from '../../network/layersOf.ts'
import { parseNetwork } from '../../network/parse.ts'
import { recipeFor } from '../../state/recipe.ts'
import type { DataFacts } from '../../worker/facts.ts'
import { createModel } from '../../worker/networks.ts'

/** A network to begin with, made for some pictures. */
export interface Template {
  readonly title: string
  readonly make: (facts: DataFacts) => readonly Layer[]
}

const ofLab =
  (model: 'lenet5' | 'convnet') =>
  (facts: DataFacts): readonly Layer[] =>
    layersOf(createModel(recipeFor(model), facts).network)!

/** The networks. Blocks have branches, which the graph shows. */
export const templates: readonly Template[] = [
  { title: 'LeNet-5', make: ofLab('lenet5') },
  { title: 'ConvNet', make: ofLab('convnet') },
  {
    title: 'small VGG',
    make: ({ shape: [, , channels], classes }) =>
      parseNetwork(`sequential({
        conv1: conv2d(${channels}, 16, 3, { padding: 1 }), relu1: relu(),
        conv2: conv2d(16, 16, 3, { padding: 1 }), relu2: relu(), pool1: maxPool2d(2),
        conv3: conv2d(16, 32, 3, { padding: 1 }), relu3: relu(),
        conv4: conv2d(32, 32, 3, { padding: 1 }), relu4: relu(), pool2: maxPool2d(2),
        conv5: conv2d(32, 64, 3, { padding: 1 }), relu5: relu(),
        pool3: globalAveragePool2d(), flatten: flatten(), fc: linear(64, ${classes.length}),
      })`),
  },
  {
    title: 'small ResNet',
    make: ({ shape: [, , channels], classes }) =>
      parseNetwork(`sequential({
        conv1: conv2d(${channels}, 16, 3, { padding: 1, bias: false }), bn1: batchNorm2d(16), relu1: relu(),
        block1: new BasicBlock(16, 16), block2: new BasicBlock(16, 32, 2), block3: new BasicBlock(32, 64, 2),
        pool: globalAveragePool2d(), flatten: flatten(), fc: linear(64, ${classes.length}),
      })`),
  },
  {
    title: 'small inception',
    make: ({ shape: [, , channels], classes }) =>
      parseNetwork(`sequential({
        conv1: conv2d(${channels}, 16, 3, { padding: 1 }), relu1: relu(), pool1: maxPool2d(2),
        inception1: naiveInception(16, { ones: 16, threes: 16, fives: 8 }), pool2: maxPool2d(2),
        inception2: naiveInception(56, { ones: 24, threes: 24, fives: 8 }),
        pool3: globalAveragePool2d(), flatten: flatten(), fc: linear(112, ${classes.length}),
      })`),
  },
]

/** Names of the networks of the catalog. */
export const modelNames = Object.keys(models) as (keyof typeof models)[]
