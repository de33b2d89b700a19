/** Logits of a network of the catalog against PyTorch's. */
import { expect } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { sizeOf } from '../../src/graph/shape.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { input } from '../../src/graph/sources.ts'
import { findModel } from '../../src/models/index.ts'
import { inference } from '../../src/nn/index.ts'
import { expectClose } from '../support/fixtures.ts'
import { fillLcg, fillModel, type LogitsCase } from './fill.ts'

/** Fails unless an engine computes the logits of a case, for its image and with its weights. */
export async function checkLogits(fixture: LogitsCase, engine: Engine): Promise<void> {
  const model = findModel(fixture.model).create().assignPaths()
  fillModel(model, fixture)
  const images = input('images', fixture.input.shape, { batched: true })
  const [logits] = simplify([model.forward(images, inference())])
  const program = await engine.compile({ outputs: { logits }, updates: new Map() })
  const pixels = new Float32Array(sizeOf(fixture.input.shape))
  fillLcg(pixels, fixture.input.seed, fixture.input.scale)
  const { logits: values } = await program.run({ images: pixels })
  const size = Math.max(...fixture.logits.map(Math.abs))
  expectClose(
    fixture.indices.map(i => values[i]),
    fixture.logits,
    { relative: 1e-4, absolute: 1e-5 * size },
    fixture.model,
  )
  expect(values.indexOf(Math.max(...values))).toBe(fixture.argmax)
  expectClose([Math.hypot(...values)], [fixture.norm], { relative: 1e-4 }, `${fixture.model}: norm`)
}
