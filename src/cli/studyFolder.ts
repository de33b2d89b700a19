/** A study on the disk: what was asked for, in `study.json`, so that the same command goes on with it. */
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { writeAtomic } from '../train/atomicFile.node.ts'
import { RunLock } from '../train/runLock.node.ts'
import { CommandError, exitCodes, InterruptError, UsageError } from './errors.ts'
import { Interrupt } from './interrupt.ts'
import { print } from './output.ts'
import { shellWord } from './recipe.ts'
import type { EngineChoices } from './setup.ts'
import type { StudyProgressOptions } from './studyProgress.ts'
import { TrialRunner } from './trials.ts'

/**
 * Makes a study, or opens it when it is there, and works on it under a lock. A signal lets the processes save and end.
 * @param asked what decides the study's outcome: a study that is there must have been asked for the same
 * @returns the exit code
 * @throws UsageError when the folder holds another study; CommandError when it holds something else.
 */
export async function inStudy(
  path: string,
  asked: object,
  options: EngineChoices & StudyProgressOptions & { readonly jobs: number },
  work: (runner: TrialRunner) => Promise<void>,
): Promise<number> {
  const file = join(path, 'study.json')
  const wanted: unknown = JSON.parse(JSON.stringify(asked))
  await mkdir(path, { recursive: true })
  if (existsSync(join(path, 'recipe.json'))) throw new CommandError(`${path}: is a run folder, expected a study`)
  if (existsSync(file)) {
    const known: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (!isDeepStrictEqual(known, wanted)) {
      throw new UsageError(
        `${path}: holds another study (${difference(known, wanted)}); go on with it by the same options, or choose another --out`,
      )
    }
  } else await writeAtomic(file, `${JSON.stringify(wanted, undefined, 2)}\n`)
  const lock = await RunLock.acquire(join(path, 'lock'))
  const runner = new TrialRunner(path, options.jobs, options)
  const interrupt = new Interrupt(() => runner.stop())
  try {
    await work(runner).finally(() => runner.progress.close())
    return exitCodes.done
  } catch (error) {
    if (!(error instanceof InterruptError)) throw error
    print(`stopped; the same command goes on: its study is in ${shellWord(path)}`)
    return exitCodes.interrupted
  } finally {
    interrupt.dispose()
    await lock.release()
  }
}

/** The first field that differs. */
function difference(known: unknown, wanted: unknown): string {
  const fields = { ...(known as object), ...(wanted as object) }
  const name = Object.keys(fields).find(
    key => !isDeepStrictEqual((known as Record<string, unknown>)[key], (wanted as Record<string, unknown>)[key]),
  )
  return `its ${name} is another`
}
