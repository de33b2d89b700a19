/**
 * Takes two steps of training with every network of the catalog at full input size and writes how near they are to
 * PyTorch's into the table of docs/models.md. One network after another; half an hour, and 4 GB of memory.
 *
 *     npx tsx scripts/trainingTable.ts               all networks, and the table in docs/models.md
 *     npx tsx scripts/trainingTable.ts resnet18 …    these only, printed
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { type Comparison, loadStepsCases, type StepsCase, takeSteps } from '../test/models/trainingSteps.ts'

const page = new URL('../docs/models.md', import.meta.url)
const [start, end] = ['<!-- training:start -->', '<!-- training:end -->']
const names = process.argv.slice(2)
const cases = loadStepsCases().filter(({ model }) => names.length === 0 || names.includes(model))

const rows = [
  '| model | batch | losses, PyTorch | losses, Fovea | error of a loss | median error of a change | largest error of a change | its bound | memory |',
  '|---|---|---|---|---|---|---|---|---|',
]
let departures = 0
console.log(rows.join('\n'))
for (const fixture of cases) {
  const row = await rowOf(fixture)
  console.log(row)
  rows.push(row)
}
if (names.length === 0) {
  const text = readFileSync(page, 'utf8')
  const [before, after] = [text.indexOf(start), text.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`docs/models.md: expected ${start} … ${end}`)
  writeFileSync(page, `${text.slice(0, before + start.length)}\n\n${rows.join('\n')}\n\n${text.slice(after)}`)
}
if (departures > 0) {
  console.error(`${departures} of ${cases.length} networks depart from PyTorch's steps`)
  process.exitCode = 1
}

async function rowOf(fixture: StepsCase): Promise<string> {
  const columns = (...cells: string[]): string =>
    `| ${[fixture.model, fixture.input.shape.join('×'), ...cells].join(' | ')} |`
  let found: Comparison
  try {
    found = await takeSteps(fixture)
  } catch (error) {
    departures++
    return columns(losses(fixture.losses), error instanceof Error ? error.message : String(error), '', '', '', '', '')
  }
  const { errors, bounds, memoryBytes } = found
  const within = errors.loss <= bounds.loss && errors.median <= bounds.median && errors.worst <= bounds.worst
  if (!within) departures++
  return columns(
    losses(fixture.losses),
    losses(found.losses),
    power(errors.loss),
    power(errors.median),
    within ? power(errors.worst) : `**${power(errors.worst)}** (${found.worst})`,
    power(bounds.worst),
    `${Math.round(memoryBytes / 1e6).toLocaleString('en')} MB`,
  )
}

function losses(values: readonly number[]): string {
  return values.map(value => value.toFixed(5)).join(', ')
}

/** `1.2e-3`; nothing below what float32 can tell. */
function power(value: number): string {
  return value < 1e-7 ? '< 1e-7' : value.toExponential(1)
}
