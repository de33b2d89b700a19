/** `fovea/onnx` on a page, in Chromium: files of PyTorch's exporters are read, answer and train there as in Node. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as front from '../../src/index.ts'
import { importOnnx, type OnnxNetwork } from '../../src/onnx/index.ts'
import { noBrowser } from './chromium.ts'
import { type DoorsPage, openDoors } from './doorsPage.ts'

interface Packed {
  readonly shape: readonly number[]
  readonly data: string
}

interface Fixtures {
  readonly cases: readonly {
    readonly name: string
    readonly model: string
    readonly images: Packed
    readonly logits: Packed
  }[]
  readonly training: { readonly model: string; readonly images: Packed; readonly labels: readonly number[] }
}

/** A model with its weights in another file. */
interface External {
  readonly files: Readonly<Record<'model.onnx' | 'model.onnx.data', string>>
  readonly images: Packed
  readonly logits: Packed
}

/** What a network answers, and what one training step makes of it. */
interface Work {
  readonly logits: number[]
  readonly loss: number
  readonly weights: number[][]
}

/** The doors of the package, as the page imports them. */
type Doors = typeof front & typeof import('../../src/onnx/index.ts')

function fixture<T>(name: string): T {
  const packed = readFileSync(join(import.meta.dirname, '../fixtures/onnx', name))
  return JSON.parse(gunzipSync(packed).toString()) as T
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
const floatsOf = ({ data }: Packed): number[] => [...new Float32Array(bytesOf(data).buffer as ArrayBuffer)]

/** Runs in Node and, as text, on the page: it uses only what it is given. Precise engines give the same bits everywhere. */
async function workOn(
  { createEngine, gradients, input, mean, mul, softmaxCrossEntropy, sub }: typeof front,
  network: OnnxNetwork,
  shape: readonly number[],
  pixels: readonly number[],
  labels: readonly number[],
): Promise<Work> {
  const engine = createEngine({ threads: 1, precise: true })
  const images = input('images', shape, { batched: true })
  const answers = await engine.compile({ outputs: { logits: network.forward(images) }, updates: new Map() })
  const given = { images: Float32Array.from(pixels) }
  const { logits } = await answers.run(given)
  const context = { training: true, updates: new Map() }
  const known = input('labels', [labels.length], { dtype: 'i32', batched: true })
  const trained = network.forward(images, context)
  const loss = mean(softmaxCrossEntropy(trained as never, known as never))
  const parameters = [...network.parameters().values()]
  const slopes = gradients(
    loss,
    parameters.map(({ tensor }) => tensor),
  )
  const updates = new Map(context.updates)
  parameters.forEach((parameter, k) => {
    updates.set(parameter as never, sub(parameter.tensor, mul(slopes[k]!, 0.1)) as never)
  })
  const step = await engine.compile({ outputs: { loss }, updates })
  const result = await step.run({ ...given, labels: Int32Array.from(labels) })
  const weights = []
  for (const parameter of parameters) weights.push([...(await engine.read(parameter))])
  await engine.close()
  return { logits: [...logits!], loss: result.loss![0]!, weights }
}

describe.skipIf(noBrowser !== undefined)('on a page', () => {
  const { cases, training } = fixture<Fixtures>('networks.json.gz')
  const external = fixture<External>('external.json.gz')
  const dynamo = cases.find(({ name }) => name === 'residual, dynamo')!
  const shape = dynamo.images.shape
  let opened: DoorsPage
  let page: Page

  beforeAll(async () => {
    const files = {
      'residual.onnx': bytesOf(dynamo.model),
      'training.onnx': bytesOf(training.model),
      'cut.onnx': bytesOf(dynamo.model).subarray(0, 2000),
      'beside.onnx': bytesOf(external.files['model.onnx']),
      'model.onnx.data': bytesOf(external.files['model.onnx.data']),
    }
    opened = await openDoors(['index', 'onnx'], { files })
    page = opened.page
  }, 300_000)
  afterAll(() => opened?.close())

  /** The same work on the page, on the network that an expression imports. */
  const onPage = (source: string, ...given: readonly unknown[]): Promise<Work> =>
    page.evaluate(`(async () => {
      const network = await globalThis.doors.importOnnx(${source})
      return (${String(workOn)})(globalThis.doors, network, ...${JSON.stringify(given)})
    })()`)

  it.each([
    ['an address relative to the page', "'residual.onnx'"],
    ['bytes', "await (await fetch('residual.onnx')).bytes()"],
    ['a blob', "await (await fetch('residual.onnx')).blob()"],
    ['a file', "new File([await (await fetch('residual.onnx')).blob()], 'residual.onnx')"],
  ])('answers and trains as in Node, to the last bit, read from %s', async (_, source) => {
    const pixels = floatsOf(dynamo.images)
    const labels = [0, 1, 2]
    const wanted = await workOn(front, await importOnnx(bytesOf(dynamo.model)), shape, pixels, labels)
    const found = await onPage(source, shape, pixels, labels)
    expect(found).toEqual(wanted)
    floatsOf(dynamo.logits).forEach((logit, k) => {
      // ONNX Runtime's answers: sums of a few hundred products, in another order.
      expect(found.logits[k]).toBeCloseTo(logit, 4)
    })
  })

  it('trains batch normalization that is in the file', async () => {
    const { images, labels, model } = training
    const given = [images.shape, floatsOf(images), labels] as const
    const wanted = await workOn(front, await importOnnx(bytesOf(model)), ...given)
    expect(await onPage("'training.onnx'", ...given)).toEqual(wanted)
  })

  it('fetches weights that lie beside the file', async () => {
    const { images, logits } = external
    const labels = images.shape.slice(0, 1).flatMap(batch => new Array<number>(batch).fill(0))
    const found = await onPage("'beside.onnx'", images.shape, floatsOf(images), labels)
    floatsOf(logits).forEach((logit, k) => {
      expect(found.logits[k]).toBeCloseTo(logit, 4)
    })
  })

  /** The message of the error of an import. */
  const refusal = (source: string): Promise<string> =>
    page.evaluate(async source => {
      const { importOnnx } = (globalThis as unknown as { doors: Doors }).doors
      return importOnnx(source).then(String, (error: Error) => `${error.name}: ${error.message}`)
    }, source)

  it('says what is wrong with a truncated file, and with an address without a file', async () => {
    expect(await refusal('cut.onnx')).toMatch(/^OnnxError: cut\.onnx: is no ONNX model, or a damaged one: /)
    expect(await refusal('none.onnx')).toMatch(/^WeightsError: http:.*none\.onnx: the server answered 404/)
  })
})
