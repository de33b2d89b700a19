/**
 * Reads the PyTorch fixtures of layers and losses (`test/fixtures/torch/layers-*.json`, made by `scripts/make_layer_fixtures.py`).
 * The format is that of the other fixtures, described in `scripts/README.md`, with the fields named here.
 */
import { readFileSync } from 'node:fs'
import type { FixtureTensor } from './fixtures.ts'

/** Attributes of a case: whatever its layer needs. */
export type LayerAttributes = Readonly<Record<string, unknown>>

/** One layer on one input: y, and the gradients of L = sum(y · upstream). */
export interface LayerFixture {
  readonly name: string
  readonly op: string
  readonly attrs: LayerAttributes
  /** Whether the layer is in training mode; absent for losses. */
  readonly training?: boolean
  /** `x`, or a loss's `outputs` and `targets`. */
  readonly inputs: Readonly<Record<string, FixtureTensor>>
  /** Parameters and buffers before the step, by PyTorch's names; absent for losses. */
  readonly variables?: Readonly<Record<string, FixtureTensor>>
  readonly output: FixtureTensor
  /** Absent for losses, whose output is the scalar L itself. */
  readonly upstream?: FixtureTensor
  /** By input and parameter. */
  readonly gradients: Readonly<Record<string, FixtureTensor>>
  /** Buffers after a training step. */
  readonly after?: Readonly<Record<string, FixtureTensor>>
}

interface StoredTensor {
  readonly shape: readonly number[]
  readonly dtype?: 'i32'
  readonly data: readonly number[]
}

/** The cases of one file: `'layers-pooling'` is `test/fixtures/torch/layers-pooling.json`. */
export function loadLayerFixture(file: string): readonly LayerFixture[] {
  const text = readFileSync(new URL(`../fixtures/torch/${file}.json`, import.meta.url), 'utf8')
  return JSON.parse(text, (_, value: unknown) => (isStored(value) ? toTensor(value) : value)).cases
}

const isStored = (value: unknown): value is StoredTensor =>
  typeof value === 'object' && value !== null && 'shape' in value && 'data' in value

function toTensor({ shape, dtype, data }: StoredTensor): FixtureTensor {
  const size = shape.reduce((product, extent) => product * extent, 1)
  if (data.length !== size) throw new Error(`fixture: shape [${shape.join(', ')}] with ${data.length} numbers`)
  return { shape, dtype: dtype ?? 'f64', data: Float64Array.from(data) }
}
