/** The layers of a network as the Lab shows them: those with weights, each with what passes on to the next. */
import type { Tensor } from '../../../src/graph/tensor.ts'
import { input } from '../../../src/index.ts'
import { type ModuleCall, type ReceptiveField, receptiveFields, traceForward } from '../../../src/inspect/index.ts'
import { Conv2d, inference, Linear, type Module, ReLU } from '../../../src/nn/index.ts'
import type { LayerInfo } from './protocol.ts'

/** A layer with the graph values that are shown of it. */
export interface TracedLayer {
  readonly info: LayerInfo
  /** Before ReLU. */
  readonly value: Tensor
  readonly passed: Tensor | undefined
}

/** A network traced on a batch of pictures. */
export interface TracedNetwork {
  readonly images: Tensor
  /** What the first layer reads. */
  readonly first: Tensor
  readonly layers: readonly TracedLayer[]
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
  const layers = starts.map((start, k) => traced(steps.slice(start, starts[k + 1]), fields))
  return { images, first, layers, logits: output }
}

const hasWeights = (module: Module): module is Conv2d | Linear => module instanceof Conv2d || module instanceof Linear

/** @param steps a layer with weights and all that follows, up to the next one */
function traced([call, ...others]: readonly ModuleCall[], fields: ReadonlyMap<Tensor, ReceptiveField>): TracedLayer {
  const { module, input: given, output, path } = call!
  const layer = module as Conv2d | Linear
  const last = others.findLast(({ output: { shape } }) => shape.length === 4)
  const field = output.shape.length === 4 ? fields.get(output) : undefined
  const info: LayerInfo = {
    path,
    kind: layer instanceof Conv2d ? 'conv' : 'linear',
    shape: output.shape.slice(1),
    input: given.shape.slice(1),
    weight: layer.weight.shape,
    parameters: layer.countParameters(),
    ...(layer instanceof Conv2d && { window: windowOf(layer) }),
    hasRelu: others.some(({ module }) => module instanceof ReLU),
    ...(field && { field }),
    ...(last && { passed: { path: last.path, shape: last.output.shape.slice(1) } }),
  }
  return { info, value: output, passed: last?.output }
}

function windowOf({ window, groups }: Conv2d): NonNullable<LayerInfo['window']> {
  return { kernel: window.kernel[0], stride: window.stride[0], padding: window.padding.top, groups }
}
