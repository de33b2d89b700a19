/**
 * A network to look into: its forward pass as a graph that begins at a chosen place, with a name for the value of every
 * module.
 *
 * Trained networks take bytes, and bytes have no gradients. A pass may therefore begin at three places:
 *   bytes       u8 `[N, H, W, C]`, as images are stored
 *   pixels      f32 `[N, C, H, W]`, the same numbers scaled to 0 … 1
 *   normalized  what preprocessing makes of them, and what a network without preprocessing takes: `[N, C, H, W]`
 * The first two give the same numbers up to rounding.
 */
import { mul } from '../graph/ops/elementwise.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { transpose } from '../graph/ops/transpose.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { input } from '../graph/sources.ts'
import { substituteTensors } from '../graph/substitute.ts'
import type { Tensor } from '../graph/tensor.ts'
import { inference, type Module } from '../nn/module.ts'
import { Normalize } from '../nn/normalize.ts'
import { Standardize, Whiten } from '../nn/preprocess.ts'
import { traceForward } from './trace.ts'

/** Where a pass begins. */
export type Entry = 'bytes' | 'pixels' | 'normalized'

/** What gradients with respect to the image are with respect to. */
export type ImageSpace = Exclude<Entry, 'bytes'>

/** `[height, width, channels]` of one image. */
export type ImageShape = readonly [number, number, number]

/** What a network takes: bytes, which it preprocesses itself, or numbers that were normalized before. */
export type NetworkInput = 'bytes' | 'normalized'

/** A forward pass, traced. */
export interface NetworkPass {
  /** What a run is given. */
  readonly input: Tensor
  /** The network's result: logits `[N, classes]`. */
  readonly output: Tensor
  /** Values by the names that {@link pointNames} explains, in the order of computation. */
  readonly points: ReadonlyMap<string, Tensor>
}

/** What a network takes: bytes, when one of its modules turns them into numbers. */
export function inputOf(model: Module): NetworkInput {
  const modules = [...model.modules()].map(([, module]) => module)
  const isWayIn = (module: Module): boolean =>
    module instanceof Normalize || module instanceof Standardize || module instanceof Whiten
  return modules.some(isWayIn) ? 'bytes' : 'normalized'
}

/**
 * Traces a network for a batch of images.
 *
 * The names of values: a module's path names its output (`layer1.0`), `layer1.0.relu#2` the output of its second call,
 * and so on; `layer1.0:input` is its input; `input` is the image at the entry, `normalized` the result of
 * preprocessing, and `output` the network's output. Only f32 values have names.
 * @param takes what the network takes, see {@link inputOf}
 * @throws ShapeError when the network does not accept such images, or is entered before what it takes.
 */
export function traceNetwork(
  model: Module,
  shape: ImageShape,
  batch: number,
  entry: Entry,
  takes: NetworkInput,
): NetworkPass {
  const [height, width, channels] = shape
  if (takes === 'normalized') {
    if (entry !== 'normalized') {
      throw new ShapeError(
        `inspect: this network takes normalized values [N, ${channels}, ${height}, ${width}] and has no preprocessing, so it cannot be given ${entry}; ` +
          "use space: 'normalized', or an ImageClassifier of its preprocessing and the network",
      )
    }
    const image = input('images', [batch, channels, height, width], { batched: true })
    return { input: image, ...namedValues(model, image) }
  }
  const bytes = input('images', [batch, ...shape], { dtype: 'u8', batched: true })
  const pass = namedValues(model, bytes)
  if (entry === 'bytes') return { input: bytes, ...pass }
  const { from, start } = entry === 'pixels' ? fromPixels(bytes) : fromNormalized(pass.points)
  const names = [...pass.points.keys()]
  const [output, ...values] = substituteTensors([pass.output, ...pass.points.values()], from)
  return {
    input: start,
    output,
    points: new Map([['input', start], ...names.map((name, k) => [name, values[k]] as const)]),
  }
}

/** A network entered with pixels: its bytes are these times 255. */
function fromPixels(bytes: Tensor): { start: Tensor; from: Map<Tensor, Tensor> } {
  const [batch, height, width, channels] = bytes.shape
  const start = input('images', [batch, channels, height, width], { batched: true })
  const scaled = mul(start, 255)
  // With one channel both layouts are the same numbers in the same order.
  const rows = channels === 1 ? reshape(scaled, bytes.shape) : transpose(scaled, [0, 2, 3, 1])
  return { start, from: new Map([[bytes, rows]]) }
}

/** A network entered with what its preprocessing gives. */
function fromNormalized(points: ReadonlyMap<string, Tensor>): { start: Tensor; from: Map<Tensor, Tensor> } {
  const normalized = points.get('normalized')
  if (!normalized) {
    throw new ShapeError(
      'inspect: no module of this network turns image bytes u8 into numbers f32, so there are no normalized values; ' +
        "use space: 'pixels'",
    )
  }
  const start = input('images', normalized.shape, { batched: true })
  return { start, from: new Map([[normalized, start]]) }
}

function namedValues(model: Module, image: Tensor): Omit<NetworkPass, 'input'> {
  const { output, calls } = traceForward(model, image, inference())
  if (output.shape.length !== 2 || output.shape[0] !== image.shape[0]) {
    throw new ShapeError(`model: expected logits [${image.shape[0]}, classes], got ${formatShape(output.shape)}`)
  }
  const points = new Map<string, Tensor>()
  const add = (name: string, tensor: Tensor): void => {
    if (tensor.dtype === 'f32' && !points.has(name)) points.set(name, tensor)
  }
  add('input', image)
  add('normalized', image)
  const times = new Map<string, number>()
  for (const call of calls) {
    if (call.path === '') continue
    const time = (times.get(call.path) ?? 0) + 1
    times.set(call.path, time)
    const name = time === 1 ? call.path : `${call.path}#${time}`
    add(`${name}:input`, call.input)
    add(name, call.output)
    if (call.input === image && image.dtype === 'u8') add('normalized', call.output)
  }
  add('output', output)
  return { output, points }
}
