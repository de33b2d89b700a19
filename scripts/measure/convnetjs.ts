/**
 * LeNet-5 on the digits in one Chromium: the Lab beside ConvNetJS, which trains on the page's own thread, as its demonstrations do.
 * `npx tsx scripts/measure/convnetjs.ts` after `npm run build` and `npm ci --prefix bench`. Same layers and
 * normalization, batches of 64, rate 0.01, momentum 0.9, decay 0.0005. The Lab has all 60,000 digits, shuffled; ConvNetJS the first
 * 20,000 in their order, which is more than it gets through. Accuracy is that of the first test digits. They take turns.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { mnist } from '../../src/data/mnist.node.ts'
import { helper, stepOf, timeUntil, withLab } from './labPage.ts'

const script = fileURLToPath(new URL('../../bench/node_modules/convnetjs/build/convnet-min.js', import.meta.url))
/** Seconds of training in a round, and rounds. */
const [seconds, rounds] = [10, 3]
/** Seconds after which ConvNetJS is no longer waited for. */
const patience = Number(process.argv[2] ?? 240)

interface Digits {
  readonly images: string
  readonly labels: readonly number[]
}

/** What the page of ConvNetJS tells. */
interface Report {
  readonly images: number
  readonly seconds: number
  readonly longest: number
  /** Seconds of training, without those of the tests, until 90 and 97 % of the test digits were right. */
  readonly reached: Readonly<Record<string, number>>
}

/** In the page: trains for a time, in pieces of ten images between which the page breathes. */
async function trainConvNetJs(
  train: Digits,
  test: Digits,
  options: { seconds: number; testing: boolean },
): Promise<Report> {
  // biome-ignore lint/suspicious/noExplicitAny: a script of 2014 has no types
  const { Net, Trainer, Vol } = (globalThis as any).convnetjs
  const bytesOf = ({ images }: Digits): Uint8Array => Uint8Array.from(atob(images), letter => letter.charCodeAt(0))
  const volumesOf = (digits: Digits): unknown[] => {
    const bytes = bytesOf(digits)
    return digits.labels.map((_, k) => {
      const volume = new Vol(28, 28, 1, 0)
      for (let i = 0; i < 784; i++) volume.w[i] = (bytes[784 * k + i]! / 255 - 0.1307) / 0.3081
      return volume
    })
  }
  const net = new Net()
  net.makeLayers([
    { type: 'input', out_sx: 28, out_sy: 28, out_depth: 1 },
    { type: 'conv', sx: 5, filters: 6, stride: 1, pad: 2, activation: 'relu' },
    { type: 'pool', sx: 2, stride: 2 },
    { type: 'conv', sx: 5, filters: 16, stride: 1, pad: 0, activation: 'relu' },
    { type: 'pool', sx: 2, stride: 2 },
    { type: 'fc', num_neurons: 120, activation: 'relu' },
    { type: 'fc', num_neurons: 84, activation: 'relu' },
    { type: 'softmax', num_classes: 10 },
  ])
  const trainer = new Trainer(net, {
    method: 'sgd',
    learning_rate: 0.01,
    momentum: 0.9,
    batch_size: 64,
    l2_decay: 0.0005,
  })
  const [images, tests] = [volumesOf(train), volumesOf(test)]
  const accuracy = (): number => {
    let right = 0
    tests.forEach((volume, k) => {
      net.forward(volume)
      if (net.getPrediction() === test.labels[k]) right++
    })
    return right / tests.length
  }
  const reached: Record<string, number> = {}
  let [taken, trained, longest] = [0, 0, 0]
  while (trained < 1000 * options.seconds && reached['97'] === undefined) {
    const began = performance.now()
    for (let k = 0; k < 10; k++, taken++)
      trainer.train(images[taken % images.length], train.labels[taken % images.length])
    const took = performance.now() - began
    trained += took
    longest = Math.max(longest, took)
    await new Promise(resolve => setTimeout(resolve))
    if (!options.testing || taken % 640 !== 0) continue
    const share = accuracy()
    for (const goal of [90, 97]) if (share >= goal / 100) reached[goal] ??= trained / 1000
  }
  return { images: taken, seconds: trained / 1000, longest, reached }
}

async function digits(): Promise<{ train: Digits; test: Digits }> {
  const splits = await mnist()
  const part = ({ images, labels }: (typeof splits)['train'], count: number): Digits => ({
    images: Buffer.from(images.subarray(0, 784 * count)).toString('base64'),
    labels: Array.from(labels.slice(0, count)),
  })
  // 20,000 digits are more than ConvNetJS gets through here; the Lab has all of them.
  return { train: part(splits.train, 20_000), test: part(splits.test, 1000) }
}

/** The Lab: images a second, and seconds from the load of the page to a share of test digits. */
async function measureLab(browser: Browser, address: string): Promise<void> {
  const page: Page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.addInitScript(helper)
  await page.addInitScript(() => {
    Object.assign(window, { longest: 0 })
    new PerformanceObserver(list => {
      for (const { duration } of list.getEntries()) {
        Object.assign(window, { longest: Math.max((window as unknown as { longest: number }).longest, duration) })
      }
    }).observe({ type: 'longtask', buffered: true })
  })
  await page.goto(address)
  const ninety = await timeUntil(page, '.readout b', /(9\d|100)\.\d/)
  const most = await timeUntil(page, '.readout b', /(9[789]|100)\.\d/)
  const [from, began] = [await stepOf(page), performance.now()]
  await page.waitForTimeout(seconds * 1000)
  const speed = (64 * ((await stepOf(page)) - from)) / ((performance.now() - began) / 1000)
  const longest = await page.evaluate(() => (window as unknown as { longest: number }).longest)
  console.log(
    `Lab: ${speed.toFixed(0)} images/s; from the page's load 90 % after ${(ninety / 1000).toFixed(1)} s, 97 % after ${(most / 1000).toFixed(1)} s; longest task of the page over 50 ms: ${longest || 'none'}`,
  )
  await page.close()
}

async function openConvNetJs(browser: Browser): Promise<Page> {
  const page = await browser.newPage()
  await page.setContent('<!doctype html><title>ConvNetJS</title>')
  await page.addScriptTag({ content: `${helper}\n${readFileSync(script, 'utf8')}` })
  return page
}

if (!existsSync(script)) throw new Error(`${script}: ConvNetJS is not installed; npm ci --prefix bench`)
const { train, test } = await digits()
await withLab(async (browser, { address }) => {
  const run = async (options: { seconds: number; testing: boolean }): Promise<Report> => {
    const page = await openConvNetJs(browser)
    const report = await page.evaluate(
      ([source, ...rest]) =>
        new Function('train', 'test', 'options', `return (${source})(train, test, options)`)(
          ...rest,
        ) as Promise<Report>,
      [String(trainConvNetJs), train, test, options] as const,
    )
    await page.close()
    return report
  }
  for (let round = 0; round < rounds; round++) {
    const { images, seconds: took, longest } = await run({ seconds, testing: false })
    console.log(
      `ConvNetJS: ${(images / took).toFixed(0)} images/s; longest task (ten images): ${longest.toFixed(0)} ms`,
    )
    await measureLab(browser, address)
  }
  const { reached, seconds: took } = await run({ seconds: patience, testing: true })
  const when = (goal: number): string =>
    reached[goal] === undefined ? `not in ${took.toFixed(0)} s` : `after ${reached[goal].toFixed(1)} s`
  console.log(`ConvNetJS: 90 % ${when(90)}, 97 % ${when(97)} of training alone`)
})
