/** `fovea summary --svg` and `--html` as processes. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { summarize } from '../../src/inspect/index.ts'
import { lenet5 } from '../../src/models/index.ts'
import { pageScript } from '../../src/plot/pageScript.ts'
import { volumes } from '../../src/plot/volumes.ts'
import { fovea, succeed, temporaryFolder } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
afterAll(folder.remove)
const read = (name: string): string => readFileSync(join(cwd, name), 'utf8')

const { rows } = summarize(lenet5().assignPaths(), [1, 28, 28])
const drawingOf = (width?: number) => volumes(rows, { title: 'The volumes of lenet5', ...(width && { width }) })
const drawing = drawingOf()

describe('summary', () => {
  it('--svg draws the volumes, and says where', async () => {
    const { stdout } = await succeed(cwd, ['summary', 'lenet5', '--svg', 'net.svg'])
    expect(stdout).toMatch(/^total +61,706 /m)
    expect(stdout).toMatch(/\nDrawn in net\.svg\n$/)
    expect(read('net.svg')).toBe(`${drawing}\n`)
  })

  it('--html writes a page with the drawing, the table and the totals, that loads nothing', async () => {
    await succeed(cwd, ['summary', '--html', 'net.html'])
    const page = read('net.html')
    // One drawing for each width of window.
    for (const width of [1120, 720, 330]) expect(page).toContain(drawingOf(width))
    expect(page).toContain('<dt>Parameters</dt><dd><b>61,706</b>')
    expect(page).toContain('<td>(5·5·6+1)·16 = 2,416</td><td class="number">240,000</td>')
    expect(page).toContain('<th scope="row">Total</th>')
    expect(page).toMatch(/planned for 128 images a step, and [\d.]+\u00a0[KM]iB for each thread/)
    expect(page.replace(`<script>${pageScript}</script>`, '')).not.toMatch(/<script|<link|<img|\bsrc=|@import|url\(/)
  })

  it('says when a training step does not fit into memory, and which batch would', async () => {
    const args = ['summary', 'resnet18', '--batch', '400']
    const { stdout } = await succeed(cwd, args)
    const [, named] = /needs 7\.\d GiB, an engine can address 4\.0 GiB; the largest batch that fits is (\d+)\.$/m.exec(
      stdout,
    )!
    const excess = async (batch: number) =>
      JSON.parse((await succeed(cwd, ['summary', 'resnet18', '--batch', String(batch), '--json'])).stdout).training
        .excess
    expect(await excess(Number(named))).toBeUndefined()
    expect(await excess(Number(named) + 1)).toMatchObject({ limit: 2 ** 32, largestBatch: Number(named) })
  })

  it('writes both beside --json, which stays alone on standard output, and leaves no other file', async () => {
    mkdirSync(join(cwd, 'both'))
    const args = ['summary', 'lenet5', '--json', '--svg', 'both/a.svg', '--html', 'both/a.html']
    const { stdout } = await succeed(cwd, args)
    expect(JSON.parse(stdout).totals.parameters).toBe(61_706)
    expect(readdirSync(join(cwd, 'both')).sort()).toEqual(['a.html', 'a.svg'])
  })

  it('says what is wrong with a file, in one line, before printing anything', async () => {
    const missing = await fovea(cwd, ['summary', '--svg', 'missing/net.svg'])
    const stderr = 'fovea: missing/net.svg: cannot be written: no such folder\n'
    expect(missing).toMatchObject({ code: 1, stdout: '', stderr })
    mkdirSync(join(cwd, 'here'))
    const taken = await fovea(cwd, ['summary', '--html', 'here'])
    expect(taken).toMatchObject({ code: 1, stdout: '', stderr: 'fovea: here: cannot be written: it is a folder\n' })
    const same = await fovea(cwd, ['summary', '--svg', 'x', '--html', './x'])
    expect(same).toMatchObject({ code: 2, stderr: 'fovea: --svg and --html: both name x; they need two files\n' })
    expect(existsSync(join(cwd, 'x'))).toBe(false)
  })
})
