/**
 * The layers of a network as the Lab shows them: those with weights, each with the volume it reads and with what passes on to the
 * next. Volumes that several layers share are one.
 */
import type { Tensor } from '../../../src/graph/tensor.ts'
import { input } from '../../../src/index.ts'
import { type ModuleCall, type ReceptiveField, receptiveFields, traceForward } from '../../../src/inspect/index.ts'
import { BatchNorm2d, Conv2d, inference, Linear, type Module, ReLU } from '../../../src/nn/index.ts'
import type { LayerInfo } from './protocol.ts'

/** A layer with the graph values that are shown of it. */
export interface TracedLayer {
  readonly info: LayerInfo
  /** What the layer gives. */
  readonly value: Tensor
  /** What its ReLU reads, or what it gives where there is none. */
  readonly activated: Tensor
}

/** A network traced on a batch of pictures. */
export interface TracedNetwork {
  readonly images: Tensor
  readonly layers: readonly TracedLayer[]
  /** What layers read, and what they pass on; the first is the normalized picture. */
  readonly volumes: readonly Tensor[]
  readonly logits: Tensor
}

/** Traces a network on `batch` pictures `[height, width, channels]`. */
export function traceLayers(model: Module, shape: readonly [number, number, number], batch: number): TracedNetwork {
  const images = input('images', [batch, ...shape], { dtype: 'u8', batched: true })
  const { output, calls } = traceForward(model, images, inference())
  // Modules that hold others are no steps on the way.
  const steps = calls.filter(({ module }) => module.children().size === 0)
  const starts = steps.flatMap(({ module }, k) => (hasWeights(module) ? [k] : []))
  const first = steps[starts[0]!]!.input
  const fields = receptiveFields(output, first)
  const volumes: Tensor[] = [first]
  const indexOf = (volume: Tensor): number => {
    if (!volumes.includes(volume)) volumes.push(volume)
    return volumes.indexOf(volume)
  }
  const layers = starts.map((start, k) => traced(steps.slice(start, starts[k + 1]), fields, indexOf))
  return { images, layers, volumes, logits: output }
}

const hasWeights = (module: Module): module is Conv2d | Linear => module instanceof Conv2d || module instanceof Linear

/**
 * @param steps a layer with weights and all that follows, up to the next one
 * @param indexOf the number of a volume
 */
function traced(
  [call, ...others]: readonly ModuleCall[],
  fields: ReadonlyMap<Tensor, ReceptiveField>,
  indexOf: (volume: Tensor) => number,
): TracedLayer {
  const { module, input: given, output, path } = call!
  const layer = module as Conv2d | Linear
  const last = others.findLast(({ output: { shape } }) => shape.length === 4)
  const field = output.shape.length === 4 ? fields.get(output) : undefined
  const relu = others.find(({ module }) => module instanceof ReLU)
  const isNormalized = others.some(({ module }) => module instanceof BatchNorm2d)
  const info: LayerInfo = {
    path,
    kind: layer instanceof Conv2d ? 'conv' : 'linear',
    shape: output.shape.slice(1),
    input: given.shape.slice(1),
    reads: indexOf(given),
    weight: layer.weight.shape,
    parameters: layer.countParameters(),
    ...(layer instanceof Conv2d && { window: windowOf(layer) }),
    hasRelu: relu !== undefined,
    ...(isNormalized && { isNormalized }),
    ...(field && { field }),
    ...(last && { passed: { path: last.path, shape: last.output.shape.slice(1), volume: indexOf(last.output) } }),
  }
  return { info, value: output, activated: relu?.input ?? output }
}

function windowOf({ window, groups }: Conv2d): NonNullable<LayerInfo['window']> {
  return { kernel: window.kernel[0], stride: window.stride[0], padding: window.padding.top, groups }
}
