/** MobileNetV2 for `tensorflow.js`: its blocks, and its weights in TensorFlow's order, batch norm folded into the convolutions. */
import type { MobileNetV2 } from '../../../src/models/index.ts'
import { BatchNorm2d, Conv2d, type Module } from '../../../src/nn/index.ts'

/** Files by name: a description, and the weights. */
export function tensorflowFiles(network: MobileNetV2): Record<string, Uint8Array> {
  const weights: { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array }[] = []
  const convolutionOf = ([conv, norm]: readonly [Conv2d, BatchNorm2d], activation: 'relu6' | 'linear') => {
    const [name, depthwise] = [`convolution${weights.length / 2}`, conv.groups > 1]
    const [outputs, inputs, height, width] = conv.weight.shape
    const [filter, gamma, beta] = [valuesOf(conv.weight), valuesOf(norm.weight!), valuesOf(norm.bias!)]
    const [averages, variances] = [valuesOf(norm.running_mean!), valuesOf(norm.running_var!)]
    const scales = gamma.map((value, c) => value / Math.sqrt(variances[c]! + norm.eps))
    // [O, I, H, W] becomes [H, W, I, O]; of depthwise convolutions, [C, 1, H, W] becomes [H, W, C, 1], which is the same order.
    const [pixels, folded] = [height * width, new Float32Array(filter.length)]
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        for (let p = 0; p < pixels; p++) {
          folded[(p * inputs + i) * outputs + o] = filter[(o * inputs + i) * pixels + p]! * scales[o]!
        }
      }
    }
    const shape = [height, width, ...(depthwise ? [outputs, 1] : [inputs, outputs])]
    const bias = beta.map((value, c) => value - averages[c]! * scales[c]!)
    weights.push({ name: `${name}.weight`, shape, values: folded })
    weights.push({ name: `${name}.bias`, shape: [outputs], values: bias })
    return { name, depthwise, pad: (height - 1) / 2, stride: conv.window.stride[0], activation }
  }
  const blocks = [...network.children().get('features')!.children().values()].map(block => {
    const pairs = pairsOf(block)
    // The last convolution of an inverted residual, which has several, is linear.
    const convolutions = pairs.map((pair, k) =>
      convolutionOf(pair, k > 0 && k === pairs.length - 1 ? 'linear' : 'relu6'),
    )
    return { residual: 'residual' in block && block.residual === true, convolutions }
  })
  const state = network.variables()
  const [matrix, bias] = [state.get('classifier.1.weight')!, state.get('classifier.1.bias')!]
  const [classes, features] = matrix.shape as [number, number]
  const values = valuesOf(matrix)
  const transposed = Float32Array.from(
    { length: values.length },
    (_, k) => values[(k % classes) * features + Math.floor(k / classes)]!,
  )
  weights.push({ name: 'classifier.weight', shape: [features, classes], values: transposed })
  weights.push({ name: 'classifier.bias', shape: [classes], values: valuesOf(bias) })

  const manifest = weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }))
  const description = { blocks, weightsManifest: [{ paths: ['network.bin'], weights: manifest }] }
  const bytes = Buffer.concat(
    weights.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  )
  return { 'network.json': new TextEncoder().encode(JSON.stringify(description)), 'network.bin': bytes }
}

const valuesOf = ({ value }: { readonly value: ArrayLike<number> }): Float32Array => Float32Array.from(value)

/** The convolutions in a module, each with the batch norm behind it. */
function pairsOf(block: Module): (readonly [Conv2d, BatchNorm2d])[] {
  const modules = [...block.modules()].map(([, module]) => module)
  const norms = modules.filter(module => module instanceof BatchNorm2d)
  return modules.filter(module => module instanceof Conv2d).map((conv, k) => [conv, norms[k]!] as const)
}
