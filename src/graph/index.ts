/** The public interface of the graph: values, operations, gradients, and descriptions of a graph. */
export { costOf, type GraphCost, totalCost } from './cost.ts'
export { evaluateReference, type InputValues } from './evaluate.ts'
export { type ExplainOptions, explain } from './explain.ts'
export type { BinaryFunction, Comparison, Expression, UnaryFunction } from './expression.ts'
export { accumulateGradients, type GradientOptions, gradients, valueAndGrad } from './gradient.ts'
export type { Cost, ReferenceTensor } from './op.ts'
export { argmax } from './ops/argmax.ts'
export { type AveragePool2dOptions, averagePool2d } from './ops/averagePool2d.ts'
export { concat } from './ops/concat.ts'
export { type Conv2dAttributes, type Conv2dOptions, conv2d } from './ops/conv2d.ts'
export { type ConvTranspose2dOptions, convTranspose2d } from './ops/convTranspose2d.ts'
export {
  abs,
  add,
  type Binary,
  clamp,
  div,
  elu,
  equal,
  erf,
  exp,
  floor,
  gelu,
  greater,
  greaterEqual,
  hardSigmoid,
  hardSwish,
  hardTanh,
  leakyRelu,
  less,
  lessEqual,
  log,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  relu,
  sigmoid,
  silu,
  sqrt,
  square,
  sub,
  tanh,
  type Unary,
  where,
} from './ops/elementwise.ts'
export { gather, scatterAdd } from './ops/gather.ts'
export { increment } from './ops/increment.ts'
export { broadcastTo, full, map, mapOperands, type Operand, stopGradient } from './ops/map.ts'
export { type MatmulAttributes, matmul } from './ops/matmul.ts'
export { type MaxPool2dOptions, maxPool2d, maxPool2dSwitches } from './ops/maxPool2d.ts'
export { oneHot } from './ops/oneHot.ts'
export { type PadOptions, pad } from './ops/pad.ts'
export { randomBernoulli, randomNormal, randomUniform } from './ops/random.ts'
export { type Axes, max, mean, min, type ReduceOptions, type Reducer, sum } from './ops/reduce.ts'
export { flatten, reshape } from './ops/reshape.ts'
export { slice, sliceAxis } from './ops/slice.ts'
export { logSoftmax, softmax } from './ops/softmax.ts'
export { softmaxCrossEntropy } from './ops/softmaxCrossEntropy.ts'
export { transpose } from './ops/transpose.ts'
export { type ReluRule, reluRules } from './rectifier.ts'
export { bytesPerElement, type DType, formatShape, type Shape, ShapeError, sameShape, sizeOf } from './shape.ts'
export { simplify } from './simplify.ts'
export { constantTensor, type InputOptions, input } from './sources.ts'
export { type AttributesOf, type OpName, opOf } from './table.ts'
export { type Matrix, type Scalar, type Source, Tensor, topologicalOrder, type Vector, type Volume } from './tensor.ts'
export { type HostTensor, type TypedArray, Variable, zeros } from './variable.ts'
export {
  outputSize,
  type Padding,
  type Pair,
  uncovered,
  type Window2d,
  type WindowOptions,
  windowOf,
} from './window.ts'
