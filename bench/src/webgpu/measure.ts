/** The measurement: the contenders of a row on one page, which take turns in an order that rotates. */
import type { Page } from 'playwright-core'
import type { KernelTime } from '../contenders/foveaDetails.ts'
import type { Effort } from '../measure.ts'
import type { Row } from '../rows.ts'
import { median, quartiles } from '../statistics.ts'
import type { BenchBrowser } from './browser.ts'
import type { CallCounts } from './counts.ts'
import type { FoveaWork } from './fovea.ts'
import type { ContenderName, Opened, PageBench } from './page.ts'

/** How long to measure. */
export interface DeviceEffort extends Effort {
  /** Seconds that a contender may take to its first answers, with all shaders compiled. */
  readonly patience: number
}

/** A middle value, and the quarters of the values around it. */
export interface Spread {
  readonly median: number
  readonly quartiles: readonly [number, number]
}

/** What was measured of a contender. */
export interface Measured extends Opened {
  /** Milliseconds a step. */
  readonly ms: Spread
  readonly steps: number
  /** Its time as a multiple of Fovea's, round by round. */
  readonly ratio: Spread
  readonly calls: CallCounts
}

/** A measurement, or the reason why there is none. */
export type Result = Measured | { readonly reason: string }

/** What was measured of a row. */
export interface RowResult {
  readonly results: Readonly<Record<ContenderName, Result>>
  readonly work: FoveaWork | undefined
  /** Times of Fovea's kernels, or why there are none. */
  readonly kernels: readonly KernelTime[] | { readonly reason: string }
}

/** The line the others are compared with. */
export const subject: ContenderName = 'Fovea'

/** All contenders, in the order of the tables. */
export const contenders: readonly ContenderName[] = [
  subject,
  'ONNX Runtime Web',
  'ONNX Runtime Web, NCHW',
  'TensorFlow.js',
  'jax-js',
]

/** A contender's turns. */
interface Turn {
  /** Steps at its beginning that are not counted, and steps that are. */
  readonly settle: number
  readonly steps: number
  readonly rounds: number
}

/** Rounds that every row has, however long its steps are. */
const leastRounds = 3

/** Measures a row on a page of its own. @param version of Fovea */
export async function measureRow(
  startBrowser: () => Promise<BenchBrowser>,
  row: Row,
  version: string,
  effort: DeviceEffort,
  say: (message: string) => void,
): Promise<RowResult> {
  const reasons = new Map<ContenderName, string>()
  if (row.task === 'train') {
    for (const name of contenders) if (name.startsWith('ONNX Runtime')) reasons.set(name, 'inference only')
  }
  for (;;) {
    const browser = await startBrowser()
    try {
      const page = await browser.open()
      await page.evaluate(([id, version]) => bench.begin(id, version), [row.id, version] as const)
      return await new Field(page, row, effort, reasons, say).measure()
    } catch (error) {
      // What has been submitted cannot be taken back: the others go on in another browser.
      if (!(error instanceof TooSlow)) throw error
      say(`${error.contender}: ${error.message}`)
      reasons.set(error.contender, error.message)
    } finally {
      await browser.close()
    }
  }
}

/** A contender whose first answers have not come. */
class TooSlow extends Error {
  readonly contender: ContenderName

  constructor(contender: ContenderName, patience: number) {
    super(`no first two answers within ${patience} s`)
    this.contender = contender
  }
}

/** The page's side, within functions that run there. */
declare const bench: PageBench

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/^page\.evaluate: (Error: )?/, '').split('\n')[0]

class Field {
  readonly #page: Page
  readonly #row: Row
  readonly #effort: DeviceEffort
  readonly #say: (message: string) => void
  /** Why contenders are not measured. */
  readonly #reasons: Map<ContenderName, string>
  readonly #opened = new Map<ContenderName, Opened>()

  constructor(
    page: Page,
    row: Row,
    effort: DeviceEffort,
    reasons: Map<ContenderName, string>,
    say: (message: string) => void,
  ) {
    this.#page = page
    this.#row = row
    this.#effort = effort
    this.#reasons = reasons
    this.#say = say
  }

  async measure(): Promise<RowResult> {
    for (const name of contenders) {
      if (this.#reasons.has(name)) continue
      this.#say(`${this.#row.title}: starting ${name}`)
      await this.#attempt(name, async () => {
        this.#opened.set(name, await this.#open(name))
      })
    }
    const times = await this.#rounds()
    const calls = new Map<ContenderName, CallCounts>()
    for (const name of this.#alive) {
      await this.#attempt(name, async () => {
        calls.set(name, await this.#page.evaluate(name => bench.current.count(name), name))
      })
    }
    const resultOf = (name: ContenderName): Result => {
      const [opened, counts, turns] = [this.#opened.get(name), calls.get(name), times.get(name)]
      if (!opened || !counts || !turns) return { reason: this.#reasons.get(name) ?? 'not started' }
      const ratios = turns.map((turn, round) => median(turn) / median(times.get(subject)?.[round] ?? []))
      return { ...opened, ms: spread(turns.flat()), steps: turns.flat().length, ratio: spread(ratios), calls: counts }
    }
    return {
      results: Object.fromEntries(contenders.map(name => [name, resultOf(name)])) as Record<ContenderName, Result>,
      work: await this.#page.evaluate(() => bench.current.work()),
      kernels: await this.#kernels(),
    }
  }

  async #open(name: ContenderName): Promise<Opened> {
    const { patience } = this.#effort
    const opening = this.#page.evaluate(name => bench.current.open(name), name)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TooSlow(name, patience)), patience * 1000)
    })
    // It fails once more when its browser is closed.
    opening.catch(() => undefined)
    return Promise.race([opening, late]).finally(() => clearTimeout(timer))
  }

  /** Milliseconds of all steps that are counted, by round. */
  async #rounds(): Promise<ReadonlyMap<ContenderName, readonly number[][]>> {
    const turns = new Map<ContenderName, Turn>()
    for (const name of this.#alive) await this.#attempt(name, async () => turns.set(name, await this.#warmUp(name)))
    // As many for everyone, so that every round has a ratio.
    const rounds = Math.min(this.#effort.rounds, ...[...turns.values()].map(turn => turn.rounds))
    const times = new Map<ContenderName, number[][]>()
    for (let round = 0; round < rounds; round++) {
      this.#say(`round ${round + 1} of ${rounds}`)
      const alive = [...turns].filter(([name]) => !this.#reasons.has(name))
      for (const [i] of alive.entries()) {
        const [name, { settle, steps }] = alive[(i + round) % alive.length]
        await this.#attempt(name, async () => {
          const ms = await this.#turn(name, settle + steps)
          times.set(name, [...(times.get(name) ?? []), ms.slice(settle)])
        })
      }
    }
    return times
  }

  get #alive(): ContenderName[] {
    return contenders.filter(name => this.#opened.has(name) && !this.#reasons.has(name))
  }

  /** Does `work`; a contender that fails is taken out of the field with its reason. */
  async #attempt(name: ContenderName, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof TooSlow) throw error
      const reason = messageOf(error)
      this.#say(`${name}: ${reason}`)
      this.#reasons.set(name, reason)
    }
  }

  async #turn(name: ContenderName, steps: number): Promise<number[]> {
    return this.#page.evaluate(([name, steps]) => bench.current.turn(name, steps), [name, steps] as const)
  }

  /** Steps that are not counted, and from their time the length of a turn and the number of rounds. */
  async #warmUp(name: ContenderName): Promise<Turn> {
    const { warmUpMs, turnMs, totalMs, steps: most, rounds } = this.#effort
    const ms: number[] = []
    for (let spent = 0; spent < warmUpMs; ) {
      const [step] = await this.#turn(name, 1)
      ms.push(step)
      spent += step
    }
    const step = median(ms.slice(-5))
    const steps = Math.max(1, Math.min(most, Math.round(turnMs / step)))
    return {
      // The first step of a turn finds caches that another contender has filled.
      settle: step < 300 ? 1 : 0,
      steps,
      rounds: Math.min(rounds, Math.max(leastRounds, Math.floor(totalMs / (step * steps)))),
    }
  }

  async #kernels(): Promise<RowResult['kernels']> {
    if (!this.#opened.has(subject)) return { reason: 'not started' }
    this.#say('times of kernels')
    try {
      return await this.#page.evaluate(() => bench.current.profile(5))
    } catch (error) {
      return { reason: messageOf(error) }
    }
  }
}

const spread = (values: readonly number[]): Spread => ({ median: median(values), quartiles: quartiles(values) })
