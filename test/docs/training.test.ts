/** docs/training.md, search.md, transfer.md and extend.md: recipes and programs of training are shown as they are, and every option and field that is named exists. */

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { resolveOptions } from '../../src/cli/recipeOptions.ts'
import { recipeFields } from '../../src/recipe/schema.ts'
import { setup as build } from '../support/build.ts'
import { fovea } from '../support/fovea.ts'

const root = new URL('../..', import.meta.url)
const names = ['training', 'search', 'transfer', 'extend']
const pages = await Promise.all(names.map(name => readFile(new URL(`docs/${name}.md`, root), 'utf8')))
const page = pages.join('\n')
beforeAll(build, 60_000)

describe('the pages of training', () => {
  // test/cli/recipeFile.test.ts trains them.
  it.each(['digits', 'ownNetwork', 'photos'])('shows examples/recipes/%s.ts as it is', async name => {
    const example = await readFile(new URL(`examples/recipes/${name}.ts`, root), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${example}\`\`\``)
  })

  it('shows examples/study.ts as it is, and it finds a rate that learns', async () => {
    const example = await readFile(new URL('examples/study.ts', root), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${example}\`\`\``)
    const program = [process.execPath, ['--import', 'tsx', 'examples/study.ts'], { cwd: root }] as const
    const { stdout } = await promisify(execFile)(...program)
    // Eight rates for one epoch, half of them for two, half of those for four; more where one that went on was overtaken later,
    // by as many as are promoted before all are known.
    const trials = [1, 2, 4].map(epoch => stdout.match(new RegExp(`epoch ${epoch}:`, 'g'))!.length)
    expect(trials[0]).toBe(8)
    for (const [k, least] of [4, 2].entries()) {
      expect(trials[k + 1]).toBeGreaterThanOrEqual(least)
      expect(trials[k + 1]).toBeLessThan(trials[k]!)
    }
    const number = (name: string) => Number(new RegExp(`^${name}: ([\\d.]+)`, 'm').exec(stdout)?.[1])
    expect(number('cross-validated')).toBeGreaterThan(70)
    const members = [1, 2, 3].map(k => number(`member ${k}`))
    expect(number('together')).toBeGreaterThan(members.reduce((sum, member) => sum + member, 0) / 3)
  }, 300_000)

  it('shows the step of examples/denoising.ts as it is', async () => {
    const step = /its core:\n\n```ts\n([\s\S]*?)```/.exec(page)?.[1]
    expect(step).toBeDefined()
    expect(await readFile(new URL('examples/denoising.ts', root), 'utf8')).toContain(step)
  })

  it('names every field of a recipe', () => {
    const table = page.slice(page.indexOf('| field | |'), page.indexOf('In `--set`'))
    const names = Object.keys(recipeFields).filter(name => name !== 'fovea')
    expect(names.filter(name => !table.includes(`\`${name}\``))).toEqual([])
  })

  it('has commands whose options exist', async () => {
    const lines = [...page.matchAll(/^fovea [a-z].*$/gm)].map(([line]) => line.replace(/\s+#.*$/, ''))
    expect(lines.length).toBeGreaterThan(10)
    const commands = [...new Set(lines.map(line => line.split(' ')[1]!))]
    const helps = new Map<string, string>()
    for (const command of commands) helps.set(command, (await fovea(process.cwd(), [command, '--help'])).stdout)
    for (const line of lines) {
      const options = line.match(/--[a-z-]+/g) ?? []
      expect(
        options.filter(option => !helps.get(line.split(' ')[1]!)!.includes(option)),
        line,
      ).toEqual([])
    }
  }, 300_000)

  it('has a transfer recipe that fits the rules', () => {
    const source = /export default defineRecipe\((\{\n {2}model: 'resnet20-cifar'[\s\S]*?\n\})\)/.exec(page)![1]!
    // The page's own words, as JavaScript.
    const recipe = new Function(`return (${source})`)() as Record<string, unknown>
    const data = { ...(recipe.data as object), classes: ['a', 'b'] }
    expect(resolveOptions({}, [], { ...recipe, data })).toMatchObject({ freeze: [{}, { until: 4 }], epochs: 10 })
  })

  it('quotes messages as they are', () => {
    const message = (set: string): string => {
      try {
        resolveOptions({}, [set])
        return ''
      } catch (error) {
        return `fovea: ${(error as Error).message}\n`
      }
    }
    expect(page).toContain(message('optimizer.lr=-1'))
    expect(page).toContain(message('schedule={"name":"cosine","warmpu":1}'))
    expect(page).toContain(message('optimizer.groups.0.lrFactor=1'))
  })
})
