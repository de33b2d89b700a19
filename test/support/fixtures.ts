/**
 * Reads the PyTorch fixtures (`test/fixtures/torch/*.json`, made by `scripts/make_fixtures.py`) and compares numbers with them.
 *
 * The files' format, and how PyTorch treats ties and kinks, is described in `scripts/README.md`.
 */
import { readFileSync } from 'node:fs'

/** A stored tensor: flat row-major data. Integers (`i32`) are held exactly in the same float64 array. */
export interface FixtureTensor {
  readonly shape: readonly number[]
  readonly dtype: 'f64' | 'i32'
  readonly data: Float64Array
}

/** Padding of the two spatial axes, in rows (`top`, `bottom`) and columns (`left`, `right`). */
export interface FixturePadding {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

type Pair = readonly [vertical: number, horizontal: number]
type NoAttrs = Readonly<Record<never, never>>
type Ties = { readonly ties?: true }
type Window = { readonly kernel: Pair; readonly stride: Pair; readonly padding: FixturePadding }
type Reduction = { readonly axes: readonly number[]; readonly keepAxes: boolean }
type Adam = { readonly betas: readonly [number, number]; readonly eps: number }
type Schedule = { readonly learningRates: readonly number[]; readonly weightDecay?: number }

/** The ops of each fixture file, each with the attributes its cases carry. */
export interface FixtureOps {
  elementwise: {
    [Op in
      | 'add'
      | 'sub'
      | 'mul'
      | 'div'
      | 'neg'
      | 'abs'
      | 'exp'
      | 'log'
      | 'sqrt'
      | 'tanh'
      | 'sigmoid'
      | 'relu'
      | 'silu'
      | 'erf'
      | 'gelu']: NoAttrs
  } & {
    maximum: Ties
    minimum: Ties
    where: { readonly condition: 'x > y' }
    softplus: { readonly beta: number; readonly threshold: number }
    elu: { readonly alpha: number }
    leaky_relu: { readonly negativeSlope: number }
    pow: { readonly exponent: number }
    clamp: { readonly min: number; readonly max: number }
  }
  matmul: { matmul: { readonly transposeA: boolean; readonly transposeB: boolean } }
  conv2d: {
    conv2d: {
      readonly stride: Pair
      readonly padding: FixturePadding
      readonly dilation: Pair
      readonly groups: number
    }
  }
  pool: { max_pool2d: Window & Ties; avg_pool2d: Window & { readonly countIncludePad: boolean } }
  reduce: {
    sum: Reduction
    mean: Reduction
    amax: Reduction
    amin: Reduction
    argmax: { readonly axis: number; readonly keepAxes: boolean }
  }
  shape: {
    reshape: { readonly shape: readonly number[] }
    permute: { readonly order: readonly number[] }
    expand: { readonly shape: readonly number[] }
    slice: { readonly starts: readonly number[]; readonly ends: readonly number[]; readonly steps: readonly number[] }
    pad: { readonly before: readonly number[]; readonly after: readonly number[]; readonly value: number }
    cat: { readonly axis: number }
    index_select: { readonly axis: number }
    gather: { readonly axis: number }
    one_hot: { readonly classes: number }
  }
  loss: {
    cross_entropy: { readonly reduction: 'none' | 'mean' | 'sum' }
    softmax: { readonly axis: number }
    log_softmax: { readonly axis: number }
  }
  optim: {
    sgd: Schedule & { readonly momentum?: number; readonly nesterov?: boolean }
    adam: Schedule & Adam
    adamw: Schedule & Adam
  }
}

/** The name of a fixture file with cases: `'conv2d'` is `test/fixtures/torch/conv2d.json`. */
export type FixtureName = keyof FixtureOps

/** One case: `output` is y, and `gradients` are those of L = sum(y · upstream). Narrow on `op` to type `attrs`. */
export type FixtureCase<Name extends FixtureName = FixtureName> = {
  [File in Name]: {
    [Op in keyof FixtureOps[File]]: {
      readonly name: string
      readonly op: Op
      readonly attrs: FixtureOps[File][Op]
      /** By argument name, in the order of the op's arguments. */
      readonly inputs: Readonly<Record<string, FixtureTensor>>
      readonly output: FixtureTensor
      /** dL/dy; absent where the op has no gradient, and in `optim`. */
      readonly upstream?: FixtureTensor
      /** dL/dinput for every float input; absent where `upstream` is. */
      readonly gradients?: Readonly<Record<string, FixtureTensor>>
      /** Max pooling only: flat index `h * W + w` of each maximum in its input plane. */
      readonly switches?: FixtureTensor
    }
  }[keyof FixtureOps[File]]
}[Name]

/** What `lcgTensor` needs to make one tensor. */
export interface LcgSpec {
  readonly shape: readonly number[]
  readonly seed: number
  readonly scale: number
}

/** A tensor's sum, L2 norm, and some of its entries at flat row-major `indices`. */
export interface TensorSummary {
  readonly shape: readonly number[]
  readonly sum: number
  readonly norm: number
  readonly indices: readonly number[]
  readonly values: readonly number[]
}

/** `lenet.json`: three SGD steps of LeNet-5 on one batch of 8, in float64. Parameters go by PyTorch's names. */
export interface LenetFixture {
  readonly lcg: { readonly check: readonly { seed: number; scale: number; index: number; value: number }[] }
  /** The images, `[8, 1, 28, 28]`. */
  readonly input: LcgSpec
  readonly labels: readonly number[]
  readonly optimizer: { readonly learningRate: number; readonly momentum: number }
  readonly parameters: Readonly<Record<string, LcgSpec>>
  readonly initial: Readonly<Record<string, TensorSummary>>
  /** Before the first step, `[8, 10]`. */
  readonly logits: FixtureTensor
  /** Of the mean cross-entropy, before the first step. */
  readonly gradients: Readonly<Record<string, TensorSummary>>
  /** The loss before step 1 and after steps 1, 2 and 3. */
  readonly losses: readonly number[]
  /** After 1 and 3 steps. */
  readonly after: Readonly<
    Record<'1' | '3', { readonly loss: number; readonly parameters: Readonly<Record<string, TensorSummary>> }>
  >
  /** The nearest any ReLU came to 0, or any pooling window to a tie, over the run. */
  readonly margin: number
}

/**
 * Reads the cases of one fixture file.
 *
 * @throws Error if a tensor's data does not fill its shape, naming the file, the case and the tensor.
 * @example
 * for (const fixture of loadFixture('conv2d')) {
 *   test(fixture.name, () => expectClose(run(fixture), fixture.output, { relative: 1e-6, absolute: 1e-6 }, fixture.name))
 * }
 */
export function loadFixture<Name extends FixtureName>(name: Name): readonly FixtureCase<Name>[] {
  const file = readJson(name) as { readonly cases: readonly StoredCase[] }
  return file.cases.map(stored => {
    const where = (tensor: string) => `${name}.json, "${stored.name}", ${tensor}`
    const record = (group: string, tensors: Readonly<Record<string, StoredTensor>>) =>
      Object.fromEntries(Object.entries(tensors).map(([key, t]) => [key, toTensor(t, where(`${group}.${key}`))]))
    return {
      ...stored,
      inputs: record('inputs', stored.inputs),
      output: toTensor(stored.output, where('output')),
      ...(stored.upstream && { upstream: toTensor(stored.upstream, where('upstream')) }),
      ...(stored.gradients && { gradients: record('gradients', stored.gradients) }),
      ...(stored.switches && { switches: toTensor(stored.switches, where('switches')) }),
    } as unknown as FixtureCase<Name>
  })
}

/** Reads `lenet.json`. */
export function loadLenetFixture(): LenetFixture {
  const file = readJson('lenet') as Omit<LenetFixture, 'logits'> & { readonly logits: StoredTensor }
  return { ...file, logits: toTensor(file.logits, 'lenet.json, logits') }
}

/**
 * Numbers that Python and TypeScript make alike, uniform in [-scale / 2, scale / 2), flat and row-major.
 *
 * x[0] = seed; x[n+1] = (1664525 x[n] + 1013904223) mod 2^32; value[i] = (x[i+1] / 2^32 - 0.5) * scale
 * (Press et al., Numerical Recipes, "an even quicker generator"). Every step but the last product is exact in float64.
 */
export function lcgTensor(shape: readonly number[], seed: number, scale: number): Float64Array {
  let x = seed >>> 0
  return Float64Array.from({ length: elements(shape) }, () => {
    x = (Math.imul(1664525, x) + 1013904223) >>> 0
    return (x / 2 ** 32 - 0.5) * scale
  })
}

/** How far `actual` may be from `expected`: |actual - expected| <= absolute + relative * |expected|. Each is 0 if left out. */
export interface Tolerance {
  readonly relative?: number
  readonly absolute?: number
}

/**
 * Fails unless every entry is within tolerance. Infinities must be equal; NaN agrees only with NaN.
 *
 * @param expected Flat numbers, or a fixture's tensor (the message then gives the index per axis too).
 * @throws Error with the label, the entry that exceeds its tolerance most, both values, the tolerance, and how many entries fail.
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number> | FixtureTensor,
  { relative = 0, absolute = 0 }: Tolerance,
  label: string,
): void {
  const { data, shape } = 'data' in expected ? expected : { data: expected, shape: undefined }
  if (actual.length !== data.length) {
    throw new Error(`${label}: expected ${data.length} numbers, got ${actual.length}`)
  }
  let worst = -1
  let worstExcess = 0
  let failures = 0
  for (let i = 0; i < data.length; i++) {
    const excess = excessOf(actual[i]!, data[i]!, absolute + relative * Math.abs(data[i]!))
    if (excess > 0) failures++
    if (excess > worstExcess) {
      worst = i
      worstExcess = excess
    }
  }
  if (worst < 0) return
  const a = actual[worst]!
  const e = data[worst]!
  const at =
    shape && shape.length > 1 ? `[${worst}] (${unravel(worst, shape).join(', ')} of ${shape.join('×')})` : `[${worst}]`
  throw new Error(
    `${label}: ${failures} of ${data.length} numbers differ; worst at ${at}: expected ${e}, got ${a}, ` +
      `difference ${Math.abs(a - e).toPrecision(3)}, tolerance ${(absolute + relative * Math.abs(e)).toPrecision(3)} ` +
      `(relative ${relative}, absolute ${absolute})`,
  )
}

interface StoredTensor {
  readonly shape: readonly number[]
  readonly dtype?: 'i32'
  readonly data: readonly number[]
}

interface StoredCase {
  readonly name: string
  readonly inputs: Readonly<Record<string, StoredTensor>>
  readonly output: StoredTensor
  readonly upstream?: StoredTensor
  readonly gradients?: Readonly<Record<string, StoredTensor>>
  readonly switches?: StoredTensor
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/torch/${name}.json`, import.meta.url), 'utf8'))
}

function toTensor({ shape, dtype, data }: StoredTensor, where: string): FixtureTensor {
  if (data.length !== elements(shape)) {
    throw new Error(
      `${where}: shape [${shape.join(', ')}] holds ${elements(shape)} numbers, the file has ${data.length}`,
    )
  }
  return { shape, dtype: dtype ?? 'f64', data: Float64Array.from(data) }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** How many tolerances beyond its tolerance an entry is: 0 if within, Infinity if no finite tolerance would do. */
function excessOf(actual: number, expected: number, tolerance: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0
  const difference = Math.abs(actual - expected)
  if (difference <= tolerance && Number.isFinite(expected)) return 0
  return Number.isFinite(difference) && tolerance > 0 ? difference / tolerance : Number.POSITIVE_INFINITY
}

function unravel(index: number, shape: readonly number[]): number[] {
  const position: number[] = []
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position.unshift(index % shape[axis]!)
    index = Math.floor(index / shape[axis]!)
  }
  return position
}
