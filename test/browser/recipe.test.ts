/** A page trains from a recipe, in Chromium: model, data's numbers, optimizer and schedule come from it, as in Node. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { subsetOf } from '../../src/data/index.ts'
import * as recipes from '../../src/recipe/index.ts'
import { noBrowser } from './chromium.ts'
import { type DoorsPage, openDoors } from './doorsPage.ts'

/** The doors of the package, as the page imports them. */
type Doors = typeof import('../../src/recipe/index.ts') &
  typeof import('../../src/data/index.ts') &
  typeof import('../../src/nn/index.ts')

/** Two steps of 16 images, with the same bits everywhere. */
const recipe = recipes.defineRecipe({
  model: { name: 'lenet5', options: { channels: 3, size: 32 } },
  data: { name: 'folder', classes: ['a', 'b'], size: [32, 32], preprocess: 'channel-mean-std', validation: 0 },
  optimizer: { name: 'adam', lr: 0.002 },
  schedule: { name: 'cosine', warmup: 1 },
  epochs: 1,
  batchSize: 16,
  precise: true,
})

/** Trains on 32 pictures of noise, here or on a page. */
async function train(recipe: object): Promise<number[]> {
  const { createTrainer, resolveRecipe, startEngine, subsetOf } = (globalThis as unknown as { doors: Doors }).doors
  const setup = resolveRecipe(recipe)
  const images = {
    name: 'noise',
    classes: ['a', 'b'],
    shape: [32, 32, 3] as const,
    images: Uint8Array.from({ length: 32 * 32 * 32 * 3 }, (_, k) => (k * 2654435761) % 256),
    labels: Int32Array.from({ length: 32 }, (_, k) => k % 2),
  }
  const engine = await startEngine(setup.recipe, { threads: 1 })
  try {
    const trainer = await createTrainer(setup, { engine, train: subsetOf(images) })
    const losses: number[] = []
    for await (const event of trainer.run()) if (event.type === 'step') losses.push(event.loss)
    return losses
  } finally {
    await engine.close()
  }
}

describe.skipIf(noBrowser !== undefined)('a recipe on a page', () => {
  let opened: DoorsPage
  let page: Page

  beforeAll(async () => {
    opened = await openDoors(['data', 'nn', 'recipe'])
    page = opened.page
  }, 300_000)
  afterAll(() => opened?.close())

  it('trains two steps, with the losses that it has in Node', async () => {
    const losses = await page.evaluate(train, recipe as object)
    expect(losses).toHaveLength(2)
    Object.assign(globalThis, { doors: { ...recipes, subsetOf } })
    expect(losses).toEqual(await train(recipe))
  }, 120_000)

  it('takes functions of the page in the place of names', async () => {
    const { stored, outputs, rate } = await page.evaluate(() => {
      const { createModel, createSchedule, flatten, linear, resolveRecipe, sequential } = (
        globalThis as unknown as { doors: Doors }
      ).doors
      const setup = resolveRecipe({
        model: ({ classes, shape: [channels, height, width] }) =>
          sequential(flatten(), linear(channels * height * width, classes)),
        data: 'mnist',
        schedule: step => 1 / (1 + step),
      })
      const parameters = [...createModel(setup).parameters().values()]
      return {
        stored: JSON.parse(JSON.stringify(setup.recipe)) as { model: object; schedule: object },
        outputs: parameters.map(({ shape }) => [...shape]),
        rate: createSchedule(setup)(3, 10),
      }
    })
    expect(outputs).toEqual([[10, 784], [10]])
    expect(rate).toBe(1 / 4)
    const reference = { file: '(inline)', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }
    expect(stored).toMatchObject({ model: reference, schedule: reference })
  })

  it('is refused by field, value and rule', async () => {
    const refused = await page.evaluate(() => {
      const { resolveRecipe } = (globalThis as unknown as { doors: Doors }).doors
      try {
        resolveRecipe({ optimizer: { name: 'sgd', lr: -1 } })
        return undefined
      } catch (error) {
        const { name, message, field, value, rule } = error as import('../../src/recipe/index.ts').RecipeError
        return { name, message, field, value, rule }
      }
    })
    expect(refused).toEqual({
      name: 'RecipeError',
      message: 'optimizer.lr (=-1) must be positive',
      field: 'optimizer.lr',
      value: -1,
      rule: 'must be positive',
    })
  })
})
