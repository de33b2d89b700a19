/** Every update rule that PyTorch has, against it: ten steps, values after each, in double precision and on WebAssembly. */
import { afterAll, describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { expectClose } from '../support/fixtures.ts'
import { optimizerCases, optimizerOf, takeSteps } from '../support/optimFixtures.ts'

const engine = await createWasmEngine({ threads: 1 })
afterAll(() => engine.close())

test('the fixtures have every optimizer of PyTorch that is here', () => {
  expect(new Set(optimizerCases.map(({ op }) => op))).toEqual(
    new Set(['sgd', 'adagrad', 'adadelta', 'rmsprop', 'adam', 'adamW', 'adamax', 'nadam', 'radam']),
  )
})

describe.each(optimizerCases.map(fixture => [fixture.name, fixture] as const))('%s', (name, fixture) => {
  const { rates, momenta, output } = fixture

  test('in double precision', async () => {
    const rows = await takeSteps(optimizerOf(fixture), { rates, momenta })
    // The fixtures have 12 digits.
    for (const tensor of ['weight', 'bias']) {
      expectClose(rows[tensor]!, output[tensor]!.data, { relative: 1e-11, absolute: 1e-12 }, `${name}, ${tensor}`)
    }
  })

  test('on WebAssembly', async () => {
    const rows = await takeSteps(optimizerOf(fixture), { rates, momenta, engine })
    // Ten steps, each of which rounds a handful of single-precision numbers of the size of 1.
    for (const tensor of ['weight', 'bias']) {
      expectClose(rows[tensor]!, output[tensor]!.data, { relative: 3e-6, absolute: 3e-6 }, `${name}, ${tensor}`)
    }
  })
})
