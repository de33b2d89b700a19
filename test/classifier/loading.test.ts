/** How a classifier becomes ready: it is compiled while its weights arrive, and warmed up when nobody asks. */
import { expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { type ClassifierInfo, writeClassifier } from '../../src/classifier/artifact.ts'
import { loadClassifier } from '../../src/classifier/index.ts'
import { lenet5 } from '../../src/models/index.ts'
import { ImageClassifier } from '../../src/nn/imageClassifier.ts'
import { normalize } from '../../src/nn/normalize.ts'

const info: ClassifierInfo = { name: 'digits', classes: [...'0123456789'], shape: [28, 28, 1], subject: 'picture' }
const file = writeClassifier(
  new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(1),
  info,
)
const picture = {
  pixels: Uint8Array.from({ length: 28 * 28 }, (_, k) => (k * k * 7 + 31 * k) % 251),
  width: 28,
  height: 28,
  channels: 1 as const,
}

/** An engine that tells what it does. */
function toldEngine() {
  const events: string[] = []
  const engine = createEngine({ threads: 1, precise: true })
  const compile = engine.compile.bind(engine)
  engine.compile = async program => {
    const executable = await compile(program)
    events.push('compiled')
    const run = executable.run.bind(executable)
    executable.run = async (...given) => {
      events.push('run')
      return run(...given)
    }
    return executable
  }
  return { engine, events }
}

/** An answer with the file, whose end the test sends. */
function arriving(head: number) {
  let body!: ReadableStreamDefaultController<Uint8Array>
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      body = controller
      controller.enqueue(file.slice(0, head))
    },
  })
  const answer = new Response(stream, { headers: { 'content-length': String(file.length) } })
  return { answer, body }
}

/** Bytes before the weights. */
const headBytes = 8 + Number(new DataView(file.buffer).getBigUint64(0, true))

const untilIdle = () => new Promise(resolve => setTimeout(resolve, 50))

test('while the weights arrive, the network is compiled, and answers the same', async () => {
  const { engine, events } = toldEngine()
  const { answer, body } = arriving(headBytes)
  const loading = loadClassifier(answer, { engine })
  await expect.poll(() => events).toEqual(['compiled'])
  body.enqueue(file.slice(headBytes, headBytes + 1001))
  body.enqueue(file.slice(headBytes + 1001))
  body.close()
  const classify = await loading
  const whole = await loadClassifier(file, { engine })
  expect(await classify(picture)).toEqual(await whole(picture))
  await engine.close()
})

test('a file that breaks off is an error, which leaves a given engine as it is', async () => {
  const { engine, events } = toldEngine()
  const { answer, body } = arriving(headBytes + 1000)
  const loading = loadClassifier(answer, { engine, file: 'digits.fovea' })
  await expect.poll(() => events).toEqual(['compiled'])
  body.close()
  await expect(loading).rejects.toThrow(/digits\.fovea: the download broke off after \d+ of \d+ bytes/)
  await (await loadClassifier(file, { engine }))(picture)
  await engine.close()
})

test('without `warm`, the first picture compiles it', async () => {
  const { engine, events } = toldEngine()
  const { answer, body } = arriving(file.length)
  body.close()
  const classify = await loadClassifier(answer, { engine, warm: false })
  await untilIdle()
  expect(events).toEqual([])
  const whole = await loadClassifier(file, { engine, warm: false })
  expect(await classify(picture)).toEqual(await whole(picture))
  await engine.close()
})

test('it runs once when nobody asks', async () => {
  const { engine, events } = toldEngine()
  const classify = await loadClassifier(file, { engine })
  expect(events).toEqual(['compiled'])
  await expect.poll(() => events).toEqual(['compiled', 'run'])
  await classify(picture)
  expect(events).toEqual(['compiled', 'run', 'run'])
  await engine.close()
})

test('a picture that comes at once is the first run', async () => {
  const { engine, events } = toldEngine()
  const classify = await loadClassifier(file, { engine })
  await classify(picture)
  await untilIdle()
  expect(events).toEqual(['compiled', 'run'])
  await engine.close()
})

test('it can be closed at once', async () => {
  const { engine, events } = toldEngine()
  const classify = await loadClassifier(file, { engine })
  await classify.close()
  await untilIdle()
  expect(events).toEqual(['compiled'])
  await engine.close()
})
