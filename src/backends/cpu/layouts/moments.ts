/**
 * Moments in the store of a convolution. For a volume x, batch normalization needs per channel the mean c over images
 * and positions, and the sums of x − c and of its squares. Its gradient needs the sum of the gradient g, and the sum of
 * the products of g and x − c. When a convolution produces the volume, its kernel stores what these need, in parts,
 * while the volume is in the cache, so that it need not be read again. Given each part's number of positions n, its
 * mean, and its squares around that mean,
 *
 *   Σ (x − c) = Σ over parts of n (mean − c)
 *   Σ (x − c)² = Σ over parts of [squares + n (mean − c)²]
 *
 * (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979). Where c
 * is near the means, their difference is exact, and no square is negative: so nothing cancels, however far the mean is
 * from 0.
 */
import { binary, type Expression, expressionKey, input } from '../../../graph/expression.ts'
import { sameShape, sizeOf } from '../../../graph/shape.ts'
import type { Tensor } from '../../../graph/tensor.ts'
import { type FusedStep, storageOf } from '../../../plan/step.ts'
import type { MomentKind } from './convolution.ts'

/** What a reduction needs from a volume, per channel. */
export type MomentReader =
  | { readonly kind: 'sums'; readonly volume: Tensor }
  /** Σ (volume − around) */
  | { readonly kind: 'distances'; readonly volume: Tensor; readonly around: Tensor }
  /** Σ (volume − around)² */
  | { readonly kind: 'squares'; readonly volume: Tensor; readonly around: Tensor }
  /** Σ volume · (other − center) */
  | { readonly kind: 'products'; readonly volume: Tensor; readonly other: Tensor; readonly center: Tensor }

/** What the kernel of a convolution gathers, for the first reader that needs more than sums; see `MomentKind`. */
export type Measurement = Extract<MomentReader, { readonly kind: MomentKind }>

/** Which volumes are measured, and which reductions read the measurements, by what they compute. */
export interface MomentPlan {
  readonly measured: ReadonlyMap<Tensor, Measurement>
  readonly readers: ReadonlyMap<Tensor, MomentReader>
}

/** Finds what convolutions can gather for later reductions. Steps are in a valid execution order. */
export function planMoments(steps: readonly FusedStep[]): MomentPlan {
  const places = new Map(steps.map(({ outputs: [output] }, place) => [output, place]))
  const volumes = new Set(steps.filter(isConvolution).map(({ outputs: [output] }) => output))
  const found = new Map<Tensor, MomentReader>()
  for (const step of steps) {
    const reader = readerOf(step)
    if (reader && volumes.has(reader.volume)) found.set(step.outputs[0], reader)
  }
  const isThereFor = (tensor: Tensor, volume: Tensor): boolean =>
    storageOf(tensor).op === 'source' || (places.get(storageOf(tensor)) ?? Infinity) < (places.get(volume) ?? 0)
  const measured = new Map<Tensor, Measurement>()
  for (const reader of found.values()) {
    const { volume } = reader
    if (measured.has(volume)) continue
    if (reader.kind === 'squares') measured.set(volume, reader)
    if (reader.kind === 'products' && [reader.other, reader.center].every(tensor => isThereFor(tensor, volume))) {
      measured.set(volume, reader)
    }
  }
  const readers = new Map([...found].filter(([, reader]) => answers(measured.get(reader.volume), reader)))
  return { measured, readers }
}

/** Means and squares are stored in a form that serves any center; products belong to one volume and center. */
function answers(measurement: Measurement | undefined, reader: MomentReader): boolean {
  if (!measurement || reader.kind === 'sums') return measurement !== undefined
  if (measurement.kind === 'squares') return reader.kind !== 'products'
  return reader.kind === 'products' && reader.other === measurement.other && reader.center === measurement.center
}

function isConvolution({ op, outputs: [output] }: FusedStep): boolean {
  return (op === 'conv2d' || op === 'conv2dInputGradient') && output.shape.length === 4
}

/** A reduction, seen as one that reads moments. */
function readerOf(step: FusedStep): MomentReader | undefined {
  if (step.op !== 'reduce') return undefined
  const { inputs, prologue } = step
  const { fn, axes } = step.attributes
  const shape = prologue?.shape ?? inputs[0].shape
  if (fn !== 'sum' || axes.join() !== '0,2,3') return undefined
  const isVolume = (tensor: Tensor): boolean => storageOf(tensor) === tensor && sameShape(tensor.shape, shape)
  const isPerChannel = ({ shape: own }: Tensor): boolean => sizeOf(own) === shape[1] && own[own.length - 3] === shape[1]
  const is = (expression: Expression): boolean =>
    expressionKey(prologue?.expression ?? input(0)) === expressionKey(expression)
  const [first, second, third] = inputs
  if (inputs.length === 1 && isVolume(first) && is(input(0))) return { kind: 'sums', volume: first }
  if (inputs.length === 2 && isVolume(first) && isPerChannel(second)) {
    const distance = binary('sub', input(0), input(1))
    const kind = is(distance) ? 'distances' : is(binary('mul', distance, distance)) ? 'squares' : undefined
    return kind && { kind, volume: first, around: second }
  }
  if (inputs.length === 3 && isVolume(first) && isVolume(second) && isPerChannel(third)) {
    const isProduct = is(binary('mul', input(0), binary('sub', input(1), input(2))))
    return isProduct ? { kind: 'products', volume: first, other: second, center: third } : undefined
  }
  return undefined
}

/**
 * What is summed over the parts. The inputs are means, counts, the center and squares; each sum reads the first few.
 */
export const fromParts = ((): Record<Exclude<MomentReader['kind'], 'products'>, Expression> => {
  const [means, counts, center, squares] = [0, 1, 2, 3].map(input)
  const distance = binary('sub', means, center)
  const distances = binary('mul', counts, distance)
  return {
    sums: binary('mul', counts, means),
    distances,
    squares: binary('add', squares, binary('mul', distances, distance)),
  }
})()
