/** docs/extend.md: its programs are those of examples/extend, they do what the page says, and every file it names exists. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { setup as build } from '../support/build.ts'

const root = new URL('../..', import.meta.url)
const page = await readFile(new URL('docs/extend.md', root), 'utf8')
beforeAll(build, 60_000)

describe('docs/extend.md', () => {
  it.each(['layerScale', 'shapes', 'train'])('shows examples/extend/%s.ts as it is', async name => {
    const example = await readFile(new URL(`examples/extend/${name}.ts`, root), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${example}\`\`\``)
  })

  it('has a program that learns', async () => {
    const program = [process.execPath, ['--import', 'tsx', 'examples/extend/train.ts'], { cwd: root }] as const
    const { stdout } = await promisify(execFile)(...program)
    expect(Number(/^right: ([\d.]+) %/m.exec(stdout)?.[1])).toBeGreaterThan(95)
  }, 120_000)

  it('shows the target of the backend in a page as it is', async () => {
    const backend = await readFile(new URL('test/support/planEngine.ts', root), 'utf8')
    const [, target] = /(const target: [\s\S]*?\n})/.exec(backend)!
    expect(page.replaceAll('\n   ', '\n')).toContain(target)
  })

  it('names files that exist', () => {
    const files = [...page.matchAll(/`((?:src|test|scripts|examples)\/[\w./*-]+)`/g)].map(([, path]) => path!)
    const named = files.filter(path => !/\*|NAME|yourOp/.test(path))
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter(path => !existsSync(new URL(path, root)))).toEqual([])
  })
})
