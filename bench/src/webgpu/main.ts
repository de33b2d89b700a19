/** WebGPU against WebGPU: `npm --prefix bench run webgpu -- [options]`. Prints Markdown to stdout, progress to stderr. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { commandOf, repository } from '../commandLine.ts'
import { checkedLoad, machine } from '../machine.ts'
import type { Effort } from '../measure.ts'
import { openPage } from '../report.ts'
import { say } from '../say.ts'
import { storeIn } from '../store.ts'
import { BenchBrowser, buildPage } from './browser.ts'
import { measureRow } from './measure.ts'
import type { AdapterText, PageBench } from './page.ts'
import { type DeviceReport, deviceMarkdown } from './report.ts'
import { rows } from './rows.ts'

const usage = `npm --prefix bench run webgpu -- [options]

  --swiftshader   Chromium's own driver, which computes on the processor, in place of the machine's
  --quick         few short rounds: a look, not a measurement
  --rows TEXT     only rows whose name contains TEXT (may be repeated); names are listed below
  --patience S    seconds that a contender may take to its first answers, 120 by default
  --write FILE    also put the report between the markers of this Markdown file (relative to the repository), with the
                  other rows as runs without --quick have left them
  --help

Rows: ${rows.map(({ id }) => id).join(', ')}.

CHROMIUM names the browser, '/usr/bin/chromium' by default.
`

const measureFully: Effort = { rounds: 12, steps: 20, turnMs: 400, totalMs: 8000, warmUpMs: 1000 }
const look: Effort = { rounds: 3, steps: 3, turnMs: 50, totalMs: 500, warmUpMs: 50 }

declare const bench: PageBench

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      swiftshader: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rows: { type: 'string', multiple: true },
      patience: { type: 'string', default: '120' },
      write: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const chosen = rows.filter(({ id }) => values.rows?.some(part => id.includes(part)) ?? true)
  if (chosen.length === 0) {
    throw new Error(`--rows (=${values.rows?.join(', ')}) is part of none of ${rows.map(({ id }) => id).join(', ')}`)
  }
  const patience = Number(values.patience)
  if (!(patience > 0)) throw new Error(`--patience (=${values.patience}) must be a number of seconds > 0`)
  const effort = { ...(values.quick ? look : measureFully), patience }
  const page = values.write === undefined ? undefined : openPage(resolve(repository, values.write))
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }
  const { keep, kept } = storeIn<DeviceReport>('webgpu/results')
  const loadBefore = checkedLoad()
  await buildPage()
  const start = (): Promise<BenchBrowser> => BenchBrowser.start(values.swiftshader, say)
  const known = {
    day: new Date().toISOString().slice(0, 10),
    machine: machine(),
    ...(await aboutBrowser(start)),
    command: commandOf('webgpu'),
    loadBefore,
  }
  const measured = new Map<string, DeviceReport>()
  for (const row of chosen) {
    const result = await measureRow(start, row, version, effort, say)
    const report = { id: row.id, ...known, ...result }
    measured.set(row.id, report)
    if (!values.quick) keep(report)
    // After every row, so that a run that is broken off has not been for nothing.
    page?.write(deviceMarkdown(rows.flatMap(({ id }) => measured.get(id) ?? kept(id) ?? [])))
  }
  process.stdout.write(`${deviceMarkdown([...measured.values()])}\n`)
}

async function aboutBrowser(start: () => Promise<BenchBrowser>): Promise<{ browser: string; adapter: AdapterText }> {
  const browser = await start()
  try {
    const page = await browser.open()
    return { browser: browser.version, adapter: await page.evaluate(() => bench.adapter()) }
  } finally {
    await browser.close()
  }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
