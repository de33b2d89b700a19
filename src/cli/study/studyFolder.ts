/** A study on disk: `study.json` stores what was requested, so that the same command continues it. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { makeFolder } from '../../data/fileError.node.ts'
import type { EngineChoices } from '../../recipe/engine.ts'
import { writeAtomic } from '../../runs/atomicFile.node.ts'
import { readFields } from '../../runs/jsonFile.node.ts'
import { RunLock } from '../../runs/runLock.node.ts'
import { shellWord } from '../recipeOptions.ts'
import { exitCodes, InterruptError, UsageError } from '../terminal/errors.ts'
import { Interrupt } from '../terminal/interrupt.ts'
import { print } from '../terminal/output.ts'
import type { StudyProgressOptions } from './studyProgress.ts'
import { TrialRunner } from './trials.ts'

/**
 * Makes a study, or opens an existing one, and works on it under a lock. A signal lets the processes save and end.
 * @param asked the request that decides the study's outcome; an existing study must have an equal request
 * @param growing the number in `asked` that may be larger than before: the study is then extended
 * @param work gets the first requested value of that number
 * @returns the exit code
 * @throws UsageError when the folder holds another study or something else.
 */
export async function inStudy(
  path: string,
  asked: object,
  options: EngineChoices & StudyProgressOptions & { readonly jobs: number },
  work: (runner: TrialRunner, first: number) => Promise<void>,
  growing?: string,
): Promise<number> {
  await makeFolder(path)
  if (existsSync(join(path, 'recipe.json'))) throw new UsageError(`${path}: is a run folder, expected a study`)
  const lock = await RunLock.acquire(join(path, 'lock'))
  const runner = new TrialRunner(path, options.jobs, options)
  const interrupt = new Interrupt(() => runner.stop())
  try {
    const first = await agree(path, asked, growing)
    await work(runner, first).finally(() => runner.progress.close())
    return exitCodes.done
  } catch (error) {
    if (!(error instanceof InterruptError)) throw error
    print(`stopped; the same command goes on: its study is in ${shellWord(path)}`)
    return interrupt.exitCode
  } finally {
    interrupt.dispose()
    await lock.release()
  }
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Writes the request of a study, or compares it with the earlier one.
 * @returns the first requested value of the growing number
 * @throws UsageError when the folder holds another study
 */
async function agree(path: string, asked: object, growing: string | undefined): Promise<number> {
  const file = join(path, 'study.json')
  const wanted = JSON.parse(JSON.stringify(asked)) as Fields
  const sizeOf = (study: Fields): number => (growing === undefined ? 0 : Number(study[growing]))
  const found = await readFields(file)
  if (!found) {
    await writeStudy(file, wanted)
    return sizeOf(wanted)
  }
  const { first, ...known } = found
  const size = growing === undefined ? {} : { [growing]: wanted[growing] }
  if (!isDeepStrictEqual({ ...known, ...size }, wanted)) {
    throw new UsageError(
      `${path}: holds another study (${difference({ ...known, ...size }, wanted)}); go on with it by the same options, or choose another --out`,
    )
  }
  if (sizeOf(wanted) < sizeOf(known)) {
    throw new UsageError(
      `--${growing} ${sizeOf(wanted)}: the study in ${path} has ${sizeOf(known)} already; it can be given more`,
    )
  }
  const begun = Number(first ?? sizeOf(known))
  if (sizeOf(wanted) > sizeOf(known)) await writeStudy(file, { ...wanted, first: begun })
  return begun
}

const writeStudy = (file: string, study: Fields): Promise<void> =>
  writeAtomic(file, `${JSON.stringify(study, undefined, 2)}\n`)

/** The first field that differs. */
function difference(known: Fields, wanted: Fields): string {
  const name = Object.keys({ ...known, ...wanted }).find(key => !isDeepStrictEqual(known[key], wanted[key]))
  return `its ${name} is another`
}
