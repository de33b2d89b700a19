/** Errors of the vector functions against doubles, in ulp of the exact value, over every binade and dense intervals. */
import { expect, test } from 'vitest'
import { type MathFunction, MathLibrary } from '../../../src/backends/wasm/emit/math.ts'
import { ModuleBuilder } from '../../../src/backends/wasm/emit/module.ts'
import { erf } from '../../../src/graph/erf.ts'

const names: readonly MathFunction[] = ['exp', 'log', 'tanh', 'sigmoid', 'sin', 'cos', 'erf']
const capacity = 65536

/** Runs each function over the elements of an array, four at a time. */
const run = (() => {
  const module = new ModuleBuilder(false)
  const math = new MathLibrary(module)
  for (const name of names) {
    const f = module.function(['i32'], [], name)
    const address = f.local('i32')
    f.for(
      address,
      { value: 0 },
      0,
      () => {
        f.get(address).get(address).memory('v128.load').call(math.function(name)).memory('v128.store')
      },
      16,
    )
  }
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16 })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } })
  const view = new Float32Array(memory.buffer)
  return (name: MathFunction, inputs: Float32Array): Float32Array => {
    const result = new Float32Array(inputs.length)
    for (let at = 0; at < inputs.length; at += capacity) {
      const chunk = inputs.subarray(at, at + capacity)
      view.set(chunk)
      const call = exports[name] as (bytes: number) => void
      call(Math.ceil(chunk.length / 4) * 16)
      result.set(view.subarray(0, chunk.length), at)
    }
    return result
  }
})()

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))

/** Distance of two adjacent f32 around a number; 2⁻¹⁴⁹ for denormals. */
function ulpOf(value: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(value)))
  return 2 ** (Math.max(exponent, -126) - 23)
}

/** Largest error in ulp, and where. */
function worst(name: MathFunction, exact: (x: number) => number, inputs: Float32Array): { ulp: number; at: number } {
  let result = { ulp: 0, at: 0 }
  run(name, inputs).forEach((got, k) => {
    const want = exact(inputs[k])
    if (Object.is(Math.fround(want), got)) return
    const ulp = Math.abs(got - want) / ulpOf(want)
    if (!(ulp <= result.ulp)) result = { ulp, at: inputs[k] }
  })
  return result
}

const linear = (from: number, to: number, count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, k) => from + ((to - from) * (k + 0.37)) / count)

/** Numbers with every exponent, evenly spread over the bit patterns between two positive numbers; both signs if asked. */
function exponentSweep(from: number, to: number, count: number, bothSigns: boolean): Float32Array {
  const [low, high] = new Int32Array(new Float32Array([from, to]).buffer)
  const bits = Int32Array.from({ length: count }, (_, k) => Math.floor(low + ((high - low) * k) / count))
  if (bothSigns)
    bits.forEach((word, k) => {
      if (k % 2) bits[k] = word | 0x80000000
    })
  return new Float32Array(bits.buffer)
}

/** The f32 nearest to whole multiples of π/2, and their neighbors: where sine and cosine vanish. */
const nearZeros = Float32Array.from({ length: 513 * 21 }, (_, k) => {
  const multiple = Math.fround(((Math.floor(k / 21) - 256) * Math.PI) / 2)
  return multiple + ((k % 21) - 10) * ulpOf(multiple || 1)
})

const largest = 3.4028234663852886e38
const cases: [MathFunction, (x: number) => number, number, Float32Array[]][] = [
  ['exp', Math.exp, 1.1, [linear(-104, 88.7228, 1e6), linear(-1, 1, 1e6), exponentSweep(2 ** -149, 88, 1e6, true)]],
  ['log', Math.log, 1.1, [exponentSweep(2 ** -149, largest, 2e6, false), linear(0.5, 2, 1e6)]],
  [
    'tanh',
    Math.tanh,
    2.5,
    [linear(-10, 10, 1e6), linear(-0.4, 0.4, 1e6), exponentSweep(2 ** -149, largest, 1e6, true)],
  ],
  ['sigmoid', sigmoid, 2.5, [linear(-104, 20, 1e6), linear(-2, 2, 1e6), exponentSweep(2 ** -149, 1e4, 1e6, true)]],
  [
    'sin',
    Math.sin,
    2.5,
    [linear(-128 * Math.PI, 128 * Math.PI, 2e6), nearZeros, exponentSweep(2 ** -149, 402, 1e6, true)],
  ],
  [
    'cos',
    Math.cos,
    2.5,
    [linear(-128 * Math.PI, 128 * Math.PI, 2e6), nearZeros, exponentSweep(2 ** -149, 402, 1e6, true)],
  ],
  ['erf', erf, 2.1, [linear(-4.2, 4.2, 1e6), linear(-0.5, 0.5, 1e6), exponentSweep(2 ** -149, largest, 1e6, true)]],
]

test.each(cases)('%s is within the stated error everywhere', (name, exact, bound, sweeps) => {
  for (const inputs of sweeps) {
    const { ulp, at } = worst(name, exact, inputs)
    expect(ulp, `${name}(${at})`).toBeLessThanOrEqual(bound)
  }
})

const { NaN: nan, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY: minusInfinity } = Number
test.each<[MathFunction, [x: number, result: number][]]>([
  [
    'exp',
    [
      [infinity, infinity],
      [minusInfinity, 0],
      [88.73, infinity],
      [-104, 0],
      [-0, 1],
      [0, 1],
      [nan, nan],
    ],
  ],
  [
    'log',
    [
      [0, minusInfinity],
      [-0, minusInfinity],
      [-1, nan],
      [minusInfinity, nan],
      [infinity, infinity],
      [1, 0],
      [nan, nan],
    ],
  ],
  [
    'tanh',
    [
      [0, 0],
      [-0, -0],
      [infinity, 1],
      [minusInfinity, -1],
      [9.02, 1],
      [-9.02, -1],
      [nan, nan],
    ],
  ],
  [
    'sigmoid',
    [
      [0, 0.5],
      [infinity, 1],
      [minusInfinity, 0],
      [-200, 0],
      [200, 1],
      [nan, nan],
    ],
  ],
  [
    'sin',
    [
      [0, 0],
      [infinity, nan],
      [minusInfinity, nan],
      [nan, nan],
    ],
  ],
  [
    'cos',
    [
      [0, 1],
      [-0, 1],
      [infinity, nan],
      [minusInfinity, nan],
      [nan, nan],
    ],
  ],
  [
    'erf',
    [
      [0, 0],
      [-0, -0],
      [infinity, 1],
      [minusInfinity, -1],
      [3.88, 1],
      [-3.88, -1],
      [nan, nan],
    ],
  ],
])('%s of special values', (name, cases) => {
  const results = run(
    name,
    Float32Array.from(cases, ([x]) => x),
  )
  cases.forEach(([x, result], k) => {
    expect(results[k], `${name}(${x})`).toBe(result)
  })
})

test.each(['sin', 'cos'] as const)('%s stays in −1 … 1 for arguments of any size', name => {
  for (const value of run(name, exponentSweep(400, largest, 1e5, true)))
    expect(Math.abs(value)).toBeLessThanOrEqual(1.000001)
})

test.each(['tanh', 'erf'] as const)('%s is odd', name => {
  const inputs = exponentSweep(2 ** -149, largest, 1e5, false)
  const positive = run(name, inputs)
  run(
    name,
    inputs.map(x => -x),
  ).forEach((value, k) => {
    expect(value).toBe(-positive[k])
  })
})

test('all four lanes give the same bits', () => {
  const inputs = exponentSweep(2 ** -149, largest, 1000, true)
  for (const name of names) {
    const once = run(name, inputs)
    const repeated = run(
      name,
      Float32Array.from({ length: 4000 }, (_, k) => inputs[k >> 2]),
    )
    repeated.forEach((value, k) => {
      expect(value).toBe(once[k >> 2])
    })
  }
})
