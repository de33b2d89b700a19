/** `cacheFeatures` in recipes: the run is the same as without, also in pieces, and what does not go together is refused. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { resolveOptions } from '../../src/cli/recipeOptions.ts'
import { encodePng } from '../../src/plot/png.ts'
import type { RawRecipe } from '../../src/recipe/complete.ts'
import { readCheckpoint } from '../../src/runs/checkpointFile.node.ts'
import { writePicture } from '../data/pictures.ts'
import { expectClose } from '../support/fixtures.ts'
import { checkpointOf, eventsOf, fovea, sha256, succeed, temporaryFolder } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const run = (name: string) => join(cwd, 'runs', name)
const recipe = {
  model: 'lenet5',
  data: { name: 'folder', directory: 'signs', size: [28, 28], channels: 1, validation: 5 },
  pretrained: { weights: 'runs/base' },
  freeze: [{ match: 'conv?' }],
  cacheFeatures: true,
  optimizer: { name: 'sgd', lr: 0.02, momentum: 0.9 },
  epochs: 3,
  batchSize: 4,
  seed: 4,
}
afterAll(folder.remove)

describe('fovea train with cacheFeatures', () => {
  const train = (name: string, ...args: string[]) => succeed(cwd, ['train', 'head.json', '--name', name, ...args])
  beforeAll(async () => {
    for (const [k, name] of ['left', 'right', 'up'].entries()) {
      for (let i = 0; i < 6; i++) await writePicture(join(cwd, 'signs', name, `${i}.png`), 28, 28, 80 * k + 9 * i)
    }
    writeFileSync(join(cwd, 'head.json'), JSON.stringify(recipe))
    const { pretrained: _p, freeze: _f, cacheFeatures: _c, ...base } = recipe
    writeFileSync(join(cwd, 'base.json'), JSON.stringify({ ...base, epochs: 1, seed: 1 }))
    await succeed(cwd, ['train', 'base.json', '--name', 'base', '--quiet'])
  }, 300_000)

  it('ends with the weights of a run without; checkpoints hold the whole model, which eval and predict read', async () => {
    const { stdout } = await train('kept')
    expect(stdout).toMatch(/^features of 18 images: 400 numbers each, 0\.1 MB, computed in [\d.]+ s$/m)
    expect(stdout).not.toContain('warning: features')
    expect(eventsOf(run('kept'))[1]).toMatchObject({ type: 'notice', kind: 'features', step: 0, epoch: 1 })
    await train('plain', '--set', 'cacheFeatures=false', '--quiet')
    const { tensors } = await readCheckpoint(checkpointOf(run('kept')))
    const { tensors: plain } = await readCheckpoint(checkpointOf(run('plain')))
    expect([...tensors.keys()]).toEqual([...plain.keys()])
    // Sums next to the cut may be taken in another order: some units of the last place, after twelve steps.
    for (const [path, { values }] of plain) {
      expectClose(tensors.get(path)!.values, values, { relative: 1e-5, absolute: 1e-6 }, path)
    }
    const { tensors: base } = await readCheckpoint(checkpointOf(run('base')))
    expect(tensors.get('model.conv2.weight')!.values).toEqual(base.get('model.conv2.weight')!.values)
    expect(tensors.get('model.fc1.weight')!.values).not.toEqual(base.get('model.fc1.weight')!.values)
    const { stdout: score } = await succeed(cwd, ['eval', 'runs/kept', '--split', 'validation', '--json'])
    const last = eventsOf(run('kept')).findLast(({ type }) => type === 'validation')!
    expect(JSON.parse(score).loss).toBeCloseTo(last.loss!, 6)
    // Gray pictures of 28 × 28 are taken for written: a dark stroke on white.
    const stroke = Uint8Array.from({ length: 784 }, (_, i) => (i % 28 > 12 && i % 28 < 16 ? 0 : 255))
    writeFileSync(join(cwd, 'stroke.png'), encodePng(stroke, [28, 28, 1]))
    const { stdout: answer } = await succeed(cwd, ['predict', 'runs/kept', 'stroke.png', '--json'])
    expect(JSON.parse(answer)[0].predictions).toHaveLength(3)
  }, 300_000)

  it('goes on after an interruption, bit for bit, without the weights that it began with', async () => {
    await train('pieces', '--stop-after', '1', '--quiet')
    await succeed(cwd, ['train', '--resume', 'runs/pieces', '--quiet'])
    expect(sha256(checkpointOf(run('pieces')))).toBe(sha256(checkpointOf(run('kept'))))
  }, 300_000)

  it('says what the network does not allow, and leaves no run behind', async () => {
    const args = ['train', 'head.json', '--name', 'refused', '--set', 'freeze=[{"match":"conv2"}]']
    const { code, stderr } = await fovea(cwd, args)
    expect(code).toBe(1)
    expect(stderr).toBe(
      'fovea: cacheFeatures: there is nothing to cache: no frozen layer comes before the first that is trained, draws random ' +
        'numbers or looks at the whole batch (conv1)\n',
    )
    const limited = [...args.slice(0, 4), '--set', 'cacheFeatures={"maxBytes":1000}']
    expect((await fovea(cwd, limited)).stderr).toMatch(
      /^fovea: cacheFeatures: the features of 18 images, 400 numbers each, would take 0\.1 MB, more than cacheFeatures\.maxBytes/,
    )
  }, 300_000)
})

describe('recipes refuse cacheFeatures', () => {
  const data = { ...recipe.data, classes: ['left', 'right', 'up'] }
  const resolve = (change: RawRecipe) => () => resolveOptions({}, [], { ...recipe, data, ...change })
  const random = { transforms: [{ name: 'horizontalFlip', options: {} }] }
  test.each<[name: string, change: RawRecipe, message: string | undefined]>([
    ['not as it is', {}, undefined],
    [
      'not with groups that are frozen',
      { freeze: undefined, optimizer: { name: 'sgd', lr: 0.1, groups: [{ match: 'conv?', frozen: true }] } },
      undefined,
    ],
    ['not when what thaws does so after the end', { freeze: [{ match: 'conv?', until: 4 }] }, undefined],
    [
      'with augmentation',
      { data: { ...data, augment: random } },
      "cacheFeatures: features are computed once, but data.augment changes the images in every epoch: 'none' leaves it out",
    ],
    [
      'with the usual augmentation of a data set',
      { data: 'cifar10' },
      'cacheFeatures: features are computed once, but data.augment changes',
    ],
    ['with nothing frozen', { freeze: undefined }, 'cacheFeatures: nothing is frozen: freeze is missing'],
    [
      'with a trunk that thaws',
      { freeze: [{ match: 'conv?', until: 3 }] },
      'cacheFeatures: nothing is frozen for the whole run: freeze.0.until (=3) is not after the last epoch (3)',
    ],
    [
      'as a number',
      { cacheFeatures: 3 },
      'cacheFeatures (=3) must be true, false, or { maxBytes } with a number of bytes above 0',
    ],
    [
      'with a limit that is none',
      { cacheFeatures: { maxBytes: -1 } },
      'cacheFeatures (={"maxBytes":-1}) must be true, false, or { maxBytes }',
    ],
  ])('%s', (_, change, message) => {
    if (message === undefined) expect(resolve(change)().cacheFeatures).toBe(true)
    else expect(resolve(change)).toThrow(message)
  })
})
