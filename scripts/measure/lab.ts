/**
 * What the Lab costs, in Chromium on this machine, with LeNet-5 on the 60,000 digits: `npx tsx scripts/measure/lab.ts [rounds]` after
 * `npm run build`. Numbers are medians over the rounds; watched and unwatched training take turns within a round, and what watching
 * costs is split into parts. Nothing else should run beside it.
 */
import type { Browser, CDPSession, Page } from 'playwright-core'
import { helper, median, timeUntil, withLab } from './labPage.ts'

const rounds = Number(process.argv[2] ?? 5)
/** Milliseconds of each piece of training, and pieces of each kind in a round: together less than the five epochs that it takes. */
const [piece, pieces] = [2200, 2]

/** Lets a test hold back the page's frames, as a hidden tab does, hears the worker, and counts long tasks. */
const instruments = (): void => {
  const state = {
    isHidden: false,
    longest: 0,
    long: 0,
    looks: 0,
    statistics: 0,
    /** Steps that were reported, and when. */
    reports: [] as { step: number; at: number }[],
    waiting: [] as FrameRequestCallback[],
  }
  const request = window.requestAnimationFrame.bind(window)
  window.requestAnimationFrame = callback =>
    request(time => {
      if (state.isHidden) state.waiting.push(callback)
      else callback(time)
    })
  const NativeWorker = window.Worker
  window.Worker = class extends NativeWorker {
    constructor(address: string | URL, options?: WorkerOptions) {
      super(address, options)
      this.addEventListener('message', ({ data }) => {
        if (data.type === 'look') state.looks++
        else if (data.type === 'statistics') state.statistics++
        else if (data.type === 'steps') state.reports.push({ step: data.step, at: performance.now() })
      })
    }
  }
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) {
      state.long++
      state.longest = Math.max(state.longest, duration)
    }
  }).observe({ type: 'longtask', buffered: true })
  Object.assign(window, {
    lab: {
      state,
      hide: () => {
        state.isHidden = true
      },
      show: () => {
        state.isHidden = false
        for (const callback of state.waiting.splice(0)) request(callback)
      },
    },
  })
}

interface State {
  readonly longest: number
  readonly long: number
  readonly looks: number
  readonly statistics: number
  readonly reports: readonly { readonly step: number; readonly at: number }[]
}

type Instrumented = typeof globalThis & {
  readonly lab: { readonly state: State; readonly hide: () => void; readonly show: () => void }
}

async function open(browser: Browser, address: string): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
  await page.addInitScript(helper)
  await page.addInitScript(instruments)
  await page.goto(address)
  return page
}

const hasStepped = ['b[data-step]', /step [1-9]/] as const
const isNinety = ['.readout b', /(9\d|100)\.\d/] as const

const figures = new Map<string, number[]>()
const note = (name: string, value: number): void => void figures.set(name, [...(figures.get(name) ?? []), value])

const stateOf = (page: Page): Promise<State> => page.evaluate(() => (globalThis as Instrumented).lab.state)

/** Steps in a second over a piece of training, between the first report and the last. */
async function speed(page: Page): Promise<number> {
  const { length } = (await stateOf(page)).reports
  await page.waitForTimeout(piece)
  const reports = (await stateOf(page)).reports.slice(length)
  const [first, last] = [reports[0], reports.at(-1)]
  if (!first || !last || last === first)
    throw new Error('the training ended before it was measured: measure less of it')
  return (last.step - first.step) / ((last.at - first.at) / 1000)
}

/** What the page and the browser have worked, in milliseconds: of the page's thread by kind, of other processes in all. */
async function workOf(page: CDPSession, browser: CDPSession): Promise<Map<string, number>> {
  const { metrics } = await page.send('Performance.getMetrics')
  const { processInfo } = await browser.send('SystemInfo.getProcessInfo')
  const seconds = (name: string): number => metrics.find(metric => metric.name === name)?.value ?? 0
  const others = processInfo.filter(({ type }) => type !== 'renderer')
  const named = {
    scripts: 'ScriptDuration',
    styles: 'RecalcStyleDuration',
    layout: 'LayoutDuration',
    all: 'TaskDuration',
  }
  return new Map([
    ...Object.entries(named).map(([part, name]): [string, number] => [part, 1000 * seconds(name)]),
    ['other processes', 1000 * others.reduce((sum, { cpuTime }) => sum + cpuTime, 0)],
  ])
}

/** Watching, which a hidden page does not do: the same training with and without frames, by turns. */
async function measureWatching(page: Page): Promise<void> {
  const hide = (): Promise<void> => page.evaluate(() => (globalThis as Instrumented).lab.hide())
  const show = (): Promise<void> => page.evaluate(() => (globalThis as Instrumented).lab.show())
  const session = await page.context().newCDPSession(page)
  const whole = await page.context().browser()!.newBrowserCDPSession()
  // Time of the thread's own, not of those that wait beside it.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  for (let k = 0; k < pieces; k++) {
    const [before, { looks, statistics }] = [await workOf(session, whole), await stateOf(page)]
    const watched = await speed(page)
    const [after, now] = [await workOf(session, whole), await stateOf(page)]
    const drawn = now.looks - looks
    for (const [part, work] of after) note(`work a look, ms: ${part}`, (work - before.get(part)!) / drawn)
    note('looks a second', drawn / (piece / 1000))
    note('statistics a second', (now.statistics - statistics) / (piece / 1000))
    await hide()
    const hidden = await speed(page)
    await show()
    note('steps a second, watched', watched)
    note('steps a second, hidden', hidden)
    note(`watching costs in piece ${k + 1}, %`, 100 * (1 - watched / hidden))
  }
  const { longest, long } = await stateOf(page)
  note('longest task of the page, ms (0: none over 50)', longest)
  note('tasks over 50 ms', long)
}

/** From a key that paints on the probe to other bars. */
async function measureProbe(page: Page): Promise<void> {
  const pause = page.getByRole('button', { name: 'Pause' })
  // A fast machine has come to the end by itself.
  if (await pause.isVisible()) await pause.click()
  await page.getByRole('button', { name: 'Train on' }).waitFor()
  await page.waitForTimeout(1500)
  for (let k = 0; k < 15; k++) {
    const took = await page.evaluate(
      key =>
        new Promise<number>(resolve => {
          const [probe, bars] = [document.querySelector('.probe')!, document.querySelector('.bars')!]
          const began = performance.now()
          const observer = new MutationObserver(() => {
            observer.disconnect()
            resolve(performance.now() - began)
          })
          observer.observe(bars, { subtree: true, childList: true, characterData: true, attributes: true })
          for (const name of [key, ' ']) {
            probe.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }))
          }
        }),
      k % 2 === 0 ? 'ArrowRight' : 'ArrowDown',
    )
    note('probe edit to bars, ms', took)
  }
}

await withLab(async (browser, { address }) => {
  for (let round = 0; round < rounds; round++) {
    const page = await open(browser, address)
    note('first step, first visit, s', (await timeUntil(page, ...hasStepped)) / 1000)
    note('90 % of 500 test digits, s after load', (await timeUntil(page, ...isNinety)) / 1000)
    await measureWatching(page)
    await measureProbe(page)
    // Chromium's headless shell does not say; `CHROMIUM=/usr/bin/chromium` does.
    const bytes = await page.evaluate(() =>
      (performance as unknown as { measureUserAgentSpecificMemory(): Promise<{ bytes: number }> })
        .measureUserAgentSpecificMemory()
        .then(
          memory => memory.bytes,
          () => undefined,
        ),
    )
    if (bytes !== undefined) note('memory, MB', bytes / 1e6)
    await page.reload()
    note('first step, loaded again, s', (await timeUntil(page, ...hasStepped)) / 1000)
    await page.context().close()
  }
})
for (const [name, values] of figures) {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  console.log(`${name}: ${median(values).toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)}, n = ${values.length})`)
}
