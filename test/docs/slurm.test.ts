/** docs/slurm.md shows the scripts of examples/slurm, which test/distributed/slurm.test.ts runs. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/slurm.md', root), 'utf8')
const scripts = readdirSync(new URL('examples/slurm', root))
const blocks = [...page.matchAll(/^```bash\n(.*?)^```/gms)].map(([, code]) => code!)

it('shows the first script whole, and of the others what differs', () => {
  const texts = scripts.map(name => readFileSync(new URL(`examples/slurm/${name}`, root), 'utf8'))
  for (const block of blocks) expect(texts.filter(text => text.includes(block))).not.toEqual([])
  expect(blocks[0]).toBe(readFileSync(new URL('examples/slurm/run.sh', root), 'utf8'))
  expect(blocks).toHaveLength(4)
})

it.each(scripts)('names %s', name => {
  expect(page).toContain(name)
})
