/** 1-bit gradients: what is sent and what is kept make up the gradient, and the rule is that of `oneBit()`. */
import { describe, expect, it } from 'vitest'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { OneBitCode } from '../../src/distributed/oneBit.ts'
import { constantTensor } from '../../src/graph/sources.ts'
import { zeros } from '../../src/nn/initializers.ts'
import { Parameter } from '../../src/nn/module.ts'
import { chain, oneBit, sgd } from '../../src/optim/index.ts'

/** A filter, a matrix and a bias, at places with gaps between them, and two numbers that are no gradients. */
const layers = [
  { path: 'conv.weight', shape: [3, 2, 3, 3], offset: 0 },
  { path: 'fc.weight', shape: [4, 5], offset: 64 },
  { path: 'fc.bias', shape: [4], offset: 96 },
]
const length = 112
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

const regionOf = (step: number): Float32Array => {
  const values = new Float32Array(length)
  for (const { shape, offset } of layers) {
    for (let k = 0; k < sizeOf(shape); k++) values[offset + k] = Math.sin(offset + 31 * k + 17 * step) * 10 ** (k % 3)
  }
  values.set([2.5, -0.125], 104)
  return values
}

const errorsOf = () => new Map(layers.map(({ path, shape }) => [path, new Float32Array(sizeOf(shape))]))

describe('a packet', () => {
  const code = new OneBitCode(layers, length)

  it('has a bit for each number, two means for each unit, and the numbers that are no gradients', () => {
    const units = 3 + 4 + 1
    const rest = length - 100
    expect(code.bytes).toBe(4 * (2 * units + rest + Math.ceil(100 / 32)))
  })

  it('says what it was made of, but for what is left as the error: sent + error = gradient + old error', () => {
    const errors = errorsOf()
    const packet = new Uint8Array(code.bytes)
    const sent = new Float32Array(length)
    for (let step = 0; step < 4; step++) {
      const values = regionOf(step)
      const before = new Map([...errors].map(([path, error]) => [path, error.slice()]))
      code.encode(values, errors, packet)
      code.decode(packet, sent)
      for (const { path, shape, offset } of layers) {
        for (let k = 0; k < sizeOf(shape); k++) {
          const h = Math.fround(values[offset + k]! + before.get(path)![k]!)
          const sum = sent[offset + k]! + errors.get(path)![k]!
          // The error is rounded once, to single precision: half a unit in the last place of the larger of the two.
          expect(Math.abs(sum - h)).toBeLessThanOrEqual(
            2 ** -24 * Math.max(Math.abs(h), Math.abs(sent[offset + k]!)) * 2,
          )
        }
      }
      expect([...sent.subarray(104, 106)]).toEqual([2.5, -0.125])
    }
  })

  it('has the bits of the rule in plain numbers, also for units that do not begin or end with a byte', () => {
    const odd = [
      { path: 'conv.weight', shape: [3, 2, 3, 3], offset: 0 },
      { path: 'fc.weight', shape: [11, 7], offset: 55 },
      { path: 'fc.bias', shape: [3], offset: 133 },
    ]
    const end = 136
    const plain = new OneBitCode(odd, end)
    const errors = new Map(odd.map(({ path, shape }) => [path, new Float32Array(sizeOf(shape))]))
    const packet = new Uint8Array(plain.bytes)
    for (let step = 0; step < 3; step++) {
      const values = Float32Array.from({ length: end }, (_, k) => Math.sin(31 * k + 17 * step) * 10 ** (k % 5))
      values.set([0, -0], 60)
      const expected = odd.flatMap(({ path, shape, offset }) => {
        const size = shape.length > 1 ? sizeOf(shape.slice(1)) : sizeOf(shape)
        const error = errors.get(path)!
        return Array.from({ length: error.length / size }, (_, unit) => {
          const h = Array.from({ length: size }, (_, k) =>
            Math.fround(values[offset + unit * size + k]! + error[unit * size + k]!),
          )
          const meanOf = (side: readonly number[]) =>
            Math.fround(side.reduce((sum, value) => sum + value, 0) / Math.max(1, side.length))
          const means = [meanOf(h.filter(value => value >= 0)), meanOf(h.filter(value => !(value >= 0)))] as const
          return h.map((value, k) => {
            const sent = value >= 0 ? means[0] : means[1]
            return { path, at: offset + unit * size + k, place: unit * size + k, sent, left: Math.fround(value - sent) }
          })
        }).flat()
      })
      plain.encode(values, errors, packet)
      const decoded = new Float32Array(end).fill(Number.NaN)
      plain.decode(packet, decoded)
      expect(expected.map(({ at }) => decoded[at])).toEqual(expected.map(({ sent }) => sent))
      expect(expected.map(({ path, place }) => errors.get(path)![place])).toEqual(expected.map(({ left }) => left))
      expect(decoded[54]).toBeNaN()
    }
  })

  it('has the numbers of oneBit() of fovea/optim', async () => {
    const engine = createReferenceEngine()
    const parameters = new Map(layers.map(({ path, shape }) => [path, new Parameter(shape, zeros())]))
    // With rate 1 and weights 0, the weights after a step are −q.
    const optimizer = chain(oneBit(), sgd({ lr: 1 }))
    const errors = errorsOf()
    const packet = new Uint8Array(code.bytes)
    const sent = new Float32Array(length)
    const total = new Float64Array(length)
    for (let step = 0; step < 3; step++) {
      const values = regionOf(step)
      const gradients = new Map(
        layers.map(({ path, shape, offset }) => [
          path,
          constantTensor(values.slice(offset, offset + sizeOf(shape)), shape),
        ]),
      )
      const one = constantTensor(Float32Array.of(1), [])
      const updates = optimizer.update(parameters, gradients, one as never)
      await (await engine.compile({ outputs: {}, updates })).run()
      code.encode(values, errors, packet)
      code.decode(packet, sent)
      sent.forEach((value, k) => {
        total[k]! += value
      })
      for (const { path, offset } of layers) {
        const weights = await engine.read(parameters.get(path)!)
        weights.forEach((weight, k) => void expect(-weight).toBeCloseTo(total[offset + k]!, 4))
      }
    }
    await engine.close()
  })
})
