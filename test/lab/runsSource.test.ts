/** The stream of a page: one while the page can be seen, none while it is hidden, and nothing lost between. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { serverSource } from '../../lab/src/screens/runs/source.ts'

class Stream extends EventTarget {
  static readonly all: Stream[] = []
  readonly url: string
  isOpen = true
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  constructor(url: string) {
    super()
    this.url = url
    Stream.all.push(this)
  }
  close(): void {
    this.isOpen = false
  }
}

class Page extends EventTarget {
  hidden = false
  show(isShown: boolean): void {
    this.hidden = !isShown
    this.dispatchEvent(new Event('visibilitychange'))
  }
}

let page: Page
beforeEach(() => {
  page = new Page()
  Stream.all.length = 0
  vi.stubGlobal('document', page)
  vi.stubGlobal('EventSource', Stream)
})
afterEach(() => {
  vi.unstubAllGlobals()
})
const nobody = {
  onNews: () => undefined,
  onLog: () => undefined,
  onCut: () => undefined,
  onConnection: () => undefined,
}
const open = (): Stream[] => Stream.all.filter(({ isOpen }) => isOpen)

test('a hidden page has no stream; shown again, it goes on after the last line it was told', () => {
  const lines: string[] = []
  const end = serverSource('http://x/runs/').follow('1:0:00000000', {
    ...nobody,
    onLog: (_, all) => void lines.push(...all),
  })
  expect(open().map(({ url }) => url)).toEqual(['http://x/runs/stream?follow=1:0:00000000'])
  const event = new MessageEvent('log', { data: '1\nfirst\nsecond', lastEventId: '1:20:0a0b0c0d' })
  open()[0]!.dispatchEvent(event)
  page.show(false)
  expect(open()).toEqual([])
  page.show(false)
  page.show(true)
  page.show(true)
  expect(open().map(({ url }) => url)).toEqual(['http://x/runs/stream?follow=1:20:0a0b0c0d'])
  expect(lines).toEqual(['first', 'second'])
  end()
  page.show(false)
  page.show(true)
  expect(open()).toEqual([])
})

test('a page that is opened hidden has none until it is shown', () => {
  page.hidden = true
  serverSource('http://x/runs/').follow('', nobody)
  expect(Stream.all).toEqual([])
  page.show(true)
  expect(open()).toHaveLength(1)
})
