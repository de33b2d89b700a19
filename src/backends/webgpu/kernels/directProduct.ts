/** Products of which every invocation computes one element of C, or one part of its sum; and the sum of the parts. */
import { sizeOf } from '../../../graph/shape.ts'
import type { FusedStep } from '../../../plan/step.ts'
import type { Operands } from '../wgsl/operands.ts'
import { type Dispatch, elementShader, resultShader, storeResult } from '../wgsl/shader.ts'
import type { KernelTools } from './kernel.ts'
import { type Factor, type Product, type ProductMethod, productMethod } from './product.ts'
import { tiledProduct } from './tiledProduct.ts'

/** The dispatches of a product. */
export function lowerProduct(step: FusedStep, product: Product, tools: KernelTools): readonly Dispatch[] {
  const method = productMethod(product, tools)
  const operands = tools.operands()
  const first = method.tile
    ? tiledProduct(step, product, { ...method, tile: method.tile }, operands)
    : directProduct(step, product, method, operands)
  return method.parts === 1 ? [first] : [first, sumOfParts(step, method.parts, tools.operands())]
}

/** Adds the parts in their order. */
function sumOfParts(step: FusedStep, parts: number, operands: Operands): Dispatch {
  const size = sizeOf(step.outputs[0].shape)
  const body = `for (var k = 0u; k < ${parts}u; k++) { r += ${operands.workspace(`k * ${size}u + i`)}; }`
  return resultShader(step, operands, body)
}

function directProduct(step: FusedStep, product: Product, { parts, share }: ProductMethod, operands: Operands) {
  const { batches, m, n, k, a, b } = product
  const size = batches * m * n
  const read = ({ tensor, index, inside }: Factor, suffix: string): string => {
    const element = operands.float(tensor, index(suffix))
    return inside
      ? `var ${suffix} = 0.0; if (${inside(suffix)}) { ${suffix} = ${element}; }`
      : `let ${suffix} = ${element};`
  }
  // Neighboring invocations differ in n.
  const [first, end] = parts === 1 ? ['0u', `${k}u`] : [`part * ${share}u`, `min((part + 1u) * ${share}u, ${k}u)`]
  const store =
    parts === 1
      ? storeResult(step, operands, 'place', 'sum')
      : `${operands.workspace(`part * ${size}u + place`)} = sum;`
  const body = `let part = i / ${size}u;
  let batch = (i / ${m * n}u) % ${batches}u;
  let row = (i / ${n}u) % ${m}u;
  let column = i % ${n}u;
  ${a.line('batch', 'row', 'A')}
  ${b.line('batch', 'column', 'B')}
  var sum = 0.0;
  for (var k = ${first}; k < ${end}; k++) {
    var factor: f32;
    { ${a.depth('batch', 'k')} ${read(a, 'A')} factor = A; }
    { ${b.depth('batch', 'k')} ${read(b, 'B')} sum = fma(factor, B, sum); }
  }
  let place = ${product.result('batch', 'row', 'column')};
  ${store}`
  return elementShader(operands, parts * size, body)
}
