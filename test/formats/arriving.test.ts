/** A server's answer as a source: parts can be read as soon as they are there, and what breaks off is an error. */
import { describe, expect, test } from 'vitest'
import { arrivingSource, blobOf, type DownloadProgress } from '../../src/formats/arriving.ts'

const bytes = Uint8Array.from({ length: 10 }, (_, k) => k)

/** An answer whose body the test sends. */
function answerOf(headers: Record<string, string>) {
  let body!: ReadableStreamDefaultController<Uint8Array>
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      body = controller
    },
  })
  return { answer: new Response(stream, { headers }), body }
}

/** Whether a promise has settled, once all that can go on has. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = () => {
    settled = true
  }
  promise.then(note, note)
  await new Promise(resolve => setImmediate(resolve))
  return settled
}

const stated = { 'content-length': '10' }

describe('an answer of stated length', () => {
  test('is read while it arrives', async () => {
    const { answer, body } = answerOf(stated)
    const source = await arrivingSource(answer, 'file')
    expect([source.name, source.size]).toEqual(['file', 10])
    const [head, tail] = [source.read(1, 4), source.read(4, 10)]
    body.enqueue(bytes.slice(0, 3))
    expect(await hasSettled(head)).toBe(false)
    body.enqueue(bytes.slice(3, 6))
    expect(Array.from(await head)).toEqual([1, 2, 3])
    expect(await hasSettled(tail)).toBe(false)
    body.enqueue(bytes.slice(6))
    expect(Array.from(await tail)).toEqual([4, 5, 6, 7, 8, 9])
    expect(await hasSettled(source.arrived!)).toBe(false)
    body.close()
    await source.arrived
    expect(Array.from(await source.read(0, 10))).toEqual(Array.from(bytes))
  })

  test('has arrived when it has been kept', async () => {
    const { answer, body } = answerOf(stated)
    let kept: unknown
    let release!: () => void
    const keep = (whole: unknown) => {
      kept = whole
      return new Promise<void>(resolve => {
        release = resolve
      })
    }
    const source = await arrivingSource(answer, 'file', { keep })
    body.enqueue(bytes)
    body.close()
    expect(await hasSettled(source.arrived!)).toBe(false)
    expect(kept).toEqual(bytes)
    release()
    await source.arrived
  })

  test('tells how far it is', async () => {
    const { answer, body } = answerOf(stated)
    const steps: DownloadProgress[] = []
    const source = await arrivingSource(answer, 'file', { onProgress: step => steps.push(step) })
    body.enqueue(bytes.slice(0, 7))
    body.enqueue(bytes.slice(7))
    body.close()
    await source.arrived
    expect(steps).toEqual([0, 7, 10].map(loaded => ({ loaded, total: 10 })))
  })

  test.each<[string, (body: ReadableStreamDefaultController<Uint8Array>) => void, string]>([
    ['that ends early', body => body.close(), 'file: the download broke off after 3 of 10 bytes'],
    ['that fails', body => body.error(new Error('lost')), 'file: the download broke off: lost'],
    ['of which more arrives', body => body.enqueue(bytes), 'file: the download broke off: more than its 10 bytes'],
  ])('%s is an error of whoever reads on', async (_, end, message) => {
    const { answer, body } = answerOf(stated)
    const source = await arrivingSource(answer, 'file')
    body.enqueue(bytes.slice(0, 3))
    expect(Array.from(await source.read(0, 3))).toEqual([0, 1, 2])
    end(body)
    await expect(source.read(2, 4)).rejects.toThrow(message)
    await expect(source.read(9, 10)).rejects.toThrow(message)
    await expect(source.arrived).rejects.toThrow(message)
    expect(Array.from(await source.read(0, 3))).toEqual([0, 1, 2])
  })
})

test.each([
  ['without a length', {}],
  ['that is sent compressed', { 'content-length': '4', 'content-encoding': 'br' }],
])('an answer %s is waited for', async (_, headers) => {
  const { answer, body } = answerOf(headers)
  const source = arrivingSource(answer, 'file')
  body.enqueue(bytes.slice(0, 5))
  expect(await hasSettled(source)).toBe(false)
  body.enqueue(bytes.slice(5))
  body.close()
  const { size, arrived, read } = await source
  expect([size, arrived]).toEqual([10, undefined])
  expect(Array.from(await read(4, 7))).toEqual([4, 5, 6])
})

/** An answer of another origin, which hides from a page that it is compressed. */
function ofOtherOrigin(length: number) {
  const { answer, body } = answerOf({ 'content-length': String(length) })
  Object.defineProperty(answer, 'type', { value: 'cors' })
  return { answer, body }
}

test.each([
  ['fewer', 4, [4, undefined]],
  ['more', 12, [12, 12]],
])('of another origin a body may have been sent in %s bytes than it has', async (_, sent, totals) => {
  const steps: DownloadProgress[] = []
  const whole = ofOtherOrigin(sent)
  const blob = blobOf(whole.answer, 'file', { onProgress: step => steps.push(step) })
  whole.body.enqueue(bytes)
  whole.body.close()
  expect(new Uint8Array(await (await blob).arrayBuffer())).toEqual(bytes)
  expect(steps).toEqual([0, 10].map((loaded, k) => ({ loaded, total: totals[k] })))
  const read = ofOtherOrigin(sent)
  const source = arrivingSource(read.answer, 'file')
  read.body.enqueue(bytes)
  read.body.close()
  expect((await source).size).toBe(10)
})

test('a length that is no number says nothing', async () => {
  const { answer, body } = answerOf({ 'content-length': '10, 10' })
  const blob = blobOf(answer, 'file')
  body.enqueue(bytes)
  body.close()
  expect((await blob).size).toBe(10)
})

test('a whole answer is a blob, or an error', async () => {
  expect(await (await blobOf(new Response(bytes), 'file')).arrayBuffer()).toEqual(bytes.buffer)
  const { answer, body } = answerOf(stated)
  body.close()
  await expect(blobOf(answer, 'file')).rejects.toThrow('file: the download broke off after 0 of 10 bytes')
})

describe('a body of bytes', () => {
  /** An answer that fills buffers of whoever reads it, as a download in a browser does. */
  const bytesOf = (pull: (controller: ReadableByteStreamController) => void): Response =>
    new Response(new ReadableStream({ type: 'bytes', pull }), { headers: stated })

  test('is read into one buffer', async () => {
    const buffers: number[] = []
    let sent = 0
    const answer = bytesOf(controller => {
      const { view } = controller.byobRequest!
      buffers.push(view!.buffer.byteLength)
      const length = Math.min(4, 10 - sent)
      new Uint8Array(view!.buffer, view!.byteOffset, length).set(bytes.slice(sent, sent + length))
      sent += length
      if (length === 0) controller.close()
      controller.byobRequest!.respond(length)
    })
    const source = await arrivingSource(answer, 'file')
    expect(Array.from(await source.read(0, 3))).toEqual([0, 1, 2])
    await source.arrived
    expect(Array.from(await source.read(0, 10))).toEqual(Array.from(bytes))
    expect(new Set(buffers).size).toBe(1)
  })

  test('that breaks off is an error', async () => {
    let sent = false
    const answer = bytesOf(controller => {
      if (sent) throw new Error('connection reset')
      sent = true
      controller.byobRequest!.respond(2)
    })
    const source = await arrivingSource(answer, 'file')
    await expect(source.read(0, 10)).rejects.toThrow('file: the download broke off: connection reset')
  })
})
