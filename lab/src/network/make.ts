/** Layers as a module of the library, which is what is shown, measured and trained. */
import { BasicBlock, Bottleneck, Fire, InvertedResidual, SEModule } from '../../../src/models/index.ts'
import {
  adaptiveAveragePool2d,
  averagePool2d,
  batchNorm2d,
  conv2d,
  dropout,
  elu,
  flatten,
  gelu,
  globalAveragePool2d,
  leakyRelu,
  linear,
  localResponseNorm,
  type Module,
  maxPool2d,
  naiveInception,
  relu,
  type Sequential,
  sequential,
  sigmoid,
  silu,
  tanh,
} from '../../../src/nn/index.ts'
import { type KindName, type Layer, numberOf } from './kinds.ts'

/** A number of the layer by its key. */
type Numbers = (key: string) => number

const pool = (of: Numbers) => ({
  ...(of('stride') > 0 && { stride: of('stride') }),
  padding: of('padding'),
  ceilMode: of('ceilMode') === 1,
})

const makers: Readonly<Record<KindName, (of: Numbers) => Module>> = {
  conv2d: of =>
    conv2d(of('in'), of('out'), of('kernel'), {
      stride: of('stride'),
      padding: of('padding'),
      groups: of('groups'),
      bias: of('bias') === 1,
    }),
  linear: of => linear(of('in'), of('out'), { bias: of('bias') === 1 }),
  relu: () => relu(),
  leakyRelu: of => leakyRelu(of('slope')),
  elu: () => elu(),
  gelu: () => gelu(),
  silu: () => silu(),
  sigmoid: () => sigmoid(),
  tanh: () => tanh(),
  maxPool2d: of => maxPool2d(of('kernel'), pool(of)),
  averagePool2d: of => averagePool2d(of('kernel'), pool(of)),
  adaptiveAveragePool2d: of => adaptiveAveragePool2d(of('size')),
  globalAveragePool2d: () => globalAveragePool2d(),
  batchNorm2d: of => batchNorm2d(of('in')),
  localResponseNorm: of => localResponseNorm(of('size')),
  dropout: of => dropout(of('probability')),
  flatten: () => flatten(),
  naiveInception: of => naiveInception(of('in'), { ones: of('ones'), threes: of('threes'), fives: of('fives') }),
  BasicBlock: of => new BasicBlock(of('in'), of('out'), of('stride')),
  Bottleneck: of => new Bottleneck(of('in'), of('width'), of('stride')),
  InvertedResidual: of => new InvertedResidual(of('in'), of('out'), of('stride'), of('expansion')),
  Fire: of => new Fire(of('in'), of('squeeze'), of('expand')),
  SEModule: of => new SEModule(of('in'), of('reduction')),
}

/**
 * The network of some layers.
 * @throws RangeError and ShapeError for numbers that a layer cannot have; misfits between layers show when it is traced
 */
export const makeNetwork = (layers: readonly Layer[]): Sequential =>
  sequential(Object.fromEntries(layers.map(layer => [layer.name, makers[layer.kind](key => numberOf(layer, key))])))
