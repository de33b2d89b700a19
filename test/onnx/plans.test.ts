/**
 * Networks of files run as the catalog's do: their plans have the same kernels in the same groups. The files are those of PyTorch's and
 * Keras' exporters, of networks at full size, without their weights, which a plan does not read.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { wasmTarget } from '../../src/backends/wasm/target.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { input } from '../../src/graph/sources.ts'
import { mobilenetV2, resnet50 } from '../../src/models/index.ts'
import { inference, type Module } from '../../src/nn/module.ts'
import { importOnnx } from '../../src/onnx/index.ts'
import { makePlan } from '../../src/plan/plan.ts'

const file = join(import.meta.dirname, '../fixtures/onnx/graphs.json.gz')
const graphs = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Readonly<Record<string, string>>

/** What each thread waits for, step by step: the operation, how it is computed, and the size of its result. */
function groupsOf(network: Module, shape: readonly number[]): string[] {
  const [logits] = simplify([network.forward(input('images', shape, { batched: true }), inference())])
  const { groups } = makePlan({ outputs: { logits: logits! }, updates: new Map() }, wasmTarget())
  return groups.map(({ steps }) =>
    steps
      .map(({ op, form, outputs }) => `${form && 'name' in form ? form.name : op} [${outputs[0].shape.join(', ')}]`)
      .join(' | '),
  )
}

async function imported(name: string, shape: readonly number[]): Promise<string[]> {
  // Weights are a network of zeros: one piece of memory for all of them.
  const zeros = new Uint8Array(2 ** 24)
  const external = async (_: string, __: number, length = 0): Promise<Uint8Array> => zeros.subarray(0, length)
  const bytes = new Uint8Array(Buffer.from(graphs[name]!, 'base64'))
  return groupsOf(await importOnnx(bytes, { external }), shape)
}

const first = [2, 3, 224, 224]
const last = [2, 224, 224, 3]

describe('of PyTorch', () => {
  test.each(['resnet50.script', 'resnet50.dynamo'])('%s is planned as the catalog has it', async name => {
    expect(await imported(name, first)).toEqual(groupsOf(resnet50(), first))
  })

  test.each(['mobilenet_v2.script', 'mobilenet_v2.dynamo'])('%s is planned as the catalog has it', async name => {
    expect(await imported(name, first)).toEqual(groupsOf(mobilenetV2(), first))
  })

  test('a vision transformer multiplies by packed weights, but for the class of a single token', async () => {
    const steps = (await imported('vit_b_16.script', first)).flatMap(group => group.split(' | '))
    const products = steps.filter(step => step.startsWith('matmul'))
    expect(products.filter(step => step.startsWith('matmul by direct'))).toHaveLength(4 * 12)
    expect(products.filter(step => !step.startsWith('matmul by direct'))).toEqual(['matmul [2, 1000]'])
  })
})

describe('of Keras, whose volumes are channels last', () => {
  const kinds = (groups: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {}
    for (const step of groups.flatMap(group => group.split(' | '))) {
      const kind = step.replace(/ \[.*/, '')
      counts[kind] = (counts[kind] ?? 0) + 1
    }
    return counts
  }

  test('MobileNetV2 is that of the catalog, with a transpose of the images where others are copied', async () => {
    const [found, wanted] = [await imported('MobileNetV2.keras', last), groupsOf(mobilenetV2(), first)].map(kinds)
    const { map: copies, ...rest } = wanted!
    expect(copies).toBe(2)
    expect(found).toEqual({ ...rest, transpose: 1 })
  })

  test('ResNet-50 has no transpose besides', async () => {
    const found = kinds(await imported('ResNet50.keras', last))
    expect(found.transpose).toBe(1)
    expect(found.map).toBeUndefined()
  })
})
