/** Values and gradients of every operation against PyTorch's (test/fixtures/torch). */
import { describe, expect, test } from 'vitest'
import * as g from '../../../src/graph/index.ts'
import {
  expectClose,
  type FixtureCase,
  type FixtureName,
  type FixtureOps,
  type FixtureTensor,
  loadFixture,
} from '../../support/fixtures.ts'
import type { BackendUnderTest } from '../conformance.ts'

/** A fixture's operation in the library's words; tensors come in the order of the fixture's inputs. */
type Builders = {
  readonly [File in Exclude<FixtureName, 'optim'>]: {
    readonly [Op in keyof FixtureOps[File]]: (attrs: FixtureOps[File][Op], ...inputs: g.Tensor[]) => g.Tensor
  }
}

const binary =
  (f: (x: g.Tensor, y: g.Tensor) => g.Tensor) =>
  (_: unknown, x: g.Tensor, y: g.Tensor): g.Tensor =>
    f(x, y)
const unary =
  (f: (x: g.Tensor) => g.Tensor) =>
  (_: unknown, x: g.Tensor): g.Tensor =>
    f(x)
const reduction =
  (f: typeof g.sum) =>
  ({ axes, keepAxes }: { axes: readonly number[]; keepAxes: boolean }, x: g.Tensor): g.Tensor =>
    f(x, axes, { keepDims: keepAxes })

const builders: Builders = {
  elementwise: {
    add: binary(g.add),
    sub: binary(g.sub),
    mul: binary(g.mul),
    div: binary(g.div),
    maximum: binary(g.maximum),
    minimum: binary(g.minimum),
    where: (_, x, y) => g.where(g.greater(x, y), x, y),
    neg: unary(g.neg),
    abs: unary(g.abs),
    exp: unary(g.exp),
    log: unary(g.log),
    sqrt: unary(g.sqrt),
    tanh: unary(g.tanh),
    sigmoid: unary(g.sigmoid),
    relu: unary(g.relu),
    silu: unary(g.silu),
    erf: unary(g.erf),
    gelu: unary(g.gelu),
    // log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|); PyTorch gives x itself above its threshold, the same to 9 digits.
    softplus: (_, x) => g.add(g.maximum(x, 0), g.log(g.add(1, g.exp(g.neg(g.abs(x)))))),
    elu: ({ alpha }, x) => g.elu(x, alpha),
    leaky_relu: ({ negativeSlope }, x) => g.leakyRelu(x, negativeSlope),
    pow: ({ exponent }, x) => {
      if (exponent !== 2) throw new Error(`fixture: no power ${exponent}`)
      return g.square(x)
    },
    clamp: ({ min, max }, x) => g.clamp(x, min, max),
  },
  matmul: { matmul: (attrs, a, b) => g.matmul(a as g.Matrix, b as g.Matrix, attrs) },
  conv2d: { conv2d: (attrs, x, w) => g.conv2d(x as g.Volume, w as g.Volume, attrs) },
  pool: {
    max_pool2d: ({ kernel, stride, padding }, x) => g.maxPool2d(x as g.Volume, kernel, { stride, padding }),
    avg_pool2d: ({ kernel, stride, padding, countIncludePad }, x) =>
      g.averagePool2d(x as g.Volume, kernel, { stride, padding, countPadding: countIncludePad }),
  },
  reduce: {
    sum: reduction(g.sum),
    mean: reduction(g.mean),
    amax: reduction(g.max),
    amin: reduction(g.min),
    argmax({ axis, keepAxes }, x) {
      const found = g.argmax(x, axis)
      return keepAxes ? g.reshape(found, x.shape.with(axis, 1)) : found
    },
  },
  shape: {
    reshape: ({ shape }, x) => g.reshape(x, shape),
    permute: ({ order }, x) => g.transpose(x, order),
    expand: ({ shape }, x) => g.broadcastTo(x, shape),
    slice: ({ starts, ends, steps }, x) => g.slice(x, starts, ends, steps),
    pad: (attrs, x) => g.pad(x, attrs),
    cat: ({ axis }, ...parts) => g.concat(parts, axis),
    index_select: ({ axis }, x, index) => g.gather(x, index as g.Vector, axis),
    // torch.gather of a matrix picks one element per position: a product with indicator rows.
    gather({ axis }, x, index) {
      const [rows, columns] = x.shape
      const lines = axis === 1 ? g.reshape(x, [rows!, 1, columns!]) : g.reshape(g.transpose(x), [1, columns!, rows!])
      return g.sum(g.mul(lines, g.oneHot(index, x.shape[axis]!)), 2)
    },
    one_hot: ({ classes }, index) => g.oneHot(index, classes),
  },
  loss: {
    cross_entropy({ reduction: kind }, logits, labels) {
      const each = g.softmaxCrossEntropy(logits as g.Matrix, labels as g.Vector)
      return kind === 'none' ? each : kind === 'mean' ? g.mean(each) : g.sum(each)
    },
    softmax: ({ axis }, x) => g.softmax(x, axis),
    log_softmax: ({ axis }, x) => g.logSoftmax(x, axis),
  },
}

export function torchGroup(backend: BackendUnderTest): void {
  for (const file of Object.keys(builders) as (keyof typeof builders)[]) {
    describe(`${file}.json`, () => {
      for (const fixture of loadFixture(file)) test(fixture.name, () => check(backend, file, fixture))
    })
  }
}

async function check(backend: BackendUnderTest, file: keyof typeof builders, fixture: FixtureCase): Promise<void> {
  const named = Object.entries(fixture.inputs)
  const inputs = named.map(([name, { shape, dtype }]) =>
    g.input(name, shape, { dtype: dtype === 'i32' ? 'i32' : 'f32' }),
  )
  const build = (builders[file] as Record<string, (attrs: unknown, ...inputs: g.Tensor[]) => g.Tensor>)[fixture.op]!
  if (fixture.output.shape.includes(0)) {
    // PyTorch has empty tensors; here every size is at least 1.
    expect(() => build(fixture.attrs, ...inputs)).toThrow(g.ShapeError)
    return
  }
  const output = build(fixture.attrs, ...inputs)
  const expected: [string, g.Tensor, FixtureTensor][] = [['output', output, fixture.output]]

  if (fixture.upstream && fixture.gradients) {
    const upstream = g.constantTensor(fixture.upstream.data, fixture.upstream.shape)
    const targets = inputs.filter(({ dtype }) => dtype === 'f32')
    const found = g.gradients(g.sum(g.mul(output, upstream)), targets)
    targets.forEach((target, k) => {
      expected.push([`gradient of ${target.label}`, found[k]!, fixture.gradients![target.label!]!])
    })
  }
  if (fixture.switches) {
    const switches = g.maxPool2dSwitches(inputs[0] as g.Volume, output.attributes as g.Window2d)
    expected.push(['switches', switches, fixture.switches])
  }

  const results = await backend.run(
    expected.map(([, tensor]) => tensor),
    Object.fromEntries(named.map(([name, { data }]) => [name, data])),
  )
  expected.forEach(([label, tensor, value], k) => {
    const tolerance = value.dtype === 'i32' ? {} : backend.tolerance
    expectClose(results[k]!, value, tolerance, `${fixture.name}, ${label}`)
    expect(tensor.shape, `${fixture.name}, ${label}, shape`).toEqual(value.shape)
  })
}
