/**
 * The lectures' table of a network, computed: for every layer its output volume, parameters with their arithmetic,
 * multiply-adds, memory and receptive field. Everything is read off the model's own graph.
 */

import { costOf } from '../graph/cost.ts'
import { byteSizeOf, bytesPerElement, sizeOf } from '../graph/shape.ts'
import { input } from '../graph/sources.ts'
import { isApplicationOf } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Window2d } from '../graph/window.ts'
import { inference, type Module, type Parameter } from '../nn/module.ts'
import { formatCount } from '../text/format.ts'
import { describeMisfit } from './geometry.ts'
import type { ReceptiveField } from './imageWindow.ts'
import { describeWindows, isInPlace, ownParameters, typeNameOf, windowsAmong } from './layerFacts.ts'
import { traceFields } from './receptiveField.ts'
import { type ModuleCall, traceForward } from './trace.ts'

/** One layer. */
export interface SummaryRow {
  /** `conv1`; `input` for the image itself. */
  readonly path: string
  /** Class of the layer. */
  readonly type: string
  /** Kernel, stride and padding of a convolution or pool: `5×5, padding 2`. */
  readonly window?: string
  /** Output of one image: `[C, H, W]` or `[F]`. */
  readonly output: readonly number[]
  /** Trainable numbers of the layer itself; a layer that is used again counts once. */
  readonly parameters: number
  /** The formula of their number: `(5·5·1+1)·6 = 156`. */
  readonly arithmetic?: string
  /** Multiply-adds for one image, taps in the padding included. */
  readonly multiplyAdds: number
  /**
   * Bytes of the output for the whole batch. 0 for a layer that keeps its values where they are: a view (flatten), one that
   * passes its input on, or an element-wise function, which can overwrite its input. This is the lectures' count.
   */
  readonly activationBytes: number
  /** The part of the image that one output unit sees. */
  readonly receptiveField?: ReceptiveField
  /** Remarks about the geometry. */
  readonly note?: string
  /** The rows whose values the layer reads, by their position in the table; none for the image. */
  readonly inputs: readonly number[]
  /** The operation by which a layer that reads several values makes one of them. */
  readonly combines?: 'add' | 'multiply' | 'concatenate'
}

/** A network, layer by layer. */
export interface Summary {
  /** `[C, H, W]` of one image. */
  readonly input: readonly [number, number, number]
  /** Images for which memory is counted. */
  readonly batch: number
  readonly rows: readonly SummaryRow[]
  readonly totals: {
    readonly parameters: number
    /** Parameters in single precision. */
    readonly parameterBytes: number
    /** For one image. */
    readonly multiplyAdds: number
    /** For the whole batch, the images themselves included. */
    readonly activationBytes: number
  }
  /** Bytes of the planned arena for training at this batch, when the caller has planned it. */
  readonly arenaBytes?: number
  /** Parts that inference leaves out, such as auxiliary classifiers; neither rows nor totals count them. */
  readonly trainingOnly?: readonly TrainingOnlyPart[]
}

/** A part of a network that only training uses. */
export interface TrainingOnlyPart {
  /** `aux1` */
  readonly path: string
  /** Class of the part. */
  readonly type: string
  /** Its trainable numbers. */
  readonly parameters: number
}

/** Options of {@link summarize}. */
export interface SummaryOptions {
  /** Images for which memory is counted, 1 by default. */
  readonly batch?: number
  /** Bytes of the planned arena for training at this batch, shown with the totals. */
  readonly arenaBytes?: number
}

/**
 * The table of a model for images `[C, H, W]`: one row for the image, one for every layer in the order of computation, and
 * one for each block that computes something besides its layers.
 * @throws ShapeError when the model does not accept such images, naming the layer; RangeError when the batch is not a whole number ≥ 1.
 * @example console.log(formatSummary(summarize(lenet5(), [1, 28, 28], { batch: 128 })))
 */
export function summarize(
  model: Module,
  inputShape: readonly [number, number, number],
  { batch = 1, arenaBytes }: SummaryOptions = {},
): Summary {
  if (!Number.isInteger(batch) || batch < 1)
    throw new RangeError(`summary: batch (=${batch}) must be a whole number ≥ 1`)
  const image = input('input', [1, ...inputShape], { batched: true })
  const { output, calls } = traceForward(model, image, inference())
  const { fields, windows } = traceFields(output, image)
  const counted = new Set<Parameter>()
  const shown = calls.filter(isShown)
  const makers = new Map<Tensor, number>([[image, 0]])
  shown.forEach(({ operations }, index) => {
    for (const tensor of operations) makers.set(tensor, index + 1)
  })
  const rows: SummaryRow[] = [
    {
      path: 'input',
      type: 'Input',
      output: inputShape,
      parameters: 0,
      multiplyAdds: 0,
      activationBytes: batch * byteSizeOf(image),
      inputs: [],
    },
    ...shown.map(call => ({
      ...rowOf(call, batch, fields.get(call.output), windows, counted),
      ...readsOf(call, makers),
    })),
  ]
  const total = (part: (row: SummaryRow) => number): number => rows.reduce((sum, row) => sum + part(row), 0)
  const parameters = total(row => row.parameters)
  const trainingOnly = trainingOnlyParts(model)
  return {
    input: inputShape,
    batch,
    rows,
    totals: {
      parameters,
      parameterBytes: parameters * bytesPerElement.f32,
      multiplyAdds: total(row => row.multiplyAdds),
      activationBytes: total(row => row.activationBytes),
    },
    ...(arenaBytes === undefined ? {} : { arenaBytes }),
    ...(trainingOnly.length > 0 ? { trainingOnly } : {}),
  }
}

function trainingOnlyParts(model: Module): TrainingOnlyPart[] {
  const modules = [...model.modules()]
  return modules.flatMap(([parent, { trainingOnly }]) =>
    modules
      .filter(([path]) => trainingOnly.some(name => path === (parent ? `${parent}.${name}` : name)))
      .map(([path, module]) => ({
        path,
        type: typeNameOf(module),
        parameters: [...module.parameters().values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      })),
  )
}

/** Layers are always shown; a block of layers only when it has parameters or computes something of its own. */
function isShown({ module, operations }: ModuleCall): boolean {
  return module.children().size === 0 || operations.length > 0 || ownParameters(module).length > 0
}

function rowOf(
  call: ModuleCall,
  batch: number,
  receptiveField: ReceptiveField | undefined,
  imageWindows: ReadonlyMap<Tensor, Window2d>,
  counted: Set<Parameter>,
): Omit<SummaryRow, 'inputs'> {
  const parameters = ownParameters(call.module).filter(parameter => !counted.has(parameter))
  for (const parameter of parameters) counted.add(parameter)
  const count = parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const windows = windowsAmong(call.operations, imageWindows)
  const window = describeWindows(windows)
  const note = windows
    .map(({ tensor, window }) => describeMisfit(window, tensor.inputs[0].shape[2], tensor.inputs[0].shape[3]))
    .filter(text => text !== undefined)
    .join('; ')
  return {
    path: call.path || 'model',
    type: typeNameOf(call.module),
    ...(window ? { window } : {}),
    output: call.output.shape.slice(1),
    parameters: count,
    ...(count > 0 ? { arithmetic: `${arithmeticOf(parameters)} = ${formatCount(count)}` } : {}),
    multiplyAdds: call.operations.reduce((sum, tensor) => sum + costOf(tensor).multiplyAdds, 0),
    activationBytes: isInPlace(call) ? 0 : batch * byteSizeOf(call.output),
    ...(receptiveField ? { receptiveField } : {}),
    ...(note ? { note } : {}),
  }
}

/** The inputs of a layer, given the row that makes each value. */
function readsOf(
  { input, operations }: ModuleCall,
  makers: ReadonlyMap<Tensor, number>,
): Pick<SummaryRow, 'inputs' | 'combines'> {
  const own = new Set(operations)
  const readBy = (tensor: Tensor): number[] => tensor.inputs.flatMap(x => (own.has(x) ? [] : (makers.get(x) ?? [])))
  // A layer that passes its input on has no operations.
  const read = operations.length > 0 ? operations.flatMap(readBy) : [makers.get(input) ?? 0]
  const inputs = [...new Set(read)].sort((a, b) => a - b)
  const joint = operations.find(tensor => new Set(readBy(tensor)).size > 1)
  const combines = joint && combinationOf(joint)
  return combines ? { inputs, combines } : { inputs }
}

function combinationOf(tensor: Tensor): SummaryRow['combines'] {
  if (isApplicationOf(tensor, 'concat')) return 'concatenate'
  if (!isApplicationOf(tensor, 'map') || tensor.attributes.expression.kind !== 'binary') return undefined
  const { fn } = tensor.attributes.expression
  return fn === 'add' ? 'add' : fn === 'mul' ? 'multiply' : undefined
}

/** `(5·5·6+1)·16` for weights `[16, 6, 5, 5]` with a bias, `5·5·6·16` without, `64 + 64` for anything else. */
function arithmeticOf(parameters: readonly Parameter[]): string {
  const [weight, bias] = parameters
  const isLayer =
    weight.shape.length >= 2 &&
    (parameters.length === 1 ||
      (parameters.length === 2 && bias.shape.length === 1 && bias.shape[0] === weight.shape[0]))
  if (!isLayer) return parameters.map(({ shape }) => (shape.length === 0 ? '1' : shape.join('·'))).join(' + ')
  const [outputs, inputs, ...kernel] = weight.shape
  const perOutput = [...kernel, inputs].join('·')
  return bias ? `(${perOutput}+1)·${outputs}` : `${perOutput}·${outputs}`
}
