/**
 * Changes of a run's learning rate on disk, `steering.json`: written before a change takes effect, so that whoever resumes the run from
 * an earlier checkpoint repeats it at its step. The event log has the same changes where they took effect.
 */
import { join } from 'node:path'
import { isRecord } from '../rules/record.ts'
import { steerWords } from '../train/events.ts'
import { changeProblem, type RateChange } from '../train/steering.ts'
import { RunFolderError } from './errors.ts'
import { readEvents } from './eventLog.node.ts'
import { readFields } from './jsonFile.node.ts'
import type { RunFolder } from './runFolder.node.ts'

const fileName = 'steering.json'

/** Writes the changes of a run. */
export const writeSteering = (folder: RunFolder, changes: readonly RateChange[]): Promise<string> =>
  folder.writeFile(fileName, `${JSON.stringify({ changes }, undefined, 2)}\n`)

/**
 * The changes of a run that is to be resumed, checked against its log.
 * @param path of the run folder
 * @throws RunFolderError when file and log do not say the same: the run could not be repeated
 */
export async function readSteering(path: string): Promise<RateChange[]> {
  const file = join(path, fileName)
  const { changes = [] } = (await readFields(file)) ?? {}
  if (!Array.isArray(changes)) throw new RunFolderError(`${file}: changes must be a list`)
  const read = changes.map((change: unknown, k) => {
    const problem = isRecord(change) ? changeProblem(change) : 'expected an object'
    if (problem !== undefined) throw new RunFolderError(`${file}: change ${k + 1}: ${problem}`)
    return change as RateChange
  })
  for (const [k, { step }] of read.entries()) {
    const before = read[k - 1]?.step ?? 0
    if (step < before) {
      throw new RunFolderError(
        `${file}: change ${k + 1}: step (=${step}) is before that of the change before it (${before})`,
      )
    }
  }
  const events = await readEvents(join(path, 'events.jsonl'))
  const logged = events.flatMap((event): RateChange[] =>
    event.type === 'steer' && event.action === 'rate' ? [changeOf(event)] : [],
  )
  const last = events.at(-1)?.step ?? 0
  for (const [k, change] of logged.entries()) {
    if (read[k] && isSame(read[k], change)) continue
    const told = read[k] ? `${describeChange(read[k])} at step ${read[k].step}` : 'no such change'
    throw mismatch(path, `its log has ${describeChange(change)} at step ${change.step}, ${fileName} has ${told}`)
  }
  const missing = read.slice(logged.length).find(({ step }) => step < last)
  if (missing) {
    throw mismatch(path, `${fileName} has ${describeChange(missing)} at step ${missing.step}, which its log has not`)
  }
  return read
}

/** A change in words. */
const describeChange = (change: RateChange): string =>
  steerWords({ type: 'steer', action: 'rate', epoch: 0, ...change })

const changeOf = ({ step, factor, rate }: RateChange): RateChange => ({
  step,
  ...(factor !== undefined && { factor }),
  ...(rate !== undefined && { rate }),
})

const isSame = (a: RateChange, b: RateChange): boolean =>
  a.step === b.step && a.factor === b.factor && a.rate === b.rate

const mismatch = (path: string, what: string): RunFolderError =>
  new RunFolderError(`${path}: cannot be resumed: ${what}. The changes of its rate could not be repeated.`)
