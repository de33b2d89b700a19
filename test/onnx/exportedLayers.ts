/** Every layer of `fovea/nn` at least once, and the operators of ONNX that it becomes. */
import * as g from '../../src/graph/index.ts'
import { constantTensor } from '../../src/graph/sources.ts'
import * as nn from '../../src/nn/index.ts'

/** A layer that is exported. */
export interface ExportedLayer {
  readonly name: string
  readonly make: () => nn.Module
  /** Shape of one sample. */
  readonly input: readonly number[]
  /** Operators of the file, in order. */
  readonly ops: readonly string[]
  /** `u8`: bytes. `positive`: numbers above 0. */
  readonly values?: 'u8' | 'positive'
}

const image = [4, 9, 11]
const series = [4, 13]
const flat = [6]

/** A layer under its name, on images unless told otherwise. */
const of = (
  name: string,
  make: () => nn.Module,
  ops: readonly string[],
  input: readonly number[] = image,
  values?: ExportedLayer['values'],
): ExportedLayer => ({ name, make, ops, input, ...(values && { values }) })

const activations: readonly ExportedLayer[] = [
  of('relu', () => nn.relu(), ['Relu']),
  of('leakyRelu', () => nn.leakyRelu(0.1), ['LeakyRelu']),
  of('elu', () => nn.elu(0.7), ['Elu']),
  of('elu, α = 1', () => nn.elu(), ['Elu']),
  of('selu', () => nn.selu(), ['Selu']),
  of('silu', () => nn.silu(), ['Sigmoid', 'Mul']),
  of('tanh', () => nn.tanh(), ['Tanh']),
  of('sigmoid', () => nn.sigmoid(), ['Sigmoid']),
  of('relu6', () => nn.relu6(), ['Clip']),
  of('hardSigmoid', () => nn.hardSigmoid(), ['HardSigmoid']),
  of('hardSwish', () => nn.hardSwish(), ['HardSwish']),
  of('gelu', () => nn.gelu(), ['Mul', 'Mul', 'Erf', 'Add', 'Mul']),
  of('gelu by tanh', () => nn.gelu({ approximate: 'tanh' }), [
    ...['Mul', 'Mul', 'Mul', 'Add', 'Mul'],
    ...['Mul', 'Tanh', 'Add', 'Mul'],
  ]),
  of('softmax', () => nn.softmax(), ['Softmax'], flat),
  of('softmax over channels', () => nn.softmax(1), ['Softmax']),
  of('prelu', () => nn.prelu(), ['PRelu']),
  of('prelu, a slope per channel', () => nn.prelu(4), ['Reshape', 'PRelu']),
  of('maxout', () => nn.maxout(2), ['Reshape', 'MaxPool', 'Reshape']),
  of('crossChannelMaxPool', () => nn.crossChannelMaxPool(2), ['Reshape', 'MaxPool', 'Reshape'], series),
]

const convolutions: readonly ExportedLayer[] = [
  of('conv2d', () => nn.conv2d(4, 5, 3), ['Conv']),
  of('patchWhitening', () => nn.patchWhitening(4, 2), ['Conv']),
  of(
    'conv2d of everything',
    () => nn.conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 }),
    ['Conv'],
  ),
  of('conv2d, uneven padding, no bias', () => nn.conv2d(4, 5, 4, { padding: 'same', bias: false }), ['Conv']),
  of('depthwise conv2d', () => nn.conv2d(4, 8, 3, { groups: 4 }), ['Conv']),
  of('conv1d', () => nn.conv1d(4, 6, 3, { stride: 2, padding: [1, 2], groups: 2 }), ['Conv'], series),
  of('conv1d, dilated, no bias', () => nn.conv1d(4, 6, 3, { dilation: 2, bias: false }), ['Conv'], series),
  of('convTranspose2d', () => nn.convTranspose2d(4, 3, 4, { stride: 2, padding: 1 }), ['ConvTranspose']),
  of(
    'convTranspose2d of everything',
    () =>
      nn.convTranspose2d(4, 6, 3, {
        stride: [3, 2],
        padding: [1, 0],
        dilation: [1, 2],
        groups: 2,
        outputPadding: [2, 1],
      }),
    ['ConvTranspose'],
  ),
  of(
    'convTranspose2d with zeros behind',
    () => nn.convTranspose2d(4, 3, 2, { dilation: 3, outputPadding: 2, bias: false }),
    ['ConvTranspose', 'Pad'],
  ),
  of(
    'convTranspose1d',
    () => nn.convTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    ['ConvTranspose'],
    series,
  ),
  of('linear', () => nn.linear(6, 5), ['Gemm'], flat),
  of('linear, no bias', () => nn.linear(6, 5, { bias: false }), ['Gemm'], flat),
  of('dropConnect', () => nn.dropConnect(6, 5), ['Gemm'], flat),
  of('flatten', () => nn.flatten(), ['Flatten']),
]

const normalizations: readonly ExportedLayer[] = [
  of('batchNorm2d', () => nn.batchNorm2d(4), ['BatchNormalization']),
  of('batchNorm2d, not affine', () => nn.batchNorm2d(4, { affine: false, eps: 1e-3 }), ['BatchNormalization']),
  of('batchNorm1d', () => nn.batchNorm1d(6), ['BatchNormalization'], flat),
  of('batchNorm1d of series', () => nn.batchNorm1d(4), ['BatchNormalization'], series),
  of('layerNorm', () => nn.layerNorm([9, 11]), ['LayerNormalization']),
  of('layerNorm, not affine', () => nn.layerNorm(6, { affine: false }), ['LayerNormalization'], flat),
  of('groupNorm', () => nn.groupNorm(2, 4), [
    'Reshape',
    'InstanceNormalization',
    'Reshape',
    'Reshape',
    'Mul',
    'Reshape',
    'Add',
  ]),
  of('groupNorm, one channel a group', () => nn.groupNorm(4, 4), ['InstanceNormalization']),
  of('instanceNorm2d', () => nn.instanceNorm2d(4), ['InstanceNormalization']),
  of('instanceNorm2d, affine', () => nn.instanceNorm2d(4, { affine: true }), ['InstanceNormalization']),
  of('instanceNorm1d', () => nn.instanceNorm1d(4, { affine: true }), ['InstanceNormalization'], series),
  of('localResponseNorm', () => nn.localResponseNorm(), ['LRN']),
  of(
    'localResponseNorm, another exponent',
    () => nn.localResponseNorm(3, { alpha: 0.3, beta: 0.6, k: 1, divideAlphaBySize: true }),
    ['LRN'],
  ),
  of('localResponseNorm over an even number', () => nn.localResponseNorm(4, { beta: 0.5 }), [
    'Mul',
    'Reshape',
    'AveragePool',
    'Reshape',
    'Mul',
    'Add',
    'Sqrt',
    'Div',
  ]),
]

const pools: readonly ExportedLayer[] = [
  of('maxPool2d', () => nn.maxPool2d(3, { stride: 2, padding: 1 }), ['MaxPool']),
  of('maxPool2d, dilated', () => nn.maxPool2d(2, { stride: 1, dilation: 2 }), ['MaxPool']),
  of('maxPool2d, rounded up', () => nn.maxPool2d(2, { ceilMode: true }), ['MaxPool']),
  of('maxPool2d, rounded up far', () => nn.maxPool2d(3, { stride: 4, padding: 1, ceilMode: true }), ['MaxPool']),
  of('averagePool2d', () => nn.averagePool2d(3, { stride: 2, padding: 1 }), ['AveragePool']),
  of('averagePool2d, padding not counted', () => nn.averagePool2d(3, { padding: 1, countPadding: false }), [
    'AveragePool',
  ]),
  of('averagePool2d, rounded up', () => nn.averagePool2d(2, { ceilMode: true }), ['Pad', 'AveragePool', 'Mul']),
  of('maxPool1d', () => nn.maxPool1d(3, { stride: 2, padding: 1 }), ['MaxPool'], series),
  of('averagePool1d', () => nn.averagePool1d(3, { padding: 1 }), ['AveragePool'], series),
  of('l2Pool2d', () => nn.l2Pool2d(2), ['LpPool']),
  of('l2Pool1d', () => nn.l2Pool1d(2), ['LpPool'], series),
  of('distanceWeightedAveragePool2d', () => nn.distanceWeightedAveragePool2d(3), ['Conv']),
  of(
    'stochasticPool2d',
    () => nn.stochasticPool2d([1, 2]),
    ['Slice', 'Slice', 'Add', 'Greater', 'Mul', 'Mul', 'Add', 'Greater', 'Where', 'Div', 'Where'],
    image,
    'positive',
  ),
  of('fractionalMaxPool2d', () => nn.fractionalMaxPool2d(2, { outputSize: [4, 5] }), ['Gather', 'Gather', 'MaxPool']),
  of('globalAveragePool2d', () => nn.globalAveragePool2d(), ['GlobalAveragePool']),
  of('globalMaxPool2d', () => nn.globalMaxPool2d(), ['GlobalMaxPool']),
  of('globalAveragePool1d', () => nn.globalAveragePool1d(), ['GlobalAveragePool'], series),
  of('globalMaxPool1d', () => nn.globalMaxPool1d(), ['GlobalMaxPool'], series),
  of('adaptiveAveragePool2d of equal bins', () => nn.adaptiveAveragePool2d([3, 11]), ['AveragePool']),
  of('adaptiveAveragePool2d of other bins', () => nn.adaptiveAveragePool2d([4, 7]), [
    'Pad',
    'Gather',
    'Gather',
    'AveragePool',
    'Mul',
  ]),
  of('adaptiveMaxPool2d of other bins', () => nn.adaptiveMaxPool2d([4, 7]), ['Gather', 'Gather', 'MaxPool']),
  of(
    'adaptiveAveragePool1d',
    () => nn.adaptiveAveragePool1d(5),
    ['Reshape', 'Pad', 'Gather', 'Gather', 'AveragePool', 'Mul', 'Reshape'],
    series,
  ),
  of('adaptiveMaxPool1d', () => nn.adaptiveMaxPool1d(5), ['Reshape', 'Gather', 'Gather', 'MaxPool', 'Reshape'], series),
]

const others: readonly ExportedLayer[] = [
  of('dropout', () => nn.sequential(nn.linear(6, 5), nn.dropout(), nn.relu()), ['Gemm', 'Relu'], flat),
  of('vanillaDropout', () => nn.vanillaDropout(0.3), ['Mul'], flat),
  of('stochasticDepth', () => nn.sequential(nn.relu(), nn.stochasticDepth(0.3)), ['Relu'], flat),
  of(
    'dropConnect with its activation',
    () => nn.dropConnect(6, 5, { activation: nn.relu() }),
    ['Gemm', 'Reshape', 'Mul', 'Mul', 'Mul', 'Gemm', 'Sqrt', 'Reshape', 'Mul', 'Add', 'Relu', 'ReduceMean'],
    flat,
  ),
  of(
    'parallel',
    () => nn.parallel({ narrow: nn.conv2d(4, 3, 1), pooled: nn.maxPool2d(3, { stride: 1, padding: 1 }) }),
    ['Conv', 'MaxPool', 'Concat'],
  ),
  of(
    'normalize',
    () => nn.normalize({ mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.25] }),
    ['Transpose', 'Cast', 'Mul', 'Add'],
    [9, 11, 3],
    'u8',
  ),
  of(
    'normalize of one channel',
    () => nn.normalize({ mean: [0.1307], std: [0.3081] }),
    ['Reshape', 'Cast', 'Mul', 'Add'],
    [9, 11, 1],
    'u8',
  ),
  of(
    'standardize',
    () => nn.standardize({ mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.25] }),
    ['Transpose', 'Cast', 'Mul', 'Sub', 'Mul'],
    [9, 11, 3],
    'u8',
  ),
  of(
    'whiten',
    () => nn.whiten({ shape: [3, 4, 5], kind: 'zca' }),
    ['Transpose', 'Cast', 'Mul', 'Flatten', 'Sub', 'Gemm', 'Reshape'],
    [4, 5, 3],
    'u8',
  ),
  of(
    'ImageClassifier',
    () =>
      new nn.ImageClassifier(nn.normalize({ mean: [0.5], std: [0.5] }), nn.sequential(nn.flatten(), nn.linear(20, 3))),
    ['Reshape', 'Cast', 'Mul', 'Add', 'Flatten', 'Gemm'],
    [4, 5, 1],
    'u8',
  ),
]

/** A module of one function. */
class Composed extends nn.Module {
  readonly #build: (x: nn.Tensor) => nn.Tensor

  constructor(build: (x: nn.Tensor) => nn.Tensor) {
    super()
    this.#build = build
  }

  override forward(x: nn.Tensor): nn.Tensor {
    return this.#build(x)
  }
}

const composed = (
  name: string,
  build: (x: nn.Tensor) => nn.Tensor,
  ops: readonly string[],
  input?: readonly number[],
): ExportedLayer => of(name, () => new Composed(build), ops, input)

const pick = constantTensor([3, 0, 3], [3], 'i32')

/** What a `forward` of one's own may be written with, and no layer is. */
const operations: readonly ExportedLayer[] = [
  composed('logSoftmax', x => g.logSoftmax(x, 1), ['LogSoftmax']),
  composed('argmax and oneHot', x => g.oneHot(g.argmax(x), 6), ['ArgMax', 'Cast', 'OneHot'], flat),
  composed('max, min and sum', x => g.add(g.max(x, [2]), g.mul(g.min(x, [2]), g.sum(x, [2]))), [
    ...['ReduceMax', 'ReduceMin', 'ReduceSum', 'Mul', 'Add'],
  ]),
  composed('a mean without its axes', x => g.mean(x, [2, 3]), ['ReduceMean']),
  composed('comparisons', x => g.where(g.notEqual(g.floor(x), 1), g.lessEqual(x, 0.5), x), [
    ...['Floor', 'Equal', 'Not', 'LessOrEqual', 'Cast', 'Where'],
  ]),
  composed('gather', x => g.gather(x, pick, 1), ['Gather']),
  composed(
    'scatterAdd',
    x => g.scatterAdd(g.slice(x, [0, 0], [x.shape[0]!, 3]), pick, 1, 5),
    [...['Slice', 'Shape', 'Concat', 'Expand', 'Cast', 'Unsqueeze', 'Transpose', 'ScatterND', 'Transpose']],
    flat,
  ),
  composed('pad between elements', x => g.pad(x, { interior: [0, 0, 1, 2], before: [0, 1, 0, 0], value: -1 }), [
    ...['Reshape', 'Pad', 'Reshape', 'Slice', 'Reshape', 'Pad', 'Reshape', 'Slice', 'Pad'],
  ]),
  composed('slice', x => g.slice(x, [0, 1, 0, 2], [x.shape[0]!, 3, 9, 11], [1, 1, 2, 3]), ['Slice']),
  composed(
    'numbers for each sample',
    x => g.concat([x, g.full([x.shape[0]!, 2], 0.5)], 1),
    [...['Shape', 'Concat', 'Expand', 'Concat']],
    flat,
  ),
  composed('all samples in one axis', x => g.reshape(g.relu(g.reshape(x, [-1, 99])), x.shape), [
    ...['Reshape', 'Relu', 'Reshape'],
  ]),
  composed('matmul', x => g.matmul(x as g.Matrix, constantTensor([1, 2, 3, 4, 5, 6], [6, 1])), ['MatMul'], flat),
  composed('an input as it is', x => x, ['Identity'], flat),
]

/** All of them. */
export const exportedLayers = [...activations, ...convolutions, ...normalizations, ...pools, ...others, ...operations]

/** Classes of `fovea/nn` that are layers. */
export const layerClasses: readonly string[] = Object.entries(nn)
  .filter(([, value]) => typeof value === 'function' && value.prototype instanceof nn.Module)
  .map(([name]) => name)
