/**
 * Convolutions of 3 × 3 by Winograd's algorithm (Lavin and Gray 2015), as steps of a plan. With m × m results a tile,
 * n = m + 2 and the matrices of F(m, 3):
 *
 *   filters    U = G · w · Gᵀ       for each pair of channels    [n², depth, lines]
 *   input      V = Bᵀ · d · B       for each channel and tile    [n², depth, tiles]
 *   products   M = Uᵀ · V           for each of n² places        [n², lines, tiles]
 *   output     y = Aᵀ · M · A       for each channel and tile, then the step's element-wise work
 *
 * A convolution sums over its input channels (the depth), and its lines are filters. The gradient to its input is one of
 * the upstream gradient with turned filters: it sums over filters, and its lines are input channels. Filters that do not
 * change have a step of their own, which runs ahead of the runs. Others are transformed with the input: as a step that waits
 * for nothing, it would come first of all, and its result would take memory until it is used.
 */
import type { Shape } from '../../graph/shape.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { Variable } from '../../graph/variable.ts'
import { type Form, type Step, type StepOf, stepInputs, storageOf } from '../../plan/step.ts'
import type { Hardware } from './kernels/kernel.ts'
import { tileOutputs } from './winogradChoice.ts'
import { transformWork, type WinogradOp, type WinogradSpec, winogradSizes } from './winogradSpec.ts'

/** A step of a convolution. */
export interface Winograd extends Form {
  readonly kind: 'winograd'
  /** `both`: the input, then the filters. */
  readonly stage: 'filters' | 'input' | 'both' | 'products' | 'output'
  readonly spec: WinogradSpec
}

/** Such a step with its form. */
export type WinogradStep = StepOf<WinogradOp> & { readonly form: Winograd }

type ConvolutionStep = StepOf<WinogradOp> & Step<never>

/** The same steps, with convolutions in several where that is faster. @param changing variables that the program updates */
export function withWinograd(
  steps: readonly Step<never>[],
  changing: { has(variable: Variable): boolean },
  hardware: Hardware,
): Step<Winograd>[] {
  // Storages that are the same in every run.
  const lasting = new Set<Tensor>()
  const lasts = (tensor: Tensor): boolean => {
    const { source } = storageOf(tensor)
    return (
      lasting.has(storageOf(tensor)) ||
      source?.kind === 'constant' ||
      (source?.kind === 'variable' && !changing.has(source.variable))
    )
  }
  return steps.flatMap(step => {
    if (stepInputs(step).every(lasts)) for (const output of step.outputs) lasting.add(output)
    if (!isConvolution(step)) return [step]
    const convolution = correlationOf(step)
    const filtersLast = lasts(step.inputs[1])
    const outputs = convolution && tileOutputs(convolution, filtersLast, hardware)
    return outputs ? stagesOf(step, { ...convolution, outputs }, filtersLast) : [step]
  })
}

const isConvolution = (step: Step<never>): step is ConvolutionStep =>
  step.op === 'conv2d' || step.op === 'conv2dInputGradient'

/** The convolution that a step is, seen from its first operand; `undefined` where the algorithm has no form. */
function correlationOf(step: ConvolutionStep): Omit<WinogradSpec, 'outputs'> | undefined {
  const { op, attributes, inputs, outputs } = step
  const { kernel, stride, dilation, groups, padding } = attributes
  const is = (pair: readonly number[], size: number): boolean => pair.every(extent => extent === size)
  if (groups !== 1 || !is(kernel, 3) || !is(stride, 1) || !is(dilation, 1)) return undefined
  if (inputs.some(({ dtype }) => dtype !== 'f32')) return undefined
  const { top, left } = padding
  const lead = op === 'conv2d' ? ([top, left] as const) : ([2 - top, 2 - left] as const)
  return { op, source: inputs[0].shape, result: outputs[0].shape, lead }
}

/** The steps of a convolution. */
function stagesOf(step: ConvolutionStep, spec: WinogradSpec, filtersLast: boolean): Step<Winograd>[] {
  const { op, attributes, inputs, outputs } = step
  const [x, w] = inputs
  const { matrices, places, depth, lines, columns } = winogradSizes(spec)
  const of = outputs[0].label ?? op
  const value = (name: string, reads: readonly Tensor[], shape: Shape): Tensor =>
    new Tensor({ op, inputs: reads, attributes, shape, dtype: 'f32', label: `${name} of ${of}` })
  const filters = value('transformed filters', [w], [places, depth, lines])
  const input = value('transformed input', [x], [places, depth, columns])
  const products = value('products', [filters, input], [places, lines, columns])
  const { epilogue: _, ...bare } = step
  const stage = (name: Winograd['stage'], from: ConvolutionStep, multiplyAdds: number): Step<Winograd> => ({
    ...from,
    multiplyAdds,
    form: {
      kind: 'winograd',
      stage: name,
      name: `winograd ${spec.outputs}×${spec.outputs} ${name === 'both' ? 'input and filters' : name}`,
      spec,
    },
  })
  const filterWork = depth * lines * transformWork(matrices.weights)
  const inputWork = depth * columns * transformWork(matrices.input)
  const transformed = filtersLast
    ? [
        stage('filters', { ...bare, inputs: [w], outputs: [filters] }, filterWork),
        stage('input', { ...bare, inputs: [x], outputs: [input] }, inputWork),
      ]
    : [stage('both', { ...bare, inputs: [x, w], outputs: [input, filters] }, inputWork + filterWork)]
  return [
    ...transformed,
    stage('products', { ...bare, inputs: [filters, input], outputs: [products] }, places * depth * lines * columns),
    stage('output', { ...step, inputs: [products] }, lines * columns * transformWork(matrices.output)),
  ]
}
