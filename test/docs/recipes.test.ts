/** docs/recipes.md says what the rules and the types say, and its program works. */
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { page, recipeReference } from '../../scripts/recipeReference.ts'
import { subsetOf } from '../../src/data/index.ts'
import { createTrainer, resolveRecipe, startEngine } from '../../src/recipe/index.ts'

describe('docs/recipes.md', () => {
  it('is what scripts/recipeReference.ts makes of the rules and types (npx tsx scripts/recipeReference.ts writes it)', async () => {
    expect(recipeReference()).toBe(await readFile(page, 'utf8'))
  }, 120_000)

  it('says something of every field and option', () => {
    const rows = recipeReference().match(/^\| `[\w.]+` \| .* \|$/gm)!
    expect(rows.length).toBeGreaterThan(100)
    // Fields of an object that says it all itself.
    const plain = ['data.fold.of', 'data.fold.index', 'data.normalize.mean', 'data.normalize.std', 'limit']
    const silent = rows.filter(row => row.endsWith('|  |')).map(row => /`([\w.]+)`/.exec(row)![1]!)
    expect(silent.filter(name => !plain.includes(name))).toEqual(['data.augment.allowLabelChanges'])
  }, 120_000)

  it('has a program that trains', async () => {
    const digits = {
      name: 'digits',
      classes: Array.from('0123456789'),
      shape: [28, 28, 1] as const,
      images: new Uint8Array(64 * 784),
      labels: Int32Array.from({ length: 64 }, (_, k) => k % 10),
    }
    const program = /(const setup = [\s\S]*?)```/.exec(await readFile(page, 'utf8'))![1]!
    const run = Object.getPrototypeOf(async () => {}).constructor as new (
      ...words: string[]
    ) => (...values: unknown[]) => Promise<void>
    const losses: number[] = []
    const say = { log: (loss: number) => losses.push(loss) }
    const names = [
      'createTrainer',
      'resolveRecipe',
      'startEngine',
      'train',
      'console',
      `${program}; await engine.close()`,
    ]
    await new run(...names)(createTrainer, resolveRecipe, startEngine, subsetOf(digits), say)
    expect(losses).toHaveLength(3)
    expect(losses.every(Number.isFinite)).toBe(true)
  })
})
