/** The activation layers beyond LeNet's, each held to the suite of all layers. */
import {
  crossChannelMaxPool,
  gelu,
  hardSigmoid,
  hardSwish,
  maxout,
  prelu,
  relu6,
  selu,
  softmax,
} from '../../src/nn/index.ts'
import { describeLayers } from './layerSuite.ts'

describeLayers([
  { name: 'selu', make: () => selu(), input: [3, 4], output: [3, 4] },
  { name: 'relu6', make: () => relu6(), input: [3, 4], output: [3, 4] },
  { name: 'hardSigmoid', make: () => hardSigmoid(), input: [3, 4], output: [3, 4] },
  { name: 'hardSwish', make: () => hardSwish(), input: [3, 4], output: [3, 4] },
  { name: 'gelu', make: () => gelu(), input: [3, 4], output: [3, 4] },
  { name: 'gelu, tanh', make: () => gelu({ approximate: 'tanh' }), input: [3, 4], output: [3, 4] },
  { name: 'softmax', make: () => softmax(), input: [3, 5], output: [3, 5] },
  { name: 'softmax over channels', make: () => softmax(1), input: [2, 3, 2, 2], output: [2, 3, 2, 2] },
  {
    name: 'prelu, one slope',
    make: () => prelu(),
    input: [3, 4],
    output: [3, 4],
    parameters: { weight: [1] },
    fixedInitialWeights: true,
  },
  {
    name: 'prelu, a slope per channel',
    make: () => prelu(3, 0.1),
    input: [2, 3, 2, 4],
    output: [2, 3, 2, 4],
    parameters: { weight: [3] },
    fixedInitialWeights: true,
  },
  { name: 'maxout', make: () => maxout(3), input: [3, 12], output: [3, 4] },
  { name: 'crossChannelMaxPool', make: () => crossChannelMaxPool(2), input: [2, 6, 3, 2], output: [2, 3, 3, 2] },
])
