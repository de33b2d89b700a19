/** docs/optimization.md shows an example as it is, and the example runs as a user would run it. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { greater, less, mul, sub } from '../../src/graph/ops/elementwise.ts'
import * as optim from '../../src/optim/index.ts'
import { setup as build } from '../support/build.ts'
import { expectClose } from '../support/fixtures.ts'
import { problem, takeSteps } from '../support/optimFixtures.ts'

const root = new URL('../..', import.meta.url)
const page = await readFile(new URL('docs/optimization.md', root), 'utf8')
beforeAll(build, 60_000)

test('the page shows the example word for word', async () => {
  const example = await readFile(new URL('examples/optimization.ts', root), 'utf8')
  expect(page).toContain(`\`\`\`ts\n${example}\`\`\``)
})

test('the example trains four networks', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'examples/optimization.ts'], {
    cwd: root,
  })
  const accuracies = [...stdout.matchAll(/: ([\d.]+) %$/gm)].map(([, percent]) => Number(percent))
  expect(accuracies).toHaveLength(4)
  // Two epochs on 2,000 digits: far from chance, which is 11 %.
  for (const accuracy of accuracies) expect(accuracy).toBeGreaterThan(70)
  expect(Math.max(...accuracies)).toBeGreaterThan(88)
}, 300_000)

test('every function of the page’s tables exists, and every one that exists is on the page', () => {
  const named = new Set([...page.matchAll(/`(\w+)\(/g)].map(([, name]) => name))
  const functions = Object.entries(optim).filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
  const missing = functions.map(([name]) => name).filter(name => !page.includes(`${name}(`))
  expect(missing).toEqual(['matchesPath'])
  expect([...named].filter(name => !(name! in optim))).toEqual([])
})

test('a rule of one’s own, as the page writes it', async () => {
  const { optimizerOf } = optim
  const signSgd = (lr: number) =>
    optimizerOf(
      {
        name: 'signSgd',
        lr,
        begin:
          () =>
          ({ w, g, lr }) =>
            sub(w, mul(lr, sub(greater(g, 0), less(g, 0)))),
      },
      {},
    )
  const { weight } = await takeSteps(signSgd(0.25), { steps: 1 })
  const { start, targets } = problem
  const expected = start.weight!.data.map((w, k) => w - 0.25 * Math.sign(w - targets.weight!.data[k]!))
  expectClose(weight!, expected, { relative: 1e-15 }, 'w')
})
