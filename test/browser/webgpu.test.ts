/** WebGPU on a page, in Chromium on its software driver: LeNet-5 trains there as in WebAssembly; a page that is frozen, and a driver that crashes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, Executable } from '../../src/backends/engine.ts'
import { noBrowser } from './chromium.ts'
import { type DoorsPage, openDoors } from './doorsPage.ts'

/** The doors of the package, as the page imports them. */
type Doors = typeof import('../../src/index.ts') &
  typeof import('../../src/models/index.ts') &
  typeof import('../../src/optim/index.ts')

/** What `startCounting` leaves on the page. */
interface Counter {
  readonly engine: Engine
  readonly step: Executable
}

describe.skipIf(noBrowser !== undefined)('a page with WebGPU', () => {
  let opened: DoorsPage

  beforeAll(async () => {
    opened = await openDoors(['index', 'models', 'optim'], { webgpu: true })
  }, 300_000)
  afterAll(() => opened?.close())

  it('trains LeNet-5 with the losses of WebAssembly', { timeout: 300_000 }, async () => {
    const { adapter, gpu, wasm } = await opened.page.evaluate(async () => {
      const { doors } = globalThis as unknown as { doors: Doors }
      const { createEngine, gradients, input, lenet5, mean, sgd, simplify, softmaxCrossEntropy } = doors
      const batch = 4
      const pixels = Float32Array.from({ length: batch * 784 }, (_, k) => Math.sin(k * 12.9898))
      const step = () => {
        const model = lenet5().initialize(3)
        const parameters = model.parameters()
        const images = input('images', [batch, 1, 28, 28], { batched: true })
        const labels = input('labels', [batch], { dtype: 'i32', batched: true })
        const logits = model.forward(images, { training: true, updates: new Map() })
        const [loss] = simplify([mean(softmaxCrossEntropy(logits as never, labels))])
        const slopes = gradients(
          loss as never,
          [...parameters.values()].map(({ tensor }) => tensor),
        )
        const named = new Map([...parameters.keys()].map((path, k) => [path, slopes[k]!]))
        const updates = sgd({ lr: 0.1, momentum: 0.9 }).update(parameters, named, input('rate', []))
        return { outputs: { loss: loss! }, updates }
      }
      const losses = async (engine: Awaited<ReturnType<typeof createEngine>>): Promise<number[]> => {
        const executable = await engine.compile(step())
        const found: number[] = []
        for (let k = 0; k < 4; k++) {
          const { loss } = await executable.run({ images: pixels, labels: [3, 1, 4, 1], rate: 0.1 })
          found.push(loss![0]!)
        }
        return found
      }
      const graphics = await createEngine({ backend: 'webgpu' })
      const processor = createEngine({ threads: 1 })
      const result = {
        adapter: graphics.description.adapter,
        gpu: await losses(graphics),
        wasm: await losses(processor),
      }
      await Promise.all([graphics.close(), processor.close()])
      return result
    })
    expect(adapter).toMatchObject({ architecture: 'swiftshader', software: true })
    expect(gpu.at(-1)).toBeLessThan(gpu[0]!)
    gpu.forEach((loss, k) => {
      expect(Math.abs(loss - wasm[k]!), `loss of step ${k + 1}`).toBeLessThan(1e-5 * wasm[k]!)
    })
  })

  /** Starts an engine on the page, and a program that counts its runs. */
  const startCounting = (): Promise<void> =>
    opened.page.evaluate(async () => {
      const { add, createEngine, Variable } = (globalThis as unknown as { doors: Doors }).doors
      const engine = await createEngine({ backend: 'webgpu' })
      const count = new Variable([1], { name: 'count' })
      const next = add(count.tensor, 1)
      const step = await engine.compile({ outputs: { next }, updates: new Map([[count, next]]) })
      Object.assign(globalThis, { counter: { engine, step } })
    })

  it('goes on where it was when the page has been frozen, as a browser may do to a hidden one', async () => {
    const { page } = opened
    await startCounting()
    await page.evaluate(() => {
      const { step, engine } = (globalThis as unknown as { counter: Counter }).counter
      const counting = (async () => {
        for (let k = 1; k < 3000; k++) await step.run({}, { read: k % 10 === 0 ? ['next'] : [] })
        const { next } = await step.run()
        await engine.close()
        return next![0]!
      })()
      Object.assign(globalThis, { counting })
    })
    const session = await page.context().newCDPSession(page)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    await new Promise(resolve => setTimeout(resolve, 1000))
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    expect(await page.evaluate(() => (globalThis as unknown as { counting: Promise<number> }).counting)).toBe(3000)
  })

  it('a graphics process that crashes is a lost device, and another engine computes', async () => {
    const { page } = opened
    await startCounting()
    const session = await page.context().browser()!.newBrowserCDPSession()
    await session.send('Browser.crashGpuProcess')
    const message = await page.evaluate(async () => {
      const { step } = (globalThis as unknown as { counter: Counter }).counter
      for (;;) {
        const failure = await step.run().then(
          () => undefined,
          (error: Error) => error.message,
        )
        if (failure !== undefined) return failure
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    })
    expect(message).toMatch(/^(the engine has stopped: )?the graphics device was lost \(unknown\): ./)
    await startCounting()
    const first = await page.evaluate(
      async () => (await (globalThis as unknown as { counter: Counter }).counter.step.run()).next![0],
    )
    expect(first).toBe(1)
  })
})
