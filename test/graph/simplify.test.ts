/** Simplification: fewer operations, the same values and gradients. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as g from '../../src/graph/index.ts'
import { structuralKey } from '../../src/graph/structuralKey.ts'

const operations = (...roots: g.Tensor[]): string[] =>
  g.topologicalOrder(roots).flatMap(({ op }) => (op === 'source' ? [] : [op]))
const x = g.input('x', [1, 1, 4, 6]) as g.Volume
const values = { x: Array.from({ length: 24 }, (_, i) => ((i * 7) % 11) - 6) }

describe('equal operations become one', () => {
  test('on equal inputs with equal attributes, through several levels', () => {
    const [left, right] = [g.exp(g.mul(x, 2)), g.exp(g.mul(x, 2))]
    const [sum] = g.simplify([g.sub(g.square(left), right)])
    expect(operations(sum!)).toEqual(['map', 'map', 'map', 'map'])
    const [a, b] = g.simplify([left, right])
    expect(a).toBe(b)
  })

  test('random numbers of one stream too, of different streams not', () => {
    const key = g.input('key', [2], { dtype: 'i32' })
    const [a, b, c] = g.simplify(['drop', 'drop', 'other'].map(path => g.randomUniform(key, [4], path)))
    expect(a).toBe(b)
    expect(a).not.toBe(c)
  })

  test('equal small constants too; −0 is not 0, i32 is not f32', () => {
    const constants = [
      g.constantTensor([0, 1], [2]),
      g.constantTensor(Float32Array.of(0, 1), [2]),
      g.constantTensor([-0, 1], [2]),
      g.constantTensor([0, 1], [2], 'i32'),
    ]
    const [a, b, c, d] = g.simplify(constants.map(constant => g.concat([g.exp(constant), g.exp(constant)])))
    expect(a).toBe(b)
    expect(new Set([a, c, d]).size).toBe(3)
  })

  test('different attributes stay apart', () => {
    const roots = [
      g.max(x, 2),
      g.max(x, 3),
      g.min(x, 2),
      g.mul(x, 2),
      g.mul(x, 3),
      g.maxPool2d(x, 2),
      g.maxPool2d(x, [2, 3]),
    ]
    expect(new Set(g.simplify(roots)).size).toBe(roots.length)
  })

  test('a stopped gradient is not the value itself', () => {
    const y = g.exp(x)
    const [a, b] = g.simplify([g.mul(g.stopGradient(y), 1), g.mul(y, 1)])
    expect(a).not.toBe(b)
    const [loss] = g.simplify([g.sum(g.mul(y, g.stopGradient(y)))])
    const expected = g.gradients(g.sum(g.mul(y, g.stopGradient(y))), [x])
    expect(g.evaluateReference(g.gradients(loss as g.Scalar, [x]), values)).toEqual(
      g.evaluateReference(expected, values),
    )
  })

  test('keys of attributes do not depend on the order of fields, and tell values apart', () => {
    expect(structuralKey({ a: 1, b: [2, -0] })).toBe(structuralKey({ b: [2, -0], a: 1 }))
    expect(structuralKey({ a: 1, c: undefined })).toBe(structuralKey({ a: 1 }))
    const different = [
      { a: [1, 2] },
      { a: [12] },
      { a: '1,2' },
      { a: [1], b: 2 },
      { a: 0 },
      { a: -0 },
      {},
      undefined,
      null,
    ]
    expect(new Set(different.map(structuralKey)).size).toBe(different.length)
  })
})

describe('shape operations', () => {
  test('reshapes of reshapes, and those that do nothing', () => {
    const [a, b] = g.simplify([
      g.exp(g.reshape(g.reshape(x, [4, 6]), [2, 12])),
      g.exp(g.reshape(g.reshape(x, [4, 6]), [1, 1, 4, 6])),
    ])
    expect(operations(a!)).toEqual(['reshape', 'map'])
    expect(a!.inputs[0]!.inputs[0]).toBe(x)
    expect(b!.inputs[0]).toBe(x)
  })

  test('transposes of transposes', () => {
    const [a, b] = g.simplify([
      g.transpose(g.transpose(x, [0, 2, 3, 1]), [0, 3, 1, 2]),
      g.transpose(g.transpose(x, [0, 2, 3, 1]), [3, 0, 2, 1]),
    ])
    expect(a).toBe(x)
    expect(operations(b!)).toEqual(['transpose'])
    expect(b!.attributes).toEqual({ permutation: [1, 0, 3, 2] })
  })

  test('a transposed factor becomes a flag of the product', () => {
    const [a, b] = [g.input('a', [3, 2]), g.input('b', [4, 3])]
    const product = g.matmul(g.transpose(a) as g.Matrix, g.transpose(b) as g.Matrix)
    const [simple] = g.simplify([product])
    expect(operations(simple!)).toEqual(['matmul'])
    const inputs = { a: [1, 2, 3, 4, 5, 6], b: Array.from({ length: 12 }, (_, i) => i * i) }
    expect(g.evaluateReference([simple!], inputs)).toEqual(g.evaluateReference([product], inputs))
  })
})

describe('numbers', () => {
  test('that fill a tensor move into the expressions that read them', () => {
    const [filled] = g.simplify([g.add(g.mul(x, g.full([1, 1, 4, 6], 3)), g.constantTensor(2))])
    expect(operations(filled!)).toEqual(['map', 'map'])
    expect(g.topologicalOrder([filled!]).filter(({ source }) => source)).toEqual([x])
  })

  test('keep the shape they were broadcast to', () => {
    const [y] = g.simplify([g.add(g.input('s', []), g.full([2, 3], 1))])
    expect(y!.shape).toEqual([2, 3])
    expect(g.evaluateReference([y!], { s: 4 })[0]!.values).toEqual(new Float64Array(6).fill(5))
  })
})

describe('maxPool2d(relu(x))', () => {
  test('becomes relu(maxPool2d(x)), with the same value and gradient', () => {
    const y = g.maxPool2d(g.relu(x).named('relu1'), 2).named('pool1')
    const [moved] = g.simplify([y])
    expect(moved!.op).toBe('map')
    expect(operations(moved!)).toEqual(['maxPool2d', 'map'])
    const compare = (pooled: g.Tensor): unknown => {
      const weights = g.constantTensor([1, -2, 3, 4, 5, -6], pooled.shape)
      const loss = g.sum(g.mul(pooled, weights))
      return g
        .evaluateReference([pooled, ...g.gradients(loss, [x])], values)
        .map(({ values: data }) => Array.from(data, v => v + 0))
    }
    expect(compare(moved!)).toEqual(compare(y))
  })

  test('the same for any values and windows', () => {
    const list = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 24, maxLength: 24 })
    const window = fc.record({
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      pad: fc.boolean(),
    })
    fc.assert(
      fc.property(list, window, (numbers, { kernel, stride, pad }) => {
        const y = g.maxPool2d(g.relu(x), kernel, { stride, padding: pad ? Math.floor(kernel / 2) : 0 })
        const [moved] = g.simplify([y])
        const upstream = g.constantTensor(
          Array.from({ length: g.sizeOf(y.shape) }, (_, i) => i + 1),
          y.shape,
        )
        const [dx, dMoved] = [y, moved!].map(pooled => g.gradients(g.sum(g.mul(pooled, upstream)), [x])[0]!)
        const results = g.evaluateReference([y, moved!, dx!, dMoved!], { x: numbers })
        expect(results[1]).toEqual(results[0])
        expect(results[3]).toEqual(results[2])
      }),
      { seed: 20_250_104, numRuns: 200 },
    )
  })

  test('stays when something else reads the rectified values, or they are asked for', () => {
    const activation = g.relu(x)
    const pooled = g.maxPool2d(activation, 2)
    const [withReader] = g.simplify([g.add(g.sum(pooled), g.sum(activation))])
    expect(operations(withReader!)).toEqual(operations(g.add(g.sum(pooled), g.sum(activation))))
    expect(g.simplify([pooled, activation])[0]!.op).toBe('maxPool2d')
  })

  test('two equal branches become one before they are moved', () => {
    const branch = (): g.Tensor => g.maxPool2d(g.relu(x), 2)
    const [sum] = g.simplify([g.add(g.exp(branch()), branch())])
    expect(operations(sum!).filter(op => op === 'maxPool2d')).toHaveLength(1)
    expect(g.evaluateReference([sum!], values)).toEqual(g.evaluateReference([g.add(g.exp(branch()), branch())], values))
  })

  test('other functions stay where they are', () => {
    const [y] = g.simplify([g.maxPool2d(g.abs(x), 2)])
    expect(y!.op).toBe('maxPool2d')
  })
})

describe('transposes of volumes', () => {
  const volume = g.input('volume', [2, 3, 4, 5])
  const last = (y: g.Tensor): g.Tensor => g.transpose(y, [0, 2, 3, 1])
  const first = (y: g.Tensor): g.Tensor => g.transpose(y, [0, 3, 1, 2])
  const perChannel = g.input('perChannel', [3])
  const inputs = {
    volume: Array.from({ length: 120 }, (_, i) => Math.sin(i)),
    perChannel: [1, -2, 3],
    table: Array.from({ length: 15 }, (_, i) => i),
  }

  /** Operations that are left; the values are the same. */
  function left(root: g.Tensor): string[] {
    const [simple] = g.simplify([root])
    const [before, after] = [root, simple!].map(y => g.evaluateReference([y], inputs)[0]!)
    expect(after!.shape).toEqual(before!.shape)
    // Sums of up to sixty numbers in another order, in double precision.
    after!.values.forEach((value, i) => {
      expect(value).toBeCloseTo(before!.values[i]!, 12)
    })
    return operations(simple!)
  }

  test.each<[string, (y: g.Tensor) => g.Tensor, string[]]>([
    ['element-wise work by numbers per channel', y => g.relu(g.mul(y, perChannel)), ['reshape', 'map', 'map']],
    ['two of them in one sum', y => g.add(y, last(g.exp(volume))), ['map', 'map']],
    ['padding', y => g.pad(y, { before: [0, 1, 0, 0], after: [0, 2, 3, 0], value: 7 }), ['pad']],
    ['a part', y => g.slice(y, [0, 1, 0, 1], [2, 4, 4, 3], [1, 2, 3, 1]), ['slice']],
    ['parts that are joined', y => g.concat([y, g.exp(y)], 3), ['map', 'concat']],
    ['sums that keep their axes', y => g.sum(y, [1, 2], { keepDims: true }), ['reduce']],
  ])('meet behind %s and cancel', (_, work, expected) => {
    expect(left(first(work(last(volume))))).toEqual(expected)
  })

  test('end at a sum over all positions', () => {
    expect(left(g.sum(last(volume), [1, 2]))).toEqual(['reduce'])
    expect(left(g.sum(last(volume), [3]))).toEqual(['reduce'])
  })

  test('stay before a sum that leaves axes in another order', () => {
    expect(left(g.sum(last(volume), [2]))).toEqual(['transpose', 'reduce'])
  })

  test('stay where other values are not transposed alike', () => {
    expect(left(g.add(last(volume), g.input('table', [5, 3])))).toEqual(['transpose', 'map'])
    expect(left(g.concat([last(volume), g.exp(g.reshape(volume, [2, 4, 5, 3]))], 0))).toEqual(
      expect.arrayContaining(['transpose', 'concat']),
    )
  })

  test('are views when they move nothing but axes of size 1', () => {
    const gate = g.sum(last(volume), [1, 2], { keepDims: true })
    expect(left(g.exp(gate))).toEqual(['reduce', 'map', 'reshape'])
  })
})

describe('padding with zeros', () => {
  const w = g.input('w', [2, 1, 3, 3]) as g.Volume
  const padded = (value = 0, size = 1): g.Volume =>
    g.pad(x, { before: [0, 0, size, 0], after: [0, 0, 1, 2], value }) as g.Volume
  const simplified = (image: g.Volume): g.Tensor =>
    g.simplify([g.conv2d(image, w, { padding: { top: 1, bottom: 0, left: 1, right: 0 } })])[0]!

  test('becomes that of the convolution behind it, also by way of a transpose', () => {
    const y = simplified(padded())
    expect(operations(y)).toEqual(['conv2d'])
    expect(y.attributes).toMatchObject({ padding: { top: 2, bottom: 1, left: 1, right: 2 } })
    const turned = g.pad(g.input('t', [1, 4, 6, 1]), { before: [0, 1, 0, 0], after: [0, 1, 2, 0] })
    const z = simplified(g.transpose(turned, [0, 3, 1, 2]) as g.Volume)
    expect(operations(z)).toEqual(['reshape', 'conv2d'])
    const kernel = Array.from({ length: 18 }, (_, i) => Math.sin(i))
    const plain = g.conv2d(padded(), w, { padding: { top: 1, bottom: 0, left: 1, right: 0 } })
    const [expected] = g.evaluateReference([plain], { ...values, w: kernel })
    expect(g.evaluateReference([y], { ...values, w: kernel })[0]).toEqual(expected)
    expect(g.evaluateReference([z], { t: values.x, w: kernel })[0]).toEqual(expected)
  })

  test('stays where it is of other numbers, or more than a window', () => {
    expect(operations(simplified(padded(1)))).toEqual(['pad', 'conv2d'])
    expect(operations(simplified(padded(0, 2)))).toEqual(['pad', 'conv2d'])
  })
})

describe('the given graph', () => {
  test('is left as it is', () => {
    const activation = g.relu(x).named('relu1')
    const y = g.maxPool2d(activation, 2)
    const again = g.relu(x)
    const [moved] = g.simplify([y])
    g.simplify([again, activation])
    expect(moved).not.toBe(y)
    expect(y.inputs[0]).toBe(activation)
    expect([y.label, again.label, activation.label]).toEqual([undefined, undefined, 'relu1'])
    expect(x.label).toBe('x')
  })

  test('labels survive on the copies, also when the first of two equal values has none', () => {
    const [a, b] = g.simplify([g.exp(g.mul(x, 2)).named('e'), g.mul(x, 2).named('twice')])
    expect([a!.label, b!.label, a!.inputs[0]!.label]).toEqual(['e', 'twice', 'twice'])
    const [c] = g.simplify([g.reshape(g.exp(x), [1, 1, 4, 6]).named('same')])
    expect(c!.label).toBe('same')
  })

  test('a whole gradient shrinks and keeps its values', () => {
    const w = g.input('w', [2, 1, 3, 3]) as g.Volume
    const h = g.maxPool2d(g.relu(g.conv2d(x, w, { padding: 1 })) as g.Volume, 2)
    const loss = g.mean(g.square(h))
    const roots = [loss, ...g.gradients(loss, [x, w])]
    const simple = g.simplify(roots)
    const inputs = { ...values, w: Array.from({ length: 18 }, (_, i) => Math.sin(i)) }
    expect(operations(...simple).length).toBeLessThan(operations(...roots).length)
    const [before, after] = [roots, simple].map(list =>
      g.evaluateReference(list, inputs).flatMap(({ values: data }) => [...data]),
    )
    after!.forEach((value, i) => {
      expect(value).toBeCloseTo(before![i]!, 12)
    })
  })
})
