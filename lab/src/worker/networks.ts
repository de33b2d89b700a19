/** The networks of the Lab, made for the pictures or points of a data set. */
import { cifarResnet, lenet5 } from '../../../src/models/index.ts'
import {
  conv2d,
  flatten,
  heNormal,
  ImageClassifier,
  linear,
  type Module,
  maxPool2d,
  normalize,
  relu,
  sequential,
} from '../../../src/nn/index.ts'
import { makeNetwork } from '../network/make.ts'
import { unpackNetwork } from '../network/parse.ts'
import { isPointSet, type NetworkName, type Recipe } from '../state/recipe.ts'
import { type DataFacts, factsOf } from './facts.ts'

/** Units of a hidden layer between a point and its class. */
const hidden = 16

const makers: Readonly<Record<NetworkName, (facts: DataFacts, recipe: Recipe) => Module>> = {
  lenet5: ({ shape, classes }) => lenet5({ classes: classes.length, channels: shape[2], size: shape[0] }),
  convnet: ({ shape, classes }) => convnet(shape, classes.length),
  // Its layers take any number of channels but the first.
  resnet20: ({ shape, classes }) => resnet20(shape[2], classes.length),
  mlp: ({ classes }) =>
    sequential({
      fc1: conv2d(2, hidden, 1),
      relu1: relu(),
      fc2: conv2d(hidden, hidden, 1),
      relu2: relu(),
      fc3: conv2d(hidden, classes.length, 1),
      flatten: flatten(),
    }),
  custom: (_, { layers = '' }) => makeNetwork(unpackNetwork(layers)),
  perceptron: ({ classes }) => sequential({ fc: conv2d(2, classes.length, 1), flatten: flatten() }),
}

/**
 * The network of a recipe, new.
 *
 * A point is a picture of one pixel, whose two channels are its coordinates, and a layer of units a convolution of 1 × 1: the same
 * network, given a picture whose pixels are all places of the plane, computes every unit everywhere.
 * @param facts of the data set; those of one's own pictures must be given
 * @throws CodeError for layers that cannot be read
 */
export function createModel(recipe: Recipe, facts: DataFacts = factsOf(recipe.data)): ImageClassifier {
  return new ImageClassifier(normalize(facts.normalize), makers[recipe.model](facts, recipe)).initialize(recipe.seed)
}

/** The picture that the network is shown: of points every place of the plane, `side` by `side` of them. */
export const planeSide = 40

/** `[height, width, channels]` of what is looked at. */
export const sceneOf = ({ data }: Pick<Recipe, 'data'>, { shape }: DataFacts): DataFacts['shape'] =>
  isPointSet(data) ? [planeSide, planeSide, 2] : shape

/** ConvNetJS's network for CIFAR-10: 16, 20 and 20 maps, each pooled by 2. */
function convnet([height, width, channels]: DataFacts['shape'], classes: number): Module {
  const pooled = (size: number): number => Math.floor(size / 8)
  return sequential({
    conv1: conv2d(channels, 16, 5, { padding: 2 }),
    relu1: relu(),
    pool1: maxPool2d(2),
    conv2: conv2d(16, 20, 5, { padding: 2 }),
    relu2: relu(),
    pool2: maxPool2d(2),
    conv3: conv2d(20, 20, 5, { padding: 2 }),
    relu3: relu(),
    pool3: maxPool2d(2),
    flatten: flatten(),
    fc: linear(20 * pooled(height) * pooled(width), classes),
  })
}

/** ResNet-20 for pictures of any number of channels. */
function resnet20(channels: number, classes: number): Module {
  const network = cifarResnet(20, { classes })
  if (channels === 3) return network
  const { conv1: _, ...others } = Object.fromEntries(network.children())
  return sequential({ conv1: conv2d(channels, 16, 3, { padding: 1, bias: false, init: heNormal() }), ...others })
}
