/** A classifier in a worker, as its page sees it: nothing waits for a worker that has ended. */
import { expect, test } from 'vitest'
import { classifierInWorker, type MessagePortLike } from '../../src/classifier/worker.ts'

const picture = { pixels: new Uint8Array(1), width: 1, height: 1, channels: 1 } as const

/** A worker that loads and closes, answers no picture, and is silent once it has ended. */
function slowWorker() {
  const listeners = new Map<string, (event: { data?: unknown; message?: string }) => void>()
  let ends = 0
  const worker: MessagePortLike & { terminate(): void } = {
    postMessage(message) {
      const { id, picture } = message as { id: number; picture?: unknown }
      if (picture !== undefined) return
      queueMicrotask(() => ends === 0 && listeners.get('message')?.({ data: { id, value: { classes: ['a'] } } }))
    },
    addEventListener: (type, listener) => listeners.set(type, listener),
    terminate() {
      ends++
    },
  }
  const fail = () => listeners.get('error')?.({ message: 'out of memory' })
  return { worker, fail, ends: () => ends }
}

test('closed, it answers nothing more: neither what was asked before nor what is asked later', async () => {
  const { worker, ends } = slowWorker()
  const classify = await classifierInWorker(worker, new Uint8Array(1))
  const before = classify(picture)
  const first = classify.close()
  await expect(before).rejects.toThrow('the classifier is closed')
  await first
  await expect(classify(picture)).rejects.toThrow('the classifier is closed')
  await classify.close()
  expect(ends()).toBe(1)
})

test('two who close it at once both see it closed', async () => {
  const { worker, ends } = slowWorker()
  const classify = await classifierInWorker(worker, new Uint8Array(1))
  await Promise.all([classify.close(), classify.close()])
  expect(ends()).toBe(1)
})

test('a worker that has failed can be closed', async () => {
  const { worker, fail, ends } = slowWorker()
  const classify = await classifierInWorker(worker, new Uint8Array(1))
  fail()
  await classify.close()
  expect(ends()).toBe(1)
  await expect(classify(picture)).rejects.toThrow('the worker failed: out of memory')
})
