/** A study on disk: `study.json` stores what was requested, so that the same command continues it. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { makeFolder } from '../../data/fileError.node.ts'
import { writeAtomic } from '../../runs/atomicFile.node.ts'
import { readFields } from '../../runs/jsonFile.node.ts'
import { RunLock } from '../../runs/runLock.node.ts'
import { shellWord } from '../recipeOptions.ts'
import { exitCodes, InterruptError, UsageError } from '../terminal/errors.ts'
import { Interrupt } from '../terminal/interrupt.ts'
import { note, print } from '../terminal/output.ts'
import { type TrialOptions, TrialRunner } from './trials.ts'

/** A study that this process works on, perhaps with others. */
export interface Study {
  readonly runner: TrialRunner
  /** The first requested value of the number that may grow. */
  readonly first: number
  /** Whether another process has extended the study meanwhile, and so reports on it; says so. */
  hasGrown(): Promise<boolean>
}

/**
 * Makes a study, or opens an existing one, and works on it. A signal lets the processes of trials save and end.
 * @param asked the request that decides the study's outcome; an existing study must have an equal request
 * @param growing the number in `asked` that may be larger than before: the study is then extended
 * @returns the exit code
 * @throws UsageError when the folder holds another study or something else.
 */
export async function inStudy(
  path: string,
  asked: object,
  options: TrialOptions,
  work: (study: Study) => Promise<void>,
  growing?: string,
): Promise<number> {
  await makeFolder(path)
  if (existsSync(join(path, 'recipe.json'))) throw new UsageError(`${path}: is a run folder, expected a study`)
  const runner = new TrialRunner(path, options)
  const interrupt = new Interrupt(() => runner.stop())
  try {
    const first = await agree(path, asked, growing)
    const hasGrown = async (): Promise<boolean> => {
      const size = sizeOf(await readFields(fileOf(path)), growing)
      if (size <= sizeOf(asked as Fields, growing)) return false
      note(`${path}: has ${size} ${growing} by now; the command that asked for them reports`)
      return true
    }
    await work({ runner, first, hasGrown }).finally(() => runner.progress.close())
    return exitCodes.done
  } catch (error) {
    if (!(error instanceof InterruptError)) throw error
    print(`stopped; the same command goes on: its study is in ${shellWord(path)}`)
    return interrupt.exitCode
  } finally {
    interrupt.dispose()
  }
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Writes the request of a study, or compares it with the earlier one.
 * @returns the first requested value of the growing number
 * @throws UsageError when the folder holds another study
 */
async function agree(path: string, asked: object, growing: string | undefined): Promise<number> {
  // Several processes may begin a study at once.
  const lock = await RunLock.acquire(join(path, 'lock'), { patience: agreeWithin })
  try {
    return await agreeOn(path, JSON.parse(JSON.stringify(asked)), growing)
  } finally {
    await lock.release()
  }
}

async function agreeOn(path: string, wanted: Fields, growing: string | undefined): Promise<number> {
  const file = fileOf(path)
  const found = await readFields(file)
  if (!found) {
    await writeStudy(file, wanted)
    return sizeOf(wanted, growing)
  }
  const { first, ...known } = found
  const size = growing === undefined ? {} : { [growing]: wanted[growing] }
  if (!isDeepStrictEqual({ ...known, ...size }, wanted)) {
    throw new UsageError(
      `${path}: holds another study (${difference({ ...known, ...size }, wanted)}); go on with it by the same options, or choose another --out`,
    )
  }
  if (sizeOf(wanted, growing) < sizeOf(known, growing)) {
    throw new UsageError(
      `--${growing} ${sizeOf(wanted, growing)}: the study in ${path} has ${sizeOf(known, growing)} already; it can be given more`,
    )
  }
  const begun = Number(first ?? sizeOf(known, growing))
  if (sizeOf(wanted, growing) > sizeOf(known, growing)) await writeStudy(file, { ...wanted, first: begun })
  return begun
}

/** Longest time for which other processes may agree, in milliseconds. */
const agreeWithin = 30_000

const fileOf = (path: string): string => join(path, 'study.json')

const sizeOf = (study: Fields | undefined, growing: string | undefined): number =>
  growing === undefined ? 0 : Number(study?.[growing])

const writeStudy = (file: string, study: Fields): Promise<void> =>
  writeAtomic(file, `${JSON.stringify(study, undefined, 2)}\n`)

/** The first field that differs. */
function difference(known: Fields, wanted: Fields): string {
  const name = Object.keys({ ...known, ...wanted }).find(key => !isDeepStrictEqual(known[key], wanted[key]))
  return `its ${name} is another`
}
