/**
 * Three ideas behind convolution, measured on a layer and on a fully connected one with the same outputs: sparse
 * interactions (an output sees few inputs), shared parameters (a weight serves many outputs), and equivariance (when
 * the image moves, the feature map moves in the same way).
 */
import { constantTensor, evaluate, flatten, pad, randomNormal, type Shape, slice, type Tensor } from 'fovea'
import { type Conv2d, conv2d, type Initializer, inference, type Linear, linear, uniform } from 'fovea/nn'

const size = 28
const layers = {
  convolution: (init: Initializer) => conv2d(1, 6, 5, { padding: 2, bias: false, init }).initialize(0),
  'fully connected': (init: Initializer) => linear(size * size, 6 * size * size, { bias: false, init }).initialize(0),
}

const random = (shape: Shape, path: string) => randomNormal(constantTensor([0, 0], [2], 'i32'), shape, path)
const values = async (x: Tensor) => (await evaluate([x]))[0]
const apply = (layer: Conv2d | Linear, x: Tensor) =>
  layer.forward(layer.weight.shape.length === 2 ? flatten(x) : x, inference())
const nonzero = (data: ArrayLike<number>) => Array.from(data).filter(value => value !== 0).length

// A pattern of 12×12 in the middle of an empty image, and the same pattern 3 rows lower and 5 columns further right.
const pattern = random([1, 1, 12, 12], 'pattern')
const at = (top: number, left: number) =>
  pad(pattern, { before: [0, 0, top, left], after: [0, 0, size - 12 - top, size - 12 - left], value: 0 })
const [rows, columns] = [3, 5]
console.log(`The image moves by ${rows} rows and ${columns} columns`)
for (const [name, create] of Object.entries(layers)) {
  const layer = create(uniform(0.2))
  const map = (await values(apply(layer, at(8, 8)))) as Float32Array
  const moved = (await values(apply(layer, at(8 + rows, 8 + columns)))) as Float32Array
  // The six feature maps of the first image moved likewise, without what comes in at the border.
  const [before, after] = await evaluate([
    slice(constantTensor(map, [6, size, size]), [0, 0, 0], [6, size - rows, size - columns]),
    slice(constantTensor(moved, [6, size, size]), [0, rows, columns], [6, size, size]),
  ])
  const different = Array.from(before).filter((value, i) => value !== after[i]).length
  console.log(`  ${name.padEnd(15)}  ${different} of ${before.length} outputs differ from the map moved likewise`)
}

console.log('\nlayer            weights    outputs that one pixel reaches  outputs that one weight serves')
for (const [name, create] of Object.entries(layers)) {
  const layer = create(uniform(0.2))
  const pixel = pad(constantTensor([1], [1, 1, 1, 1]), { before: [0, 0, 14, 14], after: [0, 0, 13, 13], value: 0 })
  const reached = nonzero(await values(apply(layer, pixel)))
  const single = create({ name: 'one weight', fill: values => values.fill(1, 12, 13) })
  const served = nonzero(await values(apply(single, random([1, 1, size, size], 'image'))))
  console.log(
    name.padEnd(15),
    String(layer.weight.value.length).padStart(9),
    String(reached).padStart(33),
    String(served).padStart(31),
  )
}
