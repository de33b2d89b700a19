/** The file of a classifier: what comes out is what went in, to the bit; and a broken one is refused in words. */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { type ClassifierInfo, readClassifier, writeClassifier } from '../../src/classifier/artifact.ts'
import { ClassifierError } from '../../src/classifier/errors.ts'
import { loadClassifier } from '../../src/classifier/index.ts'
import { dequantize, encodeWeights, toHalf, type WeightType } from '../../src/classifier/weightData.ts'
import { openSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts'
import { bytesSource } from '../../src/formats/source.ts'
import { WeightsError } from '../../src/formats/weightsFile.ts'
import * as g from '../../src/graph/index.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { lenet5, resnet } from '../../src/models/index.ts'
import { ImageClassifier } from '../../src/nn/imageClassifier.ts'
import { type ForwardContext, Module } from '../../src/nn/module.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { Evaluator } from '../../src/train/evaluate.ts'

const classes = [...'0123456789']
const digits: ClassifierInfo = { name: 'digits', classes, shape: [28, 28, 1], subject: 'digit' }

const lenet = () => new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(1)

const noise = (length: number, seed = 0): Uint8Array => {
  const random = new RandomSequence(seed, 'pixels')
  return Uint8Array.from({ length }, () => random.integer(256))
}

/** Probabilities of a few images, by an engine of one thread. */
async function answers(model: Module, { shape }: Pick<ClassifierInfo, 'shape'>, backend: 'wasm' | 'reference') {
  const engine = backend === 'wasm' ? createEngine({ threads: 1 }) : createEngine({ backend })
  try {
    const evaluator = new Evaluator(engine, model, shape)
    const size = shape[0] * shape[1] * shape[2]
    return await Promise.all([0, 1, 2].map(seed => evaluator.predict(noise(size, seed))))
  } finally {
    await engine.close()
  }
}

describe('a round trip', () => {
  test.each(['wasm', 'reference'] as const)('LeNet-5 answers to the bit as before, %s', async backend => {
    const model = lenet()
    const { network, ...read } = await readClassifier(bytesSource(writeClassifier(model, digits)))
    expect(read).toEqual({ ...digits, weights: 'float32', shorterSide: undefined, origin: undefined })
    expect(await answers(network, digits, backend)).toEqual(await answers(model, digits, backend))
  })

  test('batch norm, shortcuts, a shorter side and an origin', async () => {
    const model = new ImageClassifier(
      normalize({ mean: [0.5, 0.5, 0.5], std: [0.2, 0.3, 0.4] }),
      resnet(18, { classes: 4 }),
    ).initialize(2)
    const info: ClassifierInfo = {
      name: 'four',
      classes: ['a', 'b', 'c', 'd'],
      shape: [32, 32, 3],
      subject: 'picture',
      shorterSide: 37,
      origin: { data: 'noise', accuracy: 0.25 },
    }
    const { network, ...read } = await readClassifier(bytesSource(writeClassifier(model, info)))
    expect(read).toEqual({ ...info, weights: 'float32' })
    expect(await answers(network, info, 'wasm')).toEqual(await answers(model, info, 'wasm'))
  })

  test('constants of many values are tensors of the file', async () => {
    const random = new RandomSequence(5, 'mask')
    const mask = Float32Array.from({ length: 28 * 28 }, () => random.uniform())
    class Masked extends Module {
      readonly network = lenet5()
      override forward(images: Tensor, context: ForwardContext): Tensor {
        const x = g.transpose(g.mul(images, 1 / 255), [0, 3, 1, 2])
        return this.network.forward(g.mul(x, g.constantTensor(mask, [1, 1, 28, 28])), context)
      }
    }
    const model = new Masked().initialize(3)
    const file = writeClassifier(model, digits)
    expect([...(await openSafetensors(bytesSource(file))).tensors.keys()].join()).toMatch(/constant:\d+/)
    const { network } = await readClassifier(bytesSource(file))
    expect(await answers(network, digits, 'wasm')).toEqual(await answers(model, digits, 'wasm'))
  })

  test('the same model gives the same file', () => {
    expect(writeClassifier(lenet(), digits)).toEqual(writeClassifier(lenet(), digits))
  })
})

describe('weights in fewer bytes', () => {
  test('half precision: every one of its numbers is itself, and what is between goes to the nearest, ties to even', async () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, k) => k).filter(k => (k & 0x7c00) !== 0x7c00)
    const file = writeSafetensors([['x', { shape: [bits.length], dtype: 'F16', bytes: new Uint8Array(bits.buffer) }]])
    const values = (await (await openSafetensors(bytesSource(file))).tensors.get('x')?.read()) as Float32Array
    expect(Uint16Array.from(values, toHalf)).toEqual(bits)
    // Halfway between two neighbors, and a step of float32 to either side.
    const positive = [...bits.keys()].filter(k => bits[k] < 0x7bff)
    for (const k of positive) {
      const [below, above] = [values[k], values[k + 1]]
      const middle = (below + above) / 2
      const step = middle * 2 ** -20
      expect([toHalf(middle - step), toHalf(middle), toHalf(middle + step)]).toEqual(
        middle - step === middle ? [0, 0, 1] : [bits[k], bits[k] + (bits[k] % 2), bits[k] + 1],
      )
    }
    expect([65519.996, 65520, Number.POSITIVE_INFINITY, Number.NaN, -0].map(toHalf)).toEqual([
      0x7bff, 0x7c00, 0x7c00, 0x7e00, 0x8000,
    ])
  })

  test('8 bits: no weight is off by more than half a step of its channel, and the largest is exact', () => {
    const random = new RandomSequence(1, 'weights')
    const shape = [5, 3, 3, 3]
    const values = Float32Array.from({ length: 135 }, (_, k) => (random.uniform() - 0.5) * 10 ** Math.floor(k / 27))
    values.fill(0, 54, 81)
    const [[, { values: integers }], [name, { values: scales }]] = encodeWeights(
      'w',
      shape,
      values,
      'int8',
    ) as never as [[string, { values: Int8Array }], [string, { values: Float32Array }]]
    expect(name).toBe('w:scale')
    const back = dequantize(shape, integers, scales)
    values.forEach((value, k) => {
      expect(Math.abs(back[k] - value)).toBeLessThanOrEqual(0.5000001 * scales[Math.floor(k / 27)])
    })
    expect(scales[2]).toBe(0)
    for (let channel = 0; channel < 5; channel++) {
      if (channel !== 2) expect(Math.max(...integers.subarray(27 * channel, 27 * channel + 27).map(Math.abs))).toBe(127)
    }
  })

  test.each([
    ['float16', 2, 2e-3],
    ['int8', 4, 3e-2],
  ] as const)('%s: a file of a part of the size, nearly the same answers', async (weights, part, departure) => {
    const model = lenet()
    const whole = writeClassifier(model, digits)
    const file = writeClassifier(model, digits, { weights: weights as WeightType })
    // Besides weights: the header, biases and scales.
    expect(file.length).toBeLessThan(whole.length / part + 8000)
    const { network, weights: stored } = await readClassifier(bytesSource(file))
    expect(stored).toBe(weights)
    const [wanted, got] = [await answers(model, digits, 'reference'), await answers(network, digits, 'reference')]
    got.forEach((row, k) => {
      row.forEach((value, c) => {
        expect(Math.abs(value - wanted[k][c])).toBeLessThan(departure)
      })
    })
    expect(got).not.toEqual(wanted)
  })

  test('what half precision cannot hold is refused', () => {
    const model = lenet()
    model.variables().get('fc3.weight')?.value.fill(70_000)
    expect(() => writeClassifier(model, digits, { weights: 'float16' })).toThrow(
      'fc3.weight: 70000 is more than float16 holds (65504): store the weights as float32',
    )
  })
})

describe('what is refused', () => {
  const file = writeClassifier(lenet(), digits)
  const read = (bytes: Uint8Array) => readClassifier(bytesSource(bytes, 'x.fovea'))

  /** The file with other metadata, or without some tensors. */
  async function changed(change: (data: Data) => unknown, without: readonly string[] = []): Promise<Uint8Array> {
    const { tensors, other } = await openSafetensors(bytesSource(file))
    const data = JSON.parse(String(other.get('fovea.classifier'))) as Data
    const json = JSON.stringify(change(data) ?? data)
    const entries = await Promise.all(
      [...tensors].map(async ([name, { shape, read }]) => [name, { shape, values: await read() }] as const),
    )
    return writeSafetensors(
      entries.filter(([name]) => !without.includes(name)),
      { 'fovea.classifier': json },
    )
  }
  const change = ({ graph }: Data, value: number, fields: object): void => {
    Object.assign(graph[value] as object, fields)
  }
  const changeWith = (data: Data, value: number, attributes: object): void =>
    void Object.assign(data.graph[value].with as object, attributes)
  type Data = { [field: string]: unknown; graph: { [field: string]: unknown }[] }

  test('a model with another number of outputs than classes', () => {
    expect(() => writeClassifier(lenet(), { ...digits, classes: ['a', 'b'] })).toThrow(
      "digits: the model's output is [1, 10], expected [1, 2] for 2 classes",
    )
  })

  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(), 'x.fovea: is no classifier'],
    ['a picture', noise(100), 'x.fovea: is no classifier'],
    ['weights', writeSafetensors(lenet().state()), 'x.fovea: holds weights, but is no classifier'],
    ['half a file', file.subarray(0, file.length / 2), 'x.fovea'],
    ['metadata that are not JSON', writeSafetensors([], { 'fovea.classifier': '{' }), 'is not JSON'],
  ])('%s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message)
  })

  test.each<[string, (data: Data) => unknown, string]>([
    ['a later version', data => ({ ...data, version: 2 }), 'is a classifier of format 2; this version of Fovea reads'],
    ['no classes', data => ({ ...data, classes: [] }), 'classes (=[]) must be a list of at least one name'],
    ['a field that is unknown', data => ({ ...data, sise: 3 }), "unknown field 'sise'"],
    ['a shape of two', data => ({ ...data, shape: [28, 28] }), 'must be three whole numbers'],
    ['another shape', data => ({ ...data, shape: [28, 28, 3] }), 'x.fovea: value'],
    [
      'a class too many',
      data => ({ ...data, classes: [...classes, 'x'] }),
      'expected f32 [1, 11]: a logit for each class',
    ],
    ['no values', data => ({ ...data, graph: [] }), 'x.fovea'],
    ['an operation that is none', data => change(data, 5, { op: 'eval' }), 'is no operation of a classifier'],
    ['a name of every object', data => change(data, 5, { op: '__proto__' }), 'is no operation of a classifier'],
    ['an input from nowhere', data => change(data, 5, { of: [99] }), 'input 99 is none of the values before it'],
    ['an input from ahead', data => change(data, 5, { of: [5] }), 'input 5 is none of the values before it'],
    ['an input too many', data => change(data, 5, { of: [3, 4, 4] }), "'conv2d' has 3 inputs, expected 2"],
    ['weights of another kernel', data => change(data, 5, { of: [3, 3] }), 'expected weights of a kernel 5×5, got [1,'],
    ['a stride of minus one', data => changeWith(data, 10, { stride: [-1, -1] }), 'stride (=-1, -1) must be whole'],
    ['half a dilation', data => changeWith(data, 10, { dilation: [0.5, 1] }), 'dilation (=0.5, 1) must be whole'],
    ['no expression', data => changeWith(data, 2, { expression: 1 }), 'its expression is none'],
    [
      'an expression of more inputs',
      data => changeWith(data, 2, { expression: { $expression: [['input', 1]] } }),
      'its expression reads input 1 of 1',
    ],
    [
      'an expression of what every list has',
      data =>
        changeWith(data, 2, {
          expression: {
            $expression: [
              ['input', 0],
              ['relu', 'length'],
            ],
          },
        }),
      'is no node of an expression',
    ],
    ['a negative size', data => changeWith(data, 32, { shape: [-1, 10] }), 'x.fovea: value 32'],
    [
      'logits that do not depend on the images',
      data => {
        const values = new Array<number>(10).fill(0.5)
        return { ...data, graph: [{ input: 'images' }, { constant: values, shape: [1, 10], dtype: 'f32' }] }
      },
      'the graph does not read its images',
    ],
    [
      'a constant of no type',
      data => ({ ...data, graph: [{ input: 'images' }, { constant: [1], shape: [], dtype: 'f16' }] }),
      "'f16' is no element type",
    ],
    [
      'half an index',
      data => ({ ...data, graph: [{ input: 'images' }, { constant: [0.5], shape: [1], dtype: 'i32' }] }),
      'a constant of i32 must be whole numbers',
    ],
    ['no attributes', data => void delete data.graph.find(({ op }) => op === 'conv2d')?.with, 'x.fovea: value'],
  ])('%s', async (_, edit, message) => {
    const error = await read(await changed(edit)).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ClassifierError)
    expect(String(error)).toContain(message)
  })

  test('a tensor that is not there', async () => {
    await expect(read(await changed(data => data, ['fc3.bias']))).rejects.toThrow(
      "x.fovea: its graph names a tensor 'fc3.bias' that it does not hold",
    )
  })

  test('whatever is changed in the graph: an error of ours, or a classifier', async () => {
    const random = new RandomSequence(9, 'mutations')
    const values = [null, -1, 0, 1, 2.5, 1e9, 'x', [], [1], {}, { $batch: [1, 0] }, { $number: 'NaN' }, true]
    const places = (node: unknown): [Record<string, unknown>, string][] =>
      typeof node === 'object' && node !== null
        ? Object.keys(node).flatMap(key => [
            [node as Record<string, unknown>, key] as [Record<string, unknown>, string],
            ...places((node as Record<string, unknown>)[key]),
          ])
        : []
    let refused = 0
    for (let round = 0; round < 300; round++) {
      const bytes = await changed(data => {
        const all = places(data.graph)
        const [object, key] = all[random.integer(all.length)]
        object[key] = values[random.integer(values.length)]
      })
      const error = await read(bytes).catch((error: unknown) => error)
      if (!(error instanceof Error)) continue
      refused++
      expect(error instanceof ClassifierError || error instanceof WeightsError, String(error.stack)).toBe(true)
      expect(error.message).toContain('x.fovea')
    }
    expect(refused).toBeGreaterThan(100)
  })
})

describe('as a function', () => {
  test('classes by their probability; pixels of any size and form', async () => {
    const classify = await loadClassifier(writeClassifier(lenet(), digits))
    const side = 40
    const gray = Uint8Array.from({ length: side * side }, (_, k) => (Math.abs((k % side) - 20) < 4 ? 230 : 10))
    const rgba = new Uint8ClampedArray(4 * gray.length).map((_, k) => (k % 4 === 3 ? 255 : gray[k >> 2]))
    const all = await classify({ pixels: gray, width: side, height: side, channels: 1 })
    expect(all.map(({ class: name }) => name).sort()).toEqual(classes)
    expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6)
    expect(all.map(({ probability }) => probability)).toEqual(all.map(p => p.probability).sort((a, b) => b - a))
    expect(all.every(({ class: name, index }) => classes[index] === name)).toBe(true)
    expect(await classify({ data: rgba, width: side, height: side }, { top: 2 })).toEqual(all.slice(0, 2))
    // Two at once.
    const both = await Promise.all([0, 1].map(() => classify({ data: rgba, width: side, height: side })))
    expect(both).toEqual([all, all])
    await expect(classify({ data: rgba, width: side, height: side }, { top: 0 })).rejects.toThrow('top (=0) must be')
    await expect(classify({ data: rgba, width: 3, height: 3 })).rejects.toThrow('bytes')
    await expect(classify(new Blob([]) as never)).rejects.toThrow('is no picture here')
    expect(classify.info).toMatchObject({ name: 'digits', subject: 'digit' })
    await classify.close()
  })

  test('an engine that is given stays open', async () => {
    const engine = createEngine({ threads: 1 })
    const classify = await loadClassifier(writeClassifier(lenet(), digits), { engine })
    await classify.close()
    const again = await loadClassifier(writeClassifier(lenet(), digits), { engine })
    await again.close()
    await engine.close()
  })

  test('an address that is none, and one that answers with something else', async () => {
    await expect(loadClassifier('cats.fovea')).rejects.toThrow('is not an address, and there is no page')
    const page = new Response('<p>Not found', { status: 404, statusText: 'Not Found' })
    await expect(loadClassifier(page)).rejects.toThrow('404')
  })
})
