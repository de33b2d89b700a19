/**
 * What the Lab costs, in Chromium on this machine, with LeNet-5 on the 60,000 digits: `npx tsx scripts/measure/lab.ts [rounds]` after
 * `npm run build`. Numbers are medians over the rounds; watched and unwatched training take turns within a round. Nothing else
 * should run beside it.
 */
import type { Browser, Page } from 'playwright-core'
import { helper, median, stepOf, timeUntil, withLab } from './labPage.ts'

const rounds = Number(process.argv[2] ?? 5)
/** Milliseconds of each piece of training. */
const piece = 4000

/** Lets a test hold back the page's frames, as a hidden tab does, and counts frames and long tasks. */
const instruments = (): void => {
  const state = { isHidden: false, frames: 0, longest: 0, long: 0, waiting: [] as FrameRequestCallback[] }
  const request = window.requestAnimationFrame.bind(window)
  window.requestAnimationFrame = callback =>
    request(time => {
      if (state.isHidden) state.waiting.push(callback)
      else callback(time)
    })
  const count = (): void => {
    state.frames++
    request(count)
  }
  request(count)
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

type Instrumented = typeof globalThis & {
  readonly lab: {
    readonly state: { isHidden: boolean; frames: number; longest: number; long: number }
    readonly hide: () => void
    readonly show: () => void
  }
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

/** Steps in a second over a piece of training. */
async function speed(page: Page): Promise<number> {
  const [from, began] = [await stepOf(page), performance.now()]
  await page.waitForTimeout(piece)
  return ((await stepOf(page)) - from) / ((performance.now() - began) / 1000)
}

/** Watching, which a hidden page does not do: the same training with and without frames, by turns. */
async function measureWatching(page: Page): Promise<void> {
  const hide = (): Promise<void> => page.evaluate(() => (globalThis as Instrumented).lab.hide())
  const show = (): Promise<void> => page.evaluate(() => (globalThis as Instrumented).lab.show())
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics')
    return 1000 * metrics.find(({ name }) => name === 'TaskDuration')!.value
  }
  const frames = (): Promise<number> => page.evaluate(() => (globalThis as Instrumented).lab.state.frames)
  const [worked, drawn] = [await busy(), await frames()]
  const watched = await speed(page)
  note('work of the page a frame, ms', ((await busy()) - worked) / ((await frames()) - drawn))
  await hide()
  const hidden = await speed(page)
  await show()
  note('steps a second, watched', watched)
  note('steps a second, hidden', hidden)
  note('watching costs, %', 100 * (1 - watched / hidden))
  const { longest, long } = await page.evaluate(() => (globalThis as Instrumented).lab.state)
  note('longest task of the page, ms (0: none over 50)', longest)
  note('tasks over 50 ms', long)
}

/** From a key that paints on the probe to other bars. */
async function measureProbe(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Pause' }).click()
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
    const { bytes } = await page.evaluate(() =>
      (
        performance as unknown as { measureUserAgentSpecificMemory(): Promise<{ bytes: number }> }
      ).measureUserAgentSpecificMemory(),
    )
    note('memory, MB', bytes / 1e6)
    await page.reload()
    note('first step, loaded again, s', (await timeUntil(page, ...hasStepped)) / 1000)
    await page.context().close()
  }
})
for (const [name, values] of figures) {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  console.log(`${name}: ${median(values).toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)}, n = ${values.length})`)
}
