/** Networks as data: whatever a model's code does, the graph that is built from the data is the one that was traced. */
import { describe, expect, test } from 'vitest'
import { GraphError } from '../../src/classifier/errors.ts'
import { buildGraph, describeGraph, type GraphData } from '../../src/classifier/graphData.ts'
import * as g from '../../src/graph/index.ts'
import { structuralKey } from '../../src/graph/structuralKey.ts'
import { type Tensor, topologicalOrder } from '../../src/graph/tensor.ts'
import type { Variable } from '../../src/graph/variable.ts'
import { findModel, type ModelEntry, models } from '../../src/models/index.ts'
import { inference, type Module } from '../../src/nn/module.ts'

const imagesOf = (batch: number, shape: readonly number[]) =>
  g.input('images', [batch, ...shape], { dtype: 'u8', batched: true })

const namesOf = (model: Module) => new Map([...model.variables()].map(([path, variable]) => [variable, path]))

/** The graph as text: operations, attributes, shapes, labels. */
function textOf(logits: Tensor): string {
  const order = topologicalOrder([logits])
  const places = new Map(order.map((tensor, k) => [tensor, k]))
  return order
    .map(({ op, inputs, attributes, shape, dtype, label }) =>
      [op, dtype, shape.join(), inputs.map(input => places.get(input)).join(), structuralKey(attributes), label].join(
        ' ',
      ),
    )
    .join('\n')
}

/** Bytes of images `[N, H, W, C]` as a network of `[N, C, H, W]` takes them. */
const entry = (images: Tensor): Tensor => g.mul(g.transpose(images, [0, 3, 1, 2]), 1 / 255)

test.each(Object.keys(models))('%s, in a file and out of it, for one image and for eleven', name => {
  const { create, inputShape }: ModelEntry = findModel(name)
  const [channels, height, width] = inputShape
  const model = create({}).assignPaths()
  const trace = (batch: number) => model.forward(entry(imagesOf(batch, [height, width, channels])), inference())
  const { graph, variables, constants } = describeGraph(trace, namesOf(model))
  const read = JSON.parse(JSON.stringify(graph)) as GraphData
  for (const batch of [1, 11]) {
    const built = buildGraph(read, {
      batch,
      images: imagesOf(batch, [height, width, channels]),
      variable: path => variables.get(path),
      constant: path => constants.get(path)?.values,
    })
    expect(textOf(built)).toBe(textOf(trace(batch)))
  }
})

describe('what cannot be data', () => {
  const noNames = new Map<Variable, string>()

  test('a network that is another for another number of images', () => {
    const trace = (batch: number) => {
      const x = g.mul(g.reshape(imagesOf(batch, [4]), [batch, 4]), 1)
      return batch > 2 ? g.relu(x) : x
    }
    expect(() => describeGraph(trace, noNames)).toThrow(GraphError)
  })

  test('one whose numbers do not grow with the batch in a straight line', () => {
    const trace = (batch: number) => g.mul(imagesOf(batch, [4]), batch ** 2)
    expect(() => describeGraph(trace, noNames)).toThrow('the network is another for another number of images')
  })

  test('a variable that is none of the model’s', () => {
    const hidden = new g.Variable([4], { name: 'hidden' })
    expect(() => describeGraph(batch => g.mul(imagesOf(batch, [4]), hidden.tensor), noNames)).toThrow(
      "variable 'hidden' is none of the model's",
    )
  })

  test('random numbers', () => {
    const key = g.input('key', [2], { dtype: 'i32' })
    const trace = (batch: number) => g.add(g.mul(imagesOf(batch, [4]), 1), g.randomUniform(key, [batch, 4], 'noise'))
    expect(() => describeGraph(trace, noNames)).toThrow("the network reads 'key', which only training has")
  })
})

test('numbers that JSON has not, and a mean over the batch', () => {
  const trace = (batch: number) => {
    const x = g.mul(imagesOf(batch, [4]), 1)
    return g.add(g.maximum(x, Number.NEGATIVE_INFINITY), g.mul(g.sum(x, [0], { keepDims: true }), -0))
  }
  const { graph } = describeGraph(trace, new Map())
  const text = JSON.stringify(graph)
  expect(text).toContain('{"$number":"-Infinity"}')
  const built = buildGraph(JSON.parse(text), {
    batch: 5,
    images: imagesOf(5, [4]),
    variable: () => undefined,
    constant: () => undefined,
  })
  expect(textOf(built)).toBe(textOf(trace(5)))
})
