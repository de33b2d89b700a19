/** docs/from-pytorch.md: its programs are those of examples/pytorch, and they do what the page says. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import * as augment from '../../src/augment/index.ts'
import * as data from '../../src/data/index.node.ts'
import * as formats from '../../src/formats/index.ts'
import * as core from '../../src/index.ts'
import * as inspect from '../../src/inspect/index.ts'
import * as models from '../../src/models/index.ts'
import * as nn from '../../src/nn/index.ts'
import * as optim from '../../src/optim/index.ts'
import { setup as build } from '../support/build.ts'

const root = new URL('../..', import.meta.url)
const page = await readFile(new URL('docs/from-pytorch.md', root), 'utf8')
const run = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, ['--import', 'tsx', ...args], { cwd: root })).stdout
beforeAll(build, 60_000)

describe('docs/from-pytorch.md', () => {
  it.each([
    ['python', 'small.py'],
    ['ts', 'small.ts'],
    ['ts', 'train.ts'],
  ])('shows, in %s, examples/pytorch/%s as it is', async (language, name) => {
    const example = await readFile(new URL(`examples/pytorch/${name}`, root), 'utf8')
    expect(page).toContain(`\`\`\`${language}\n${example}\`\`\``)
  })

  it('has a network that takes the weights of PyTorch, and computes what PyTorch computes', async () => {
    const printed = JSON.parse(await run('examples/pytorch/small.ts', 'test/fixtures/pth/small.pth')) as number[]
    const { logits } = JSON.parse(await readFile(new URL('test/fixtures/pth/small.json', root), 'utf8'))
    expect(printed).toHaveLength(20)
    // Sums of at most 144 products in single precision, of numbers below 1.
    for (const [i, value] of printed.entries()) expect(Math.abs(value - logits[i])).toBeLessThan(1e-7)
  }, 120_000)

  it('has a training that learns', async () => {
    const accuracies = [...(await run('examples/pytorch/train.ts')).matchAll(/: ([\d.]+) %/g)].map(([, text]) =>
      Number(text),
    )
    expect(accuracies).toHaveLength(3)
    expect(accuracies[2]).toBeGreaterThan(97)
  }, 300_000)

  it('names functions that exist', () => {
    const known = new Set([core, nn, models, optim, augment, data, formats, inspect].flatMap(door => Object.keys(door)))
    const table = page.slice(page.indexOf('## Words'), page.indexOf('## Where habits'))
    const cells = [...table.matchAll(/^\|.*\|.*\|(.*)\|$/gm)].map(([, cell]) => cell!)
    const named = cells.flatMap(cell => [...cell.matchAll(/`(\w+)(?=[(`])/g)].map(([, name]) => name!))
    expect(named.length).toBeGreaterThan(15)
    expect(named.filter(name => !known.has(name))).toEqual(['seed', 'forward'])
  })
})
