/**
 * The conformance suite: what every backend must compute. A backend's test file is one call:
 *
 *   describeBackend({ name: 'reference', run: …, tolerance: { relative: 1e-8, absolute: 1e-8 } })
 *
 * The oracles are PyTorch's fixtures and definitions by index (test/support/naive.ts); the reference operations are held to
 * the same suite as the backends. Values are chosen exactly representable in single precision.
 */
import { describe, expect, test } from 'vitest'
import { opTable } from '../../src/graph/table.ts'
import { type Tensor, topologicalOrder } from '../../src/graph/tensor.ts'
import type { Tolerance } from '../support/fixtures.ts'
import { geometryGroup } from './conformance/geometry.ts'
import { indexingGroup } from './conformance/indexing.ts'
import { lenetGroup } from './conformance/lenet.ts'
import { randomGroup } from './conformance/random.ts'
import { specialValuesGroup } from './conformance/specialValues.ts'
import { torchGroup } from './conformance/torch.ts'

/** The groups of the suite, by the name under which a backend may skip one. */
const groups = {
  torch: torchGroup,
  lenet: lenetGroup,
  geometry: geometryGroup,
  indexing: indexingGroup,
  random: randomGroup,
  specialValues: specialValuesGroup,
} as const

/** A backend as the suite sees it. */
export interface BackendUnderTest {
  readonly name: string
  /** Computes the roots; inputs are numbers by name, row-major, to be stored in the type of each input. */
  readonly run: (
    roots: readonly Tensor[],
    inputs: Readonly<Record<string, ArrayLike<number>>>,
  ) => Promise<readonly ArrayLike<number>[]>
  /** How far a number may be from the expected one: absolute + relative · |expected|. */
  readonly tolerance: Required<Tolerance>
  /** Groups that are not run, each with the reason. */
  readonly skip?: Partial<Readonly<Record<keyof typeof groups, string>>>
}

/** Registers the suite for one backend. */
export function describeBackend(backend: BackendUnderTest): void {
  const seen = new Set<string>()
  const watched: BackendUnderTest = {
    ...backend,
    run(roots, inputs) {
      for (const { op } of topologicalOrder(roots)) seen.add(op)
      return backend.run(roots, inputs)
    },
  }
  describe(`${backend.name} conforms`, () => {
    for (const [name, group] of Object.entries(groups) as [keyof typeof groups, (b: BackendUnderTest) => void][]) {
      const reason = backend.skip?.[name]
      if (reason !== undefined) describe.skip(`${name} (skipped: ${reason})`, () => group(watched))
      else describe(name, () => group(watched))
    }
    test.skipIf(backend.skip)('every operation of the table was run', () => {
      expect(Object.keys(opTable).filter(name => !seen.has(name))).toEqual([])
    })
  })
}
