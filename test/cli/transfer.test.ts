/** What `pretrained` takes: of files and of runs alike, the averaged weights where there are some. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveOptions } from '../../src/cli/recipeOptions.ts'
import { writeSafetensors } from '../../src/formats/index.ts'
import { lenet5 } from '../../src/models/index.ts'
import { createInitialModel } from '../../src/recipe/initialModel.ts'
import { openPretrained } from '../../src/runs/pretrained.node.ts'
import { RunFolder } from '../../src/train/index.node.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-transfer-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const last = lenet5().initialize(1)
const averaged = lenet5().initialize(2)
const named = (prefix: string, model: typeof last) =>
  [...model.state()].map(([path, tensor]) => [prefix + path, tensor] as const)

/** A file of weights, and a run, with both. */
async function file(): Promise<string> {
  const path = join(folder, 'timm.safetensors')
  await writeFile(path, writeSafetensors([...named('state_dict.', last), ...named('state_dict_ema.', averaged)]))
  return path
}

async function run(): Promise<string> {
  const recipe = resolveOptions({ model: 'lenet5', data: 'mnist' })
  const made = await RunFolder.create(folder, 'averaged', recipe)
  const tensors = new Map([...named('model.', last), ...named('average.', averaged)])
  await made.save({ tensors, progress: { epoch: 1, batch: 0, step: 0 }, recipe })
  await made.close()
  return made.path
}

describe.each([
  ['a file', file, 2],
  ['a run', run, 0],
] as const)('of %s', (_, make, notes) => {
  it('the averaged weights are taken, or on request those of the last step', async () => {
    const weights = await make()
    const load = async (pretrained: object) => {
      const said: string[] = []
      const recipe = resolveOptions({ model: 'lenet5', data: 'mnist' }, [], { pretrained })
      const model = await createInitialModel(
        { recipe, functions: {} },
        openPretrained(note => said.push(note)),
      )
      expect(said).toHaveLength(notes)
      for (const note of said) expect(note).toMatch(`${weights}: took `)
      return new Map([...model.state()].filter(([path]) => !path.startsWith('normalize.')))
    }
    expect(await load({ weights })).toEqual(averaged.state())
    expect(await load({ weights, average: true })).toEqual(averaged.state())
    expect(await load({ weights, average: false })).toEqual(last.state())
  })
})

it('an address stays one, a path becomes absolute', () => {
  const weightsOf = (weights: string) => resolveOptions({}, [], { pretrained: { weights } }).pretrained?.weights
  expect(weightsOf('https://models.example/lenet5.safetensors')).toBe('https://models.example/lenet5.safetensors')
  expect(weightsOf('lenet5.pth')).toBe(join(process.cwd(), 'lenet5.pth'))
})
