/**
 * The event log of a run: `events.jsonl`, append-only, one JSON object per line with the time it was written. It shows
 * all processes that worked on a run as one history, with every step once.
 */
import { closeSync, existsSync, fsync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { writeAllSync, writing, writingSync } from '../data/fileError.node.ts'
import type { TrainEvent } from '../train/events.ts'
import { toJson } from '../train/json.ts'
import { writeAtomic } from './atomicFile.node.ts'
import { type LoggedEvent, parseEventLine } from './eventLine.ts'

export type { LoggedEvent } from './eventLine.ts'

/** Thrown for a log that cannot be read. Names file and line. */
export class EventLogError extends Error {
  override readonly name = 'EventLogError'
}

/**
 * Appends events. Each event is one write, which survives a crash of the process, and after `sync` one of the machine.
 * All methods throw a FileError that names the log when it cannot be written; an incomplete last line is not an event.
 */
export class EventLog {
  readonly #path: string
  readonly #file: number

  /** Opens a log, new or existing. */
  constructor(path: string) {
    this.#path = path
    this.#file = writingSync(path, () => openSync(path, 'a'))
  }

  append(event: TrainEvent): void {
    const line = Buffer.from(`${toJson({ time: new Date().toISOString(), ...event })}\n`)
    writingSync(this.#path, () => writeAllSync(this.#file, line))
  }

  /** Forces appended events to the disk. */
  sync(): Promise<void> {
    return writing(this.#path, () => promisify(fsync)(this.#file))
  }

  close(): void {
    closeSync(this.#file)
  }
}

/**
 * All events of a log, in order; none when there is no file. An incomplete last line, which is still being written or
 * was cut off by a crash, is left out.
 *
 * @throws EventLogError for any other line that is not an event.
 */
export async function readEvents(path: string): Promise<LoggedEvent[]> {
  return (await readLines(path)).map((line, index) => {
    const event = parseEventLine(line)
    if (!event) throw new EventLogError(`${path}: line ${index + 1} is not an event`)
    return event
  })
}

/**
 * Cuts a log back to the state of a checkpoint, so that a resumed run continues it: everything after the line of that
 * checkpoint is removed, or, when a crash came before that line was written, all events of later steps.
 *
 * @param step of the checkpoint; 0 for a run that starts over, which empties the log
 * @returns warnings about dropped lines that were not events
 */
export async function rewindEvents(path: string, step: number): Promise<string[]> {
  if (!existsSync(path)) return []
  const warnings: string[] = []
  const lines: { line: string; event: LoggedEvent }[] = []
  for (const [index, line] of (await readLines(path)).entries()) {
    const event = parseEventLine(line)
    if (event) lines.push({ line, event })
    else warnings.push(`${path}: line ${index + 1} was not an event and is dropped`)
  }
  const checkpoint = lines.findLastIndex(({ event }) => event.type === 'checkpoint' && event.step === step)
  const later = lines.findIndex(({ event }) => event.step > step)
  const end = step === 0 ? 0 : checkpoint >= 0 ? checkpoint + 1 : later >= 0 ? later : lines.length
  await writeAtomic(
    path,
    lines
      .slice(0, end)
      .map(({ line }) => `${line}\n`)
      .join(''),
  )
  return warnings
}

/** The complete lines of a file: text after the last newline does not count. */
async function readLines(path: string): Promise<string[]> {
  if (!existsSync(path)) return []
  const lines = (await readFile(path, 'utf8')).split('\n')
  lines.pop()
  return lines
}
