/** Convolution by hand, held to the reference backend; what is printed of it adds up. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fixed } from '../../lab/src/draw/format.ts'
import {
  cellValue,
  fitOf,
  inputGradientTerms,
  maximumOf,
  meets,
  type Numbers,
  partOf,
  reads,
  type Sizes,
  transposedTerms,
  transposedWidth,
  weightGradientTerms,
} from '../../lab/src/screens/convolve/arithmetic.ts'
import { fitted, groupChoices, lectureNumbers, lectureSizes, resized } from '../../lab/src/screens/convolve/numbers.ts'
import { factor, printSum } from '../../lab/src/screens/convolve/sums.ts'
import {
  add,
  constantTensor,
  conv2d,
  convTranspose2d,
  evaluateReference,
  gradients,
  maxPool2d,
  mul,
  reshape,
  type Scalar,
  sum,
  type Tensor,
} from '../../src/index.ts'

/** Sizes that fit. */
const sizes: fc.Arbitrary<Sizes> = fc
  .record({
    W: fc.integer({ min: 3, max: 7 }),
    F: fc.integer({ min: 1, max: 3 }),
    S: fc.integer({ min: 1, max: 3 }),
    P: fc.integer({ min: 0, max: 2 }),
    D: fc.constantFrom(1, 2, 4),
    K: fc.constantFrom(1, 2, 4),
    G: fc.constantFrom(1, 2),
  })
  .map(drawn => ({ ...drawn, G: groupChoices(drawn).includes(drawn.G) ? drawn.G : 1 }))

const values = (tensor: Tensor): number[] => [...evaluateReference([tensor])[0]!.values].map(Number)

/** The numbers as graph values: image, weights, bias. */
function tensorsOf({ input, weights, bias, sizes: { W, F, D, K, G } }: Numbers) {
  return {
    image: constantTensor(input.flat(2), [1, D, W, W]),
    filters: constantTensor(weights.flat(3), [K, D / G, F, F]),
    biases: constantTensor([...bias], [K]),
  }
}

const square = (count: number): number[][] =>
  Array.from({ length: count * count }, (_, k) => [Math.floor(k / count), k % count])

describe('Convolve', () => {
  test('computes every cell as the reference backend does', () => {
    fc.assert(
      fc.property(sizes, drawn => {
        const numbers = lectureNumbers(drawn)
        const { image, filters, biases } = tensorsOf(numbers)
        const output = conv2d(image, filters, { stride: drawn.S, padding: drawn.P, groups: drawn.G })
        const expected = values(add(output, reshape(biases, [1, drawn.K, 1, 1])))
        const { windows } = fitOf(drawn)
        const found = numbers.bias.flatMap((_, filter) =>
          square(windows).map(([row = 0, column = 0]) => cellValue(numbers, { filter, row, column })),
        )
        expect(found).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })

  test('gives the gradients of weights and inputs that the reference backend gives', () => {
    const numbers = lectureNumbers({ ...lectureSizes, K: 1 })
    const { image, filters } = tensorsOf(numbers)
    const upstream = [
      [1, 0, 2],
      [0, -1, 0],
      [3, 0, 1],
    ]
    const output = conv2d(image, filters, { stride: 2, padding: 1 })
    const loss = sum(mul(output, constantTensor(upstream.flat(), [1, 1, 3, 3]))) as Scalar
    const [dx, dw] = gradients(loss, [image, filters]).map(values)
    const total = (terms: readonly { gradient: number; input?: number; weight?: number }[]): number =>
      terms.reduce((all, { gradient, input = 1, weight = 1 }) => all + gradient * input * weight, 0)
    const channels = [0, 1, 2]
    expect(
      channels.flatMap(c => square(3).map(([v = 0, h = 0]) => total(weightGradientTerms(numbers, upstream, c, v, h)))),
    ).toEqual(dw)
    expect(
      channels.flatMap(c =>
        square(5).map(([y = 0, x = 0]) => total(inputGradientTerms(numbers, upstream, numbers.weights[0]![c]!, y, x))),
      ),
    ).toEqual(dx)
  })

  test('pools and stamps as the reference backend does', () => {
    const drawn: Sizes = { W: 6, F: 2, S: 2, P: 0, D: 2, K: 1, G: 1 }
    const numbers = lectureNumbers(drawn)
    const { image } = tensorsOf(numbers)
    const pooled = [0, 1].flatMap(c => square(3).map(([y = 0, x = 0]) => maximumOf(numbers, c, y, x).value))
    expect(pooled).toEqual(values(maxPool2d(image, 2)))

    const overlapping = lectureNumbers({ ...drawn, W: 4, F: 3, P: 1, D: 1 })
    const kernel = overlapping.weights[0]![0]!
    const first = constantTensor(overlapping.input[0]!.flat(), [1, 1, 4, 4])
    const stamped = convTranspose2d(first, constantTensor(kernel.flat(), [1, 1, 3, 3]), { stride: 2, padding: 1 })
    const side = transposedWidth(overlapping.sizes)
    expect(stamped.shape).toEqual([1, 1, side, side])
    const found = square(side).map(([y = 0, x = 0]) =>
      transposedTerms(overlapping, kernel, 0, y, x).reduce((all, { input, weight }) => all + input * weight, 0),
    )
    expect(found).toEqual(values(stamped))
  })

  test('knows which outputs a pixel reaches and where a weight is used: they are the pairs that a product has', () => {
    fc.assert(
      fc.property(sizes, drawn => {
        const { windows } = fitOf(drawn)
        for (const [row = 0, column = 0] of square(drawn.W)) {
          const reached = square(windows).filter(([i = 0, j = 0]) => reads(drawn, i, j, { row, column }))
          const weights = square(drawn.F).filter(([v = 0, h = 0]) => meets(drawn, v, h, { row, column }))
          expect(reached).toHaveLength(weights.length)
        }
      }),
      { numRuns: 30 },
    )
  })

  test.each([
    [
      { W: 5, F: 3, S: 2, P: 1 },
      { exact: 3, windows: 3, lost: 0 },
    ],
    // The lecture's own example of what does not fit: 7 × 7 with 3 × 3 at stride 3.
    [
      { W: 7, F: 3, S: 3, P: 0 },
      { exact: 7 / 3, windows: 2, lost: 1 },
    ],
    [
      { W: 3, F: 5, S: 1, P: 0 },
      { exact: -1, windows: 0, lost: 0 },
    ],
  ])('says whether %j fits', (given, expected) => {
    const fit = fitOf({ ...lectureSizes, ...given })
    expect(fit.windows).toBe(expected.windows)
    expect(fit.lost).toBe(expected.lost)
    expect(fit.exact).toBeCloseTo(expected.exact, 12)
  })

  test('keeps numbers that were dragged when sizes change', () => {
    const numbers = lectureNumbers(lectureSizes)
    const dragged: Numbers = { ...numbers, bias: [42, 0] }
    const larger = fitted(dragged, resized(lectureSizes, 'W', 7))
    expect(larger.bias).toEqual([42, 0])
    expect(larger.input[2]![4]![4]).toBe(numbers.input[2]![4]![4])
    expect(larger.input[0]).toHaveLength(7)
  })
})

describe('a printed sum', () => {
  test('adds up exactly as it is printed, rounding included', () => {
    const read = (text: string): number => Number(text.replace('−', '-'))
    fc.assert(
      fc.property(fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 8 }), numbers => {
        const { terms, total, rounding = '0' } = printSum(numbers, 2)
        const decimals = total.split('.')[1]?.length ?? 0
        const printed = terms.map(read).reduce((a, b) => a + b, 0) + read(rounding)
        expect(fixed(printed, decimals)).toBe(total)
      }),
    )
  })

  test('of whole numbers has no decimals', () => {
    expect(printSum([-3, -2, -3, 1], 0)).toEqual({ terms: ['−3', '−2', '−3', '1'], total: '−7' })
    expect([factor('2'), factor('−1')]).toEqual(['2', '(−1)'])
  })

  test('is what the parts of a cell make', () => {
    const numbers = lectureNumbers(lectureSizes)
    const cell = { filter: 1, row: 2, column: 0 }
    const parts = [0, 1, 2].map(channel => partOf(numbers, cell, channel))
    expect(printSum([...parts, numbers.bias[1]!], 0).total).toBe(fixed(cellValue(numbers, cell), 0))
  })
})
