/** A reader of server-sent events, as browsers read them: https://html.spec.whatwg.org/multipage/server-sent-events.html. */

/** An event, with the id that a reader had after it. */
export interface ServerEvent {
  readonly type: string
  readonly data: string
  readonly id: string
}

/** A stream that is read. */
export class EventStream {
  readonly events: ServerEvent[] = []
  readonly #abort = new AbortController()
  #waiting: (() => void)[] = []
  #taken = 0

  /** Connects. @param lastId what a browser sends that was connected before */
  static async open(address: string, lastId?: string): Promise<EventStream> {
    const stream = new EventStream()
    const headers = lastId === undefined ? {} : { 'Last-Event-ID': lastId }
    const response = await fetch(address, { headers, signal: stream.#abort.signal })
    if (response.headers.get('Content-Type') !== 'text/event-stream') throw new Error(await response.text())
    stream.#read(response.body!).catch(() => undefined)
    return stream
  }

  /** The next event of a type that was not taken yet; those before it are passed over. */
  async next(type: string): Promise<ServerEvent> {
    for (;;) {
      while (this.#taken < this.events.length) {
        const event = this.events[this.#taken++]!
        if (event.type === type) return event
      }
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  close(): void {
    this.#abort.abort()
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    let [text, id] = ['', '']
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        const fields = block.split('\n').map(line => {
          const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line)!
          return [name!, value!] as const
        })
        const data = fields.filter(([name]) => name === 'data').map(([, value]) => value)
        id = fields.findLast(([name]) => name === 'id')?.[1] ?? id
        if (data.length === 0) continue
        const type = fields.findLast(([name]) => name === 'event')?.[1] ?? 'message'
        this.events.push({ type, data: data.join('\n'), id })
      }
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }
}
