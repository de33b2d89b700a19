/** The reference operations under the conformance suite: double precision, so only the fixtures' own rounding is allowed for. */
import { evaluateReference } from '../../src/graph/index.ts'
import { describeBackend } from './conformance.ts'

describeBackend({
  name: 'reference',
  run: async (roots, inputs) => evaluateReference(roots, inputs).map(({ values: data }) => data),
  tolerance: { relative: 1e-8, absolute: 1e-8 },
})
